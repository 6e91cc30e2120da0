import { templateWgsl } from "../../../../tensor/devices/webgpu/kernels/template.ts";
import { deepStrictEqual, equal, ok, rejects, throws } from "node:assert/strict";
import {
  conv2d,
  type Device,
  DeviceError,
  jit,
  matmul,
  type Tensor,
  tensor,
  webgpuDevice,
} from "../../../../tensor/mod.ts";
import {
  type LaunchTime,
  parseTuning,
  type TemplateKernel,
  tuneWebgpu,
  type TuningResult,
  type TuningTable,
  tuningText,
  type WgslLimits,
} from "../../../../tensor/kernel.ts";
import { shaderOf } from "../../../../tensor/devices/webgpu/emit/shader.ts";
import { closeCore } from "../../../../tensor/devices/webgpu/runtime/core.ts";
import { classesOf, tuneTiles } from "../../../../tensor/devices/webgpu/tuning/tune.ts";
import { openCore } from "../../../../tensor/devices/webgpu/webgpu_device.ts";
import { testWebgpu } from "../../../support/device_or_skip.ts";
import { LIMITS } from "../webgpu_kernels/harness.ts";

const TILE = { kind: "registers", rows: 4, columns: 4, across: 8, down: 8, depth: 0 } as const;
const TABLE: TuningTable = { adapter: "a", tiles: { "rows 2^0 of 2^6 by 2^6 by 2^6": TILE } };
const WINDOWS = "windows 2^0 of 2^4 by 2^4 by 2^3 through 3 by 3, stride 1 by 1, step 1 by 1";
const SHARED_WINDOWS = { kind: "workgroup", rows: 1, columns: 2, across: 2, down: 4, depth: 2 } as const;
const ORIGIN = { path: "some/table.json", adapter: "a" };

Deno.test("parseTuning() reads what tuningText() writes", () => {
  deepStrictEqual(parseTuning(tuningText(TABLE), ORIGIN), TABLE);
});

const DAMAGED: readonly (readonly [text: string, message: RegExp])[] = [
  ["", /must be a JSON object: current text is ; make it anew/],
  [tuningText(TABLE).slice(0, -20), /must be a JSON object/],
  ["[1]", /format must be tessera.tuning\/1: current format is absent/],
  [
    tuningText(TABLE).replace("tuning/1", "tuning/2"),
    /format must be tessera.tuning\/1: current format is tessera.tuning\/2/,
  ],
  [tuningText({ ...TABLE, adapter: "b" }), /must be of this adapter, a: current adapter is b/],
  [tuningText(TABLE).replace('"rows":4', '"rows":"4"'), /every tile .* current tile of rows 2\^0 of .* is \{"kind"/],
  [tuningText(TABLE).replace("registers", "sorcery"), /every tile must have a kind/],
  [tuningText(TABLE).replace('"across":8', '"across":1e9'), /every tile must have a kind and five sizes/],
  [tuningText(TABLE).replace(/"tiles": [^]*/, '"tiles": 3}'), /must hold tiles by class: current value of tiles is 3/],
];

Deno.test("parseTuning() refuses what is no table, damaged, or of another adapter, and names the file", () => {
  for (const [text, message] of DAMAGED) {
    throws(() => parseTuning(text, ORIGIN), (error) => {
      ok(error instanceof DeviceError && error.message.startsWith("Cannot read some/table.json as a tuning table as "));
      return message.test(error.message) || (ok(false, error.message), false);
    });
  }
});

Deno.test("Tables hold tiles of depthwise windows beside those of products, and classes that nothing asks for", () => {
  const tiles = { ...TABLE.tiles, [WINDOWS]: SHARED_WINDOWS, "tilings of another version": TILE };
  deepStrictEqual(parseTuning(tuningText({ ...TABLE, tiles }), ORIGIN).tiles, tiles);
});

/** A product, its kernel and its class. */
async function productOn(device: Device, times: LaunchTime[]) {
  const x = tensor(Float32Array.from({ length: 64 * 64 }, (_, i) => Math.sin(i)), { shape: [64, 64] });
  const values = await jit((x: Tensor) => matmul(x, x), { device })(x).data();
  const kernels = times.map(({ step }) => step.kernel).filter((kernel): kernel is TemplateKernel =>
    kernel.kind === "template"
  );
  return { values, kernel: kernels[0]! };
}

testWebgpu("tuneWebgpu() times tiles for the classes of kernels; a device uses the table it is given", async () => {
  const times: LaunchTime[] = [];
  const device = await webgpuDevice({ onLaunch: (time) => void times.push(time) });
  const { values, kernel } = await productOn(device, times);
  device.close();
  const [name] = classesOf(kernel, LIMITS);
  equal(name, "rows 2^0 of 2^6 by 2^6 by 2^6");
  const results: TuningResult[] = [];
  const table = await tuneWebgpu([kernel, kernel], { adapter: "mine", tell: (result) => void results.push(result) });
  deepStrictEqual(results.map((result) => [result.name, result.kernel]), [[name, "matmul"]], "each class once");
  ok(results[0]!.milliseconds <= results[0]!.defaultMilliseconds && results[0]!.milliseconds > 0);
  deepStrictEqual(Object.keys(table.tiles), results[0]!.tile ? [name] : []);
  for (const tiles of [table.tiles, { [name!]: TILE }]) {
    const tuned = await webgpuDevice({ tuning: { adapter: "mine", tiles } });
    const again = await productOn(tuned, []);
    again.values.forEach((value, i) => ok(Math.abs(value - values[i]!) < 1e-4));
    tuned.close();
  }
  // The table is what decides: other tiles are another text.
  const texts = [{}, { [name!]: TILE }, { [name!]: { ...TILE, rows: 8 } }].map((tiles) =>
    textOf(kernel, { ...LIMITS, tiles })
  );
  ok(texts[1] !== texts[2]);
});

/** All text of a kernel. */
function textOf(kernel: TemplateKernel, limits: WgslLimits): string {
  return templateWgsl(kernel, limits).passes.map((pass) => shaderOf(pass).code).join("\n");
}

/** A depthwise convolution, and the kernels that computed it. */
async function windowsOn(device: Device, times: LaunchTime[]) {
  const wave = (shape: readonly number[]) =>
    tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(i)), { shape });
  const [x, w] = [wave([1, 16, 13, 8]), wave([3, 3, 1, 8])];
  const program = jit((x: Tensor, w: Tensor) => conv2d(x, w, { padding: 1, groups: 8 }), { device });
  const values = await program(x, w).data({ device });
  return { values, kernels: times.map(({ step }) => step.kernel).filter((each) => each.kind === "template") };
}

