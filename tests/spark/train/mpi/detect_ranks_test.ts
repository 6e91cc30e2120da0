import { deepStrictEqual, equal, match, ok } from "node:assert/strict";
import { join } from "node:path";
import type { StepRecord } from "../../../../spark/train/metrics.ts";
import { compare, type Result, resultOf } from "../../../ranks/results.ts";
import { mpirun, testMpi } from "../../../support/mpirun.ts";

const DETECT = new URL("../../../../spark/commands/detect_train/detect_train.ts", import.meta.url).pathname;

/** A detector of a few channels, on scenes; each evaluation takes its statistics anew. */
const SMALL = [
  ...["--model", "tiny_resnet8", "--input-size", "32", "--batch-size", "3", "--device", "cpu", "--workers", "0"],
  ...["--fpn-channels", "8", "--box-fcs", "8", "--mask-convs", "8", "--rpn-batch", "8", "--roi-batch", "8"],
  ...["--pre-nms", "20,20", "--post-nms", "10,10", "--schedule", "step", "--decay-at", "0.99", "--warmup-epochs", "0"],
  ...["--scenes", "6", "--scenes-to-score", "2", "--scene-emoji", "1", "--precise", "1", "--ema", "0.9"],
];

/** What a run of the command leaves. */
async function train(
  ranks: number,
  out: string,
  further: readonly string[],
): Promise<Result & { readonly said: string }> {
  const { code, stdout, stderr } = await mpirun(ranks, [DETECT, ...further, "--out", out]);
  equal(code, 0, stderr);
  return { ...await resultOf(out), said: stdout };
}

testMpi(
  "Two ranks train a detector as one process does, and one goes on with what two began; the first alone writes and evaluates",
  async () => {
    const root = await Deno.makeTempDir();
    const [one, two] = [join(root, "one"), join(root, "two")];
    const alone = await train(1, one, [...SMALL, "--steps", "3", "--eval-every", "2"]);
    const half = await train(2, two, [...SMALL, "--steps", "2", "--eval-every", "2", "--sync-bn"]);
    match(half.said, /2 steps of 3[^]*, by 2 ranks of Open MPI/);
    equal(half.said.match(/box AP/g)?.length, alone.said.match(/box AP/g)!.length / 2); // two sets of images, once and twice
    const log = await Deno.readTextFile(join(two, "log.jsonl"));
    const [head, ...lines] = log.trim().split("\n").map((line) => JSON.parse(line));
    deepStrictEqual([head.ranks, head.hosts], [2, [Deno.hostname(), Deno.hostname()]]);
    const steps = lines.filter(({ step }) => step !== undefined) as readonly Required<StepRecord>[];
    deepStrictEqual(steps.map(({ ranks, waited }) => [ranks, waited.length]), [[2, 2], [2, 2]]);
    match(await Deno.readTextFile(join(two, "report.html")), /<th>ranks<\/th><td>2 of Open MPI/);
    const { loss, leaves } = compare(await train(1, two, ["--resume", two, "--extend", "--steps", "3"]), alone);
    ok(loss < 1e-5, `losses differ by ${loss}`);
    deepStrictEqual(Object.entries(leaves).filter(([, distance]) => distance > 2e-4), []);
    await Deno.remove(root, { recursive: true });
  },
);

testMpi("Objects without a place are counted on all ranks: two say of them what one process says", async () => {
  const root = await Deno.makeTempDir();
  const said = async (ranks: number) => {
    const further = [...SMALL, "--steps", "2", "--eval-every", "2", "--scene-objects", "2,4", "--objects", "1"];
    const { said } = await train(ranks, join(root, `${ranks}`), further);
    return said.replaceAll(/\s+/g, " ").match(/Leaves out the smallest objects [^;]*; raise --objects/g);
  };
  const one = await said(1);
  equal(one?.length, 2);
  deepStrictEqual(await said(2), one);
  await Deno.remove(root, { recursive: true });
});
