/** @file Winograd convolutions against the definition in float64, beside direct ones. */
import { deepStrictEqual, equal, notDeepStrictEqual, ok } from "node:assert/strict";
import type { ConvolutionPart } from "../../../../tensor/contraction/contraction.ts";
import type { WatKernel } from "../../../../tensor/compiler/kernel_text.ts";
import { TILE_KINDS, type Tiles, tilesOf } from "../../../../tensor/devices/cpu/contraction/tiles.ts";
import { writeContraction } from "../../../../tensor/devices/cpu/contraction/write_contraction.ts";
import { convolutionOf, convolutionPart } from "../../../../tensor/contraction/convolution.ts";
import { chooseScheme, CPU_COSTS, SCHEMES } from "../../../../tensor/contraction/choice.ts";
import { winogradKernel } from "../../../../tensor/devices/cpu/winograd/winograd_conv.ts";
import { adjointConv, forwardConv, phasedConv, weightAdjoint } from "../../../../tensor/contraction/geometry.ts";
import type { Linear } from "../../../../tensor/contraction/scheme.ts";
import { winogradWeightGradientKernel } from "../../../../tensor/devices/cpu/winograd/winograd_weight_gradient.ts";
import { conv2d, cpuDevice, grad, random, sum, type Tensor } from "../../../../tensor/mod.ts";
import { type ConvCase, row, same } from "./conv_cases.ts";
import { convDefinition, convInputGradientDefinition, convShape, convWeightGradientDefinition } from "./definitions.ts";
import { assertSameBits, randomFloats, runKernel, type Sample, type Words } from "./harness.ts";

/**
 * Odd sizes, no, whole and lopsided padding, channels that fill no vector or panel, batches, one tile and many; weights that are
 * too many for a cache, also of each phase.
 */
const CASES: readonly ConvCase[] = [
  row([2, 9, 10, 20], [3, 3, 20, 18], { padding: same(1) }),
  row([1, 14, 15, 33], [3, 3, 33, 70], { padding: [[0, 2], [1, 0]] }),
  row([1, 5, 4, 16], [3, 3, 16, 17]),
  row([1, 3, 3, 16], [3, 3, 16, 16]),
  row([3, 4, 4, 96], [3, 3, 96, 72], { padding: same(1) }),
  row([1, 7, 6, 19], [3, 3, 19, 16], { padding: same(3) }),
  row([1, 9, 9, 400], [3, 3, 400, 21], { padding: same(1) }),
  row([1, 33, 35, 48], [3, 3, 48, 24], { padding: same(1) }),
  row([3, 33, 35, 16], [3, 3, 16, 20], { padding: same(1) }),
  row([2, 8, 9, 20], [4, 4, 20, 24], { padding: same(1), stride: [2, 2] }),
  row([1, 13, 9, 17], [4, 4, 17, 19], { padding: [[0, 1], [2, 1]], stride: [2, 2] }),
  row([1, 12, 7, 16], [4, 2, 16, 18], { padding: [[1, 1], [0, 1]], stride: [2, 1] }),
  row([1, 9, 9, 16], [2, 2, 16, 19], { padding: [[0, 0], [1, 1]] }),
  row([3, 9, 10, 258], [3, 3, 258, 250], { padding: same(1) }),
  row([2, 4, 6, 370], [4, 4, 370, 373], { padding: same(1), stride: [2, 2] }),
];

/** Root of the mean square of the error, relative to that of the values. */
function relativeError(actual: Words, expected: Float64Array): number {
  equal(actual.length, expected.length);
  const squares = (f: (i: number) => number) => expected.reduce((sum, _, i) => sum + f(i) ** 2, 0);
  return Math.sqrt(squares((i) => actual[i]! - expected[i]!) / squares((i) => expected[i]!));
}

/** Checks a kernel: its error is at most 6 times that of direct computation, plus 4 rounding errors, and its bits are the same in all tiles. */
function checkError(
  kernelIn: (tiles: Tiles) => WatKernel,
  direct: WatKernel,
  inputs: readonly Sample[],
  expected: Float64Array,
  output: Sample,
) {
  const [narrow, ...others] = TILE_KINDS.map((kind) => runKernel(kernelIn(tilesOf(kind)), inputs, output));
  others.forEach((other) => assertSameBits(other, narrow!));
  const error = relativeError(narrow!, expected);
  const bound = 6 * relativeError(runKernel(direct, inputs, output), expected) + 2 ** -22;
  ok(error <= bound, `error is ${error}, bound ${bound}`);
}

