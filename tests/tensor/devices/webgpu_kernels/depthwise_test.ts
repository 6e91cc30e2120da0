import { shaderOf } from "../../../../tensor/devices/webgpu/emit/shader.ts";
import { deepStrictEqual, equal, ok } from "node:assert/strict";
import type { TileVariant, WgslKernel, WgslLimits } from "../../../../tensor/compiler/kernel_text.ts";
import {
  chooseWindowTile,
  classOfWindows,
  windowBytes,
  windowCandidates,
  type WindowShape,
  windowsOfClass,
} from "../../../../tensor/devices/webgpu/depthwise/depthwise_tiles.ts";
import { type ConvCase, row, same } from "../cpu_kernels/conv_cases.ts";
import { convDefinition, convInputGradientDefinition, convShape } from "../cpu_kernels/definitions.ts";
import { assertClose, gpuTest, LIMITS, randomFloats, runKernel } from "./harness.ts";
import { writtenConv } from "./written.ts";

/** A depthwise convolution of `[images, height, width, channels]` with windows of `[kh, kw]`. */
function depthwise(
  x: readonly number[],
  [kh, kw]: readonly [number, number],
  settings: Partial<ConvCase> = {},
): ConvCase {
  const channels = x.at(-1)!;
  return row(x, [kh, kw, 1, channels], { groups: channels, ...settings });
}

/** Large and small windows, strides, dilations, single rows and columns, sizes that no tile divides, odd channels. */
const CASES: readonly ConvCase[] = [
  depthwise([2, 17, 19, 20], [7, 7], { padding: same(3) }),
  depthwise([1, 7, 7, 96], [7, 7], { padding: same(3) }),
  depthwise([2, 11, 13, 4], [5, 5], { padding: same(2), stride: [2, 2] }),
  depthwise([1, 12, 14, 20], [5, 5], { padding: [[2, 1], [0, 3]], stride: [1, 2] }),
  depthwise([1, 13, 16, 8], [3, 3], { padding: same(2), dilation: [2, 2] }),
  depthwise([1, 14, 15, 12], [5, 3], { padding: same(4), dilation: [1, 3], stride: [3, 2] }),
  depthwise([3, 1, 40, 20], [1, 7], { padding: [[0, 0], [3, 3]] }),
  depthwise([2, 30, 1, 8], [7, 1], { padding: [[3, 3], [0, 0]] }),
  depthwise([1, 1, 9, 4], [7, 7], { padding: same(3) }),
  depthwise([1, 10, 21, 3], [7, 7], { padding: same(3) }),
  depthwise([2, 9, 18, 23], [3, 4], { padding: [[1, 2], [0, 1]] }),
  depthwise([1, 2, 40, 8], [7, 7], { padding: [[6, 6], [2, 0]] }),
  depthwise([1, 40, 33, 36], [5, 5], { padding: same(2) }),
];

/** Rows, columns, across, down, depth. */
const SHARED: readonly TileVariant[] = ([
  [2, 4, 2, 4, 2],
  [1, 3, 4, 2, 1],
  [2, 5, 1, 3, 3],
  [2, 1, 8, 1, 1],
] as const).map(([rows, columns, across, down, depth]) => ({ kind: "workgroup", rows, columns, across, down, depth }));
const OWN: readonly TileVariant[] = [[1, 4], [2, 7]].map(([rows, columns]) => (
  { kind: "registers", rows: rows!, columns: columns!, across: 1, down: 1, depth: 0 }
));

const withTile = (tile: TileVariant): WgslLimits => ({ ...LIMITS, tiles: new Proxy({}, { get: () => tile }) });
const spec = (shape: readonly number[]) => ({ shape, dtype: "float32" } as const);

/** The forward pass and the input gradient of a case: how each is written, what it reads and what it must write. */
function passesOf({ x: xShape, w: wShape, ...settings }: ConvCase) {
  const yShape = convShape(xShape, wShape, settings);
  const [x, w, dy] = [randomFloats(xShape, 1), randomFloats(wShape, 2), randomFloats(yShape, 3)];
  const shapes = [xShape, wShape, yShape] as const;
  const back = { ...settings, inputSize: [xShape[1]!, xShape[2]!] } as const;
  return [{
    write: (tile: TileVariant) => writtenConv(shapes, settings, "output", withTile(tile)),
    inputs: [x, w],
    output: spec(yShape),
    expected: convDefinition(x, w, yShape, settings),
  }, {
    write: (tile: TileVariant) => writtenConv(shapes, settings, "input", withTile(tile)),
    inputs: [dy, w],
    output: spec(xShape),
    expected: convInputGradientDefinition(dy, w, xShape, back),
  }];
}