testWebgpu("Tuning ends when it is told to, keeps what it found, and names what it did not come to", async () => {
  const times: LaunchTime[] = [];
  const device = await webgpuDevice({ onLaunch: (time) => void times.push(time) });
  const { kernel } = await productOn(device, times);
  const { kernels } = await windowsOn(device, times);
  device.close();
  const core = await openCore({ onLaunch: () => {} });
  /** Tuning that asks so many times whether it is over before it is. */
  const tuned = async (asks: number) => {
    const told: TuningResult[] = [];
    const state = { asks };
    const isOver = () => state.asks-- <= 0;
    const found = await tuneTiles(core, [kernel, ...kernels], { tell: (result) => void told.push(result), isOver });
    deepStrictEqual(found.results, told);
    return found;
  };
  const [name] = classesOf(kernel, LIMITS);
  deepStrictEqual(await tuned(0), { results: [], left: [name, WINDOWS] });
  const all = await tuned(Infinity);
  deepStrictEqual([all.left, all.results.map(({ untried }) => untried)], [[], [0, 0]]);
  const { left, results } = await tuned(3); // the class, and two of its tiles
  deepStrictEqual([left, results.map((result) => result.name)], [[WINDOWS], [name]]);
  ok(results[0]!.untried > 2 && results[0]!.milliseconds <= results[0]!.defaultMilliseconds);
  closeCore(core);
});

Deno.test("tuneWebgpu() refuses a time that is none", async () => {
  for (const seconds of [0, -1, NaN, "3" as never]) {
    await rejects(tuneWebgpu([], { adapter: "a", seconds }), /seconds must be a number above 0: current seconds is/);
  }
});

testWebgpu("tuneWebgpu() times variants of depthwise convolutions, and a pinned one gives the same bits", async () => {
  const times: LaunchTime[] = [];
  const device = await webgpuDevice({ onLaunch: (time) => void times.push(time) });
  const { values, kernels } = await windowsOn(device, times);
  device.close();
  deepStrictEqual(kernels.flatMap((kernel) => classesOf(kernel, LIMITS)), [WINDOWS]);
  const results: TuningResult[] = [];
  const table = await tuneWebgpu(kernels, { adapter: "mine", tell: (result) => void results.push(result) });
  deepStrictEqual(results.map((result) => [result.name, result.kernel]), [[WINDOWS, "conv"]]);
  deepStrictEqual(table.tiles, results[0]!.tile ? { [WINDOWS]: results[0]!.tile } : {});
  for (const tiles of [table.tiles, { [WINDOWS]: SHARED_WINDOWS }]) {
    const tuned = await webgpuDevice({ tuning: { adapter: "mine", tiles } });
    deepStrictEqual((await windowsOn(tuned, [])).values, values);
    tuned.close();
  }
  const texts = [{}, { [WINDOWS]: SHARED_WINDOWS }].map((tiles) =>
    textOf(kernels[0]!, { ...LIMITS, software: true, tiles })
  );
  deepStrictEqual(texts.map((text) => text.includes("var<workgroup>")), [false, true], "the table decides");
});
