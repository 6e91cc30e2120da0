import { deepStrictEqual, match } from "node:assert/strict";
import { pairsOf, pairTable } from "./pairs.ts";
import { type Scenario, smallOptions } from "./scenarios.ts";
import { differences, done, resultOf, train } from "./training.ts";
import { testFiles, withFolder } from "../data/support.ts";

const files = Object.fromEntries(Object.entries(testFiles(8)).map(([name, bytes]) => [`images/${name}`, bytes]));

Deno.test("of two runs that start at once in one place one is done, the other refused, and nothing is lost", () =>
  withFolder(files, async (root) => {
    const start = (folder: string) => [...smallOptions(root, 3), "--out", folder];
    const whole = `${root}/whole`;
    const { milliseconds, firstStep } = done(await train("pretrain", start(whole), whole));
    const scenario: Scenario = {
      ...{ name: "new", trainer: "pretrain", start, again: () => undefined, prepare: () => Promise.resolve() },
      ...{ expected: await resultOf(whole), milliseconds, firstStep },
    };
    const tally = await pairsOf(scenario, 1, root);
    deepStrictEqual(tally, {
      ...{ what: "two new runs", pairs: 1, right: 1, both: 0, neither: 0, lost: 0, problems: [] },
    });
    match(pairTable([tally]), /\| two new runs +\| +1 \| +1 \| +0 \| +0 \| +0 \|$/);
    // What a run comes to is compared, not only that it ends.
    const { expected } = scenario;
    deepStrictEqual(await differences(whole, { ...expected, losses: "1,2,3" }), ["other losses"]);
    deepStrictEqual(await differences(whole, { ...expected, bits: expected.bits.subarray(1) }), ["other bits"]);
    const kept = { ...expected.kept, best: new Uint8Array(1) };
    deepStrictEqual(await differences(whole, { ...expected, kept }), ["another best"]);
    await Deno.writeTextFile(`${whole}/run.lock`, "");
    deepStrictEqual(await differences(whole, expected), ["a lock is left"]);
  }));