for (const { x: xShape, w: wShape, ...params } of CASES) {
  const [x, w] = [randomFloats(xShape, 1), randomFloats(wShape, 2)];
  const dy = randomFloats(convShape(xShape, wShape, params), 3);
  const whole = convolutionOf(xShape, wShape, dy.shape, params);
  const conv = phasedConv(whole)!;
  const directly = (part: ConvolutionPart) =>
    writeContraction(convolutionPart(whole, part), { winograd: false, tiles: () => "4x8" });
  for (const [name, scheme] of Object.entries(SCHEMES).filter(([, scheme]) => scheme.taps === conv.taps)) {
    Deno.test(`${name} convolves [${xShape}] with [${wShape}], ${JSON.stringify(params)}`, () => {
      const kernel = ({ rows }: Tiles) => winogradKernel(forwardConv(conv, scheme), rows);
      checkError(kernel, directly("output"), [x, w], convDefinition(x, w, dy.shape, params), dy);
    });
    Deno.test(`${name} gives the input gradient of [${xShape}] with [${wShape}], ${JSON.stringify(params)}`, () => {
      const kernel = ({ rows }: Tiles) => winogradKernel(adjointConv(conv, scheme), rows);
      checkError(kernel, directly("input"), [dy, w], convInputGradientDefinition(dy, w, xShape, params), x);
    });
    Deno.test(`${name} gives the weight gradient of [${xShape}] with [${wShape}], ${JSON.stringify(params)}`, () => {
      const kernel = ({ steps }: Tiles) => winogradWeightGradientKernel(weightAdjoint(conv, scheme), steps);
      checkError(kernel, directly("weight"), [x, dy], convWeightGradientDefinition(x, dy, wShape, params), w);
    });
  }
}

Deno.test("Weight gradients of many tiles and channels are added up in the same order in all tiles of registers", () => {
  const { x, w, ...params } = row([1, 28, 80, 100], [3, 3, 100, 90], { padding: same(1) });
  const [left, output] = [randomFloats(x, 1), randomFloats(w, 2)];
  const dy = randomFloats(convShape(x, w, params), 3);
  const conv = phasedConv(convolutionOf(x, w, dy.shape, params))!;
  const gradient = weightAdjoint(
    conv,
    Object.values(SCHEMES).find(({ taps, outputs }) => taps === 3 && outputs === 4)!,
  );
  const [narrow, ...others] = TILE_KINDS.map((kind) =>
    runKernel(winogradWeightGradientKernel(gradient, tilesOf(kind).steps), [left, dy], output)
  );
  others.forEach((other) => assertSameBits(other, narrow!));
});

/** The matrix of a linear map: column by column. */
function columnsOf({ lines, outputs }: Linear, inputs: number): readonly (readonly number[])[] {
  return Array.from({ length: inputs }, (_, j) => {
    const values = new Map(Array.from({ length: inputs }, (_, i) => [`${i}`, i === j ? 1 : 0]));
    for (const { name, terms } of lines) {
      values.set(name, terms.reduce((sum, [factor, term]) => sum + factor * values.get(term)!, 0));
    }
    return outputs.map((name) => values.get(name)!);
  });
}

for (const [name, scheme] of Object.entries(SCHEMES)) {
  Deno.test(`${name}: Aᵀ[(G w) ⊙ (Bᵀ d)] is the convolution, and the adjoint maps are transposes`, () => {
    const { outputs, taps, size } = scheme;
    const [b, g, a] = [columnsOf(scheme.input, size), columnsOf(scheme.weights, taps), columnsOf(scheme.output, size)];
    for (let i = 0; i < outputs * taps * size; i++) {
      const [k, j, l] = [Math.floor(i / taps / size), Math.floor(i / size) % taps, i % size];
      const value = a.reduce((sum, column, point) => sum + column[k]! * g[j]![point]! * b[l]![point]!, 0);
      ok(Math.abs(value - (l === k + j ? 1 : 0)) < 1e-12, `output ${k}, tap ${j}, input ${l}: ${value}`);
    }
    const transposed = (columns: readonly (readonly number[])[]) =>
      columns[0]!.map((_, i) => columns.map((c) => c[i]!));
    deepStrictEqual(columnsOf(scheme.outputGradient, outputs), transposed(a));
    deepStrictEqual(columnsOf(scheme.weightsGradient, size), transposed(g));
  });
}