/** True if some pass has memory of a group. */
function shares({ passes }: WgslKernel): boolean {
  return passes.some((pass) => shaderOf(pass).code.includes("var<workgroup>"));
}

for (const each of CASES) {
  const { x: xShape, w: wShape, stride, dilation } = each;
  const label = `[${xShape}] with [${wShape}], stride [${stride}], dilation [${dilation}]`;
  gpuTest(`Depthwise convolution and input gradient of ${label} are right and the same in all tiles`, async () => {
    for (const { write, inputs, output, expected } of passesOf(each)) {
      const plain = await runKernel(write(OWN[0]!), inputs, output);
      assertClose(plain, expected, wShape[0]! * wShape[1]!);
      for (const tile of [OWN[1]!, ...SHARED]) {
        const kernel = write(tile);
        equal(shares(kernel), tile.kind === "workgroup", "the tile that is pinned is the one that runs");
        const actual = await runKernel(kernel, inputs, output);
        equal(
          actual.findIndex((value, i) => !Object.is(value, plain[i])),
          -1,
          `first other bit in ${JSON.stringify(tile)}`,
        );
      }
    }
  });
}

/** Windows of `taps` by `taps` over images of 56 by 56. */
function windows(taps: number, { channels = 96, stride = 1, size = 56 } = {}): WindowShape {
  const axis = { outputs: size, stride, step: 1, taps };
  return { images: 8, channels, y: axis, x: axis };
}

Deno.test("chooseWindowTile() shares on GPUs where windows have many taps, and keeps to registers elsewhere", () => {
  const kindOn = (traits: Partial<WgslLimits>, shape = windows(7)) =>
    chooseWindowTile({ ...LIMITS, ...traits }, shape).kind;
  equal(kindOn({ vendor: "nvidia" }), "workgroup");
  equal(kindOn({}, windows(5)), "workgroup");
  equal(kindOn({}, windows(7, { size: 1 })), "workgroup");
  equal(kindOn({ software: true }), "registers");
  equal(kindOn({ vendor: "apple" }), "registers");
  equal(kindOn({ vendor: "4203" }), "registers");
  equal(kindOn({}, windows(3)), "registers");
  equal(kindOn({}, windows(7, { stride: 2 })), "registers");
  equal(kindOn({}, windows(7, { channels: 23 })), "registers");
  equal(kindOn({ maxWorkgroupBytes: 4096 }), "registers");
  equal(chooseWindowTile({ ...LIMITS, software: true }, windows(7)).columns, 14);
});

Deno.test("Tiles of windows stay inside the limits, whatever a table says", () => {
  const shape = windows(7);
  for (const [bytes, invocations] of [[16384, 256], [9000, 256], [16384, 16], [32768, 1024]] as const) {
    const limits = { ...LIMITS, maxWorkgroupBytes: bytes, maxInvocations: invocations };
    for (const tile of windowCandidates(limits, shape).filter(({ kind }) => kind === "workgroup")) {
      ok(tile.across * tile.down * tile.depth <= invocations, JSON.stringify(tile));
      ok(windowBytes(shape, tile) <= bytes, JSON.stringify(tile));
    }
  }
  const [name, fallen] = [classOfWindows(shape), chooseWindowTile(LIMITS, shape)];
  const pin = (tile: TileVariant) => chooseWindowTile({ ...LIMITS, tiles: { [name]: tile } }, shape);
  const fitting = { kind: "workgroup", rows: 1, columns: 2, across: 2, down: 2, depth: 4 } as const;
  deepStrictEqual(pin(fitting), fitting);
  deepStrictEqual(pin({ ...fitting, down: 64 }), fallen, "too much memory");
  deepStrictEqual(pin({ ...fitting, columns: 1, across: 1, down: 1, depth: 0 }), fallen, "nothing to load");
  deepStrictEqual(pin({ ...fitting, kind: "subgroup" }), fallen, "no such variant");
});

Deno.test("The class of windows tells all that a tile depends on, forward and backward alike", () => {
  const axes = { y: { outputs: 30, stride: 1, step: -2, taps: 5 }, x: { outputs: 56, stride: 3, step: 1, taps: 7 } };
  const name = classOfWindows({ images: 8, channels: 96, ...axes });
  equal(name, "windows 2^3 of 2^5 by 2^6 by 2^7 through 5 by 7, stride 1 by 3, step 2 by 1");
  deepStrictEqual(windowsOfClass(name), {
    images: 8,
    channels: 128,
    y: { outputs: 32, stride: 1, step: 2, taps: 5 },
    x: { outputs: 64, stride: 3, step: 1, taps: 7 },
  });
  equal(windowsOfClass("rows 2^0 of 2^6 by 2^6 by 2^6"), null);
});
