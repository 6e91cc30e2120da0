import { deepStrictEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { add, cpuDevice, jit, matmul, ones, type Tensor, tensor, toDevice } from "../../../tensor/mod.ts";
import { adapterHere, parseTuning, profile, tune, type TuningResult, tuningText } from "../../../tensor/kernel.ts";
import { testWebgpu } from "../../support/device_or_skip.ts";

const layer = (x: Tensor, { w, b }: { w: Tensor; b: Tensor }) => add(matmul(x, w), b);
const params = { w: ones([64, 16]), b: ones([16]) };

Deno.test("profile() names each kernel with its shapes and its work", async () => {
  const found = await profile(jit(layer), { device: "cpu", runs: 3 })(ones([32, 64]), params);
  equal(found.device, "cpu");
  const names = found.kernels.map(({ kernel }) => kernel).toSorted();
  deepStrictEqual(names, ["map [32,16], 2 in 1 out: add", "matmul [32,64]·[64,16] → [32,16]"]);
  const { launches, flops, bytes } = found.kernels.find(({ kernel }) => kernel.startsWith("matmul"))!;
  deepStrictEqual([launches, flops, bytes], [1, 2 * 32 * 64 * 16, 4 * (32 * 64 + 64 * 16 + 32 * 16)]);
  const total = found.kernels.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  ok(Math.abs(total - found.milliseconds) < 1e-9 && total > 0);
  equal(found.stats.flops, 2 * 32 * 64 * 16);
  ok(found.limits.gflops > 0 && found.limits.gigabytesPerSecond > 0);
  const text = String(found);
  ok(text.includes("matmul [32,64]·[64,16] → [32,16]") && text.includes("% of limit"), text);
  const { traceEvents } = found.trace();
  const spans = traceEvents.filter(({ ph, tid }) => ph === "X" && tid === 1).map(({ name }) => name);
  deepStrictEqual(spans, [1, 2, 3].flatMap((run) => [`run ${run}: call`, `run ${run}: wait`]));
  equal(traceEvents.filter(({ cat }) => cat === "kernel").length, found.times.length);
});

Deno.test("profile() takes tensors of other devices, and plain arguments", async () => {
  const own = cpuDevice({ threads: 1 });
  const x = await toDevice(tensor([[1, 2]]), own);
  const repeat = (x: Tensor, count: number) => Array.from({ length: count }).reduce<Tensor>((y) => add(y, x), x);
  const found = await profile(repeat, { device: "cpu", static: [1] })(x, 2);
  equal(found.kernels.length, 1);
  own.close();
});

Deno.test("profile() refuses what it cannot do", async () => {
  throws(
    () => profile(layer, { device: "reference" as never }),
    /must be "cpu" or "webgpu": current device is reference/,
  );
  throws(() => profile(layer, { runs: 0 }), /runs must be whole and at least 1: current runs is 0/);
  throws(() => profile(layer, { run: 3 } as never), TypeError);
  throws(() => tune(layer, { runs: 3 } as never), TypeError);
  await rejects(profile(layer, { device: "cpu" })(ones([3, 3]), params), /matmul/);
});

testWebgpu("tune() times the tiles of a function's products, and gives a table that a device takes", async () => {
  const told: TuningResult[] = [];
  const table = await tune((x: Tensor) => matmul(x, x), { tell: (result) => void told.push(result) })(ones([32, 32]));
  equal(table.adapter, await adapterHere());
  deepStrictEqual(told.map(({ kernel }) => kernel), ["matmul"]);
  equal(Object.keys(table.tiles).length, told.filter(({ tile }) => tile).length);
  deepStrictEqual(parseTuning(tuningText(table), { path: "t.json", adapter: table.adapter }), table);
});