Deno.test("phasedConv() refuses what is not made of equal short convolutions", () => {
  const params = { stride: [1, 1], padding: same(1), dilation: [1, 1], groups: 1 } as const;
  const of = (w: readonly number[], settings: Partial<typeof params> | object) =>
    phasedConv(convolutionOf([1, 12, 12, 32], w, [1, 12, 12, 32], { ...params, ...settings }));
  ok(of([3, 3, 32, 32], {}));
  equal(of([3, 3, 32, 32], { stride: [2, 2] }), null);
  equal(of([3, 3, 32, 32], { dilation: [2, 2] }), null);
  equal(of([3, 3, 16, 32], { groups: 2 }), null);
  equal(of([5, 5, 32, 32], {}), null);
  equal(of([3, 2, 32, 32], {}), null);
});

/** Batch, image size, channels in and out, kernel and stride, and the scheme that is fastest by measurement. */
const CHOICES: readonly (readonly [number, number, number, number, number, number, string])[] = [
  [8, 14, 768, 768, 3, 1, "F4X3"],
  [1, 224, 48, 24, 3, 1, "F4X3"],
  [32, 4, 768, 768, 3, 1, "F4X3"],
  [32, 2, 768, 768, 3, 1, "F2X3"],
  [1, 7, 512, 512, 3, 1, "F2X3"],
  [1, 4, 512, 512, 3, 1, "direct"],
  [1, 56, 4, 32, 3, 1, "direct"],
  [8, 14, 768, 768, 4, 2, "F4X2"],
  [8, 28, 384, 384, 4, 2, "F3X2"],
  [8, 112, 96, 96, 4, 2, "F4X2"],
];

Deno.test("chooseScheme() takes the fastest", () => {
  for (const [batch, size, channels, outChannels, kernel, stride, expected] of CHOICES) {
    const params = { stride: [stride, stride], padding: same(1), dilation: [1, 1], groups: 1 } as const;
    const [x, w] = [[batch, size, size, channels], [kernel, kernel, channels, outChannels]];
    const scheme = chooseScheme(phasedConv(convolutionOf(x, w, convShape(x, w, params), params))!, CPU_COSTS);
    const name = Object.entries(SCHEMES).find(([, known]) => known === scheme)?.[0] ?? "direct";
    equal(name, expected, `${kernel}×${kernel}, ${channels}→${outChannels} at ${size}, batch ${batch}`);
  }
});

/** A convolution of a size that takes Winograd's method, and its gradient, on a device; as bits. */
async function bitsOn(options: Parameters<typeof cpuDevice>[0]): Promise<readonly Uint32Array[]> {
  const device = cpuDevice(options);
  const [x, w] = [random.normal(random.key(1), [2, 20, 20, 24]), random.normal(random.key(2), [3, 3, 24, 40])];
  const y = (x: Tensor, w: Tensor) => conv2d(x, w, { padding: 1 });
  const [dx, dw] = grad(([x, w]: readonly [Tensor, Tensor]) => sum(y(x, w)))([x, w]);
  const bits: Uint32Array[] = [];
  for (const tensor of [y(x, w), dx, dw]) bits.push(new Uint32Array((await tensor.data({ device })).slice().buffer));
  device.close();
  return bits;
}

Deno.test("Winograd convolutions give the same bits with 1 and 2 threads and in every run", async () => {
  const once = await bitsOn({ threads: 1 });
  deepStrictEqual(await bitsOn({ threads: 2 }), once);
  deepStrictEqual(await bitsOn({ threads: 2 }), once);
});

Deno.test("cpuDevice({ winograd: false }) convolves directly", async () => {
  const [fast, direct] = [await bitsOn({ threads: 1 }), await bitsOn({ threads: 1, winograd: false })];
  fast.forEach((bits, i) => notDeepStrictEqual(bits, direct[i]));
  const floats = (bits: Uint32Array) => new Float32Array(bits.buffer);
  fast.forEach((bits, i) => ok(relativeError(floats(bits), Float64Array.from(floats(direct[i]!))) < 2e-6));
});
