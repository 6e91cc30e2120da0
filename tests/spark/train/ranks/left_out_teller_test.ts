import { deepStrictEqual } from "node:assert/strict";
import { alone, type Collective } from "../../../../tensor/mod.ts";
import { leftOutTeller } from "../../../../spark/train/ranks/left_out_teller.ts";

/** Two ranks of which the other met and counted the same. */
const TWINS: Collective = {
  ...alone(),
  size: 2,
  allReduce(values) {
    values.set(values.map((x) => 2 * x));
    return { poll: () => true, wait: () => {} };
  },
  allGather: (values, all) => [0, 1].forEach((rank) => all.set(values, rank * values.length)),
};

const CASES: readonly (readonly [string, Collective, readonly string[]])[] = [
  ["one process, at once", alone(), ["3", "Skips a.png as empty", "log", "12", "log", "102", "log"]],
  ["two ranks, whenever metrics are logged", TWINS, ["log", "6", "Skips a.png as empty", "log", "24", "log", "204"]],
];

for (const [name, collective, expected] of CASES) {
  Deno.test(`What is left out is told by ${name}: objects at powers of ten, each file once`, async () => {
    const log = await Deno.makeTempFile();
    const said: string[] = [];
    const teller = leftOutTeller(collective, { note: (line) => said.push(line), log });
    const results = teller.beside({ log: () => void said.push("log") });
    for (const counts of [[3], [1, 8], [90]]) {
      counts.forEach(teller.onLeftOut);
      if (counts[0] !== 90) teller.onSkip({ name: "a.png", reason: "empty" });
      results.log();
    }
    deepStrictEqual([said, teller.files()], [expected, 1]);
    deepStrictEqual(await Deno.readTextFile(log), `{"skipped":"a.png","reason":"empty"}\n`);
    await Deno.remove(log);
  });
}
