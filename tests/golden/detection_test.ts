import { deepStrictEqual, ok } from "node:assert/strict";
import { cpuDevice } from "../../tensor/mod.ts";
import golden from "./detection.json" with { type: "json" };
import { type Bench, boxPairs, equalPairs, line } from "./detection/format.ts";
import { runsOf } from "./detection/run.ts";

/** Parts that the suite runs; the command runs all, on every device. */
const PARTS = ["ops.roiAlign", "ops.multiscaleRoiAlign", "ops.levels", "ops.nms", "ops.anchors", "ops.boxCoder", "ops.matcher",
  "ops.fpn", "ops.paste", "ops.maskTargets", "ops.losses", "ops.resize", "models.torchvision-frozen"];

for (const part of PARTS) {
  Deno.test(`detectors agree with their traces on the cpu: ${part}`, async () => {
    const device = await cpuDevice();
    const bench: Bench = { device, precision: "float32", dtype: "float32" };
    const runs = runsOf(golden, bench).filter(([name]) => name === part);
    ok(runs.length > 0);
    for (const [, run] of runs) {
      deepStrictEqual((await run()).filter(({ error, tolerance }) => !(error <= tolerance)), []);
    }
    device.close();
  });
}

Deno.test("lines of golden files fail where numbers differ, are too many or too few", () => {
  const bench = { precision: "float32" } as Bench;
  const failed = (pairs: Parameters<typeof line>[3], quantity = "counts") => {
    const { error, tolerance } = line(bench, "case", quantity, pairs);
    return !(error <= tolerance);
  };
  deepStrictEqual(failed(equalPairs("x", [1, 2], [1, 2])), false);
  ok(failed(equalPairs("x", [1, 3], [1, 2])));
  ok(failed(equalPairs("x", [1], [1, 2])));
  ok(failed(equalPairs("x", [1, NaN], [1, 2])));
  ok(failed(equalPairs("x", [1, 2, 3], [1, 2])));
  deepStrictEqual(failed(boxPairs(bench, "x", [0, 0, 10, 10.0015], [[0, 0, 10, 10]]), "boxes"), false);
  ok(failed(boxPairs(bench, "x", [0, 0, 10, 10.01], [[0, 0, 10, 10]]), "boxes"));
});

Deno.test("a part of a golden file that nothing checks fails", async () => {
  const [[, run]] = runsOf({ ops: { surprise: [] } }, {} as Bench) as unknown as [[string, () => Promise<unknown>]];
  ok(await run().then(() => false, () => true));
});
