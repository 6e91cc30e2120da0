import { convolutionOf } from "../../../../tensor/contraction/convolution.ts";
import { deepStrictEqual, equal, ok } from "node:assert/strict";
import { winogradWeightGradientWgsl } from "../../../../tensor/devices/webgpu/winograd/winograd_weight_gradient.ts";
import { winogradWgsl } from "../../../../tensor/devices/webgpu/winograd/winograd.ts";
import { SCHEMES } from "../../../../tensor/contraction/choice.ts";
import { adjointConv, forwardConv, phasedConv, weightAdjoint } from "../../../../tensor/contraction/geometry.ts";
import { shaderOf } from "../../../../tensor/devices/webgpu/emit/shader.ts";
import type { WgslKernel, WgslLimits } from "../../../../tensor/compiler/kernel_text.ts";
import { type ConvCase, row, same } from "../cpu_kernels/conv_cases.ts";
import {
  convDefinition,
  convInputGradientDefinition,
  convShape,
  convWeightGradientDefinition,
} from "../cpu_kernels/definitions.ts";
import { gpuTest, LIMITS, randomFloats, runKernel, type Sample } from "./harness.ts";
import { writtenConv } from "./written.ts";

/** Odd sizes, no, whole and lopsided padding, strides, one tile and many, several parts of a batch. */
const CASES: readonly ConvCase[] = [
  row([2, 9, 10, 20], [3, 3, 20, 8], { padding: same(1) }),
  row([1, 14, 15, 12], [3, 3, 12, 24], { padding: [[0, 2], [1, 0]] }),
  row([1, 5, 4, 8], [3, 3, 8, 12]),
  row([3, 3, 3, 8], [3, 3, 8, 8]),
  row([1, 7, 6, 8], [3, 3, 8, 16], { padding: same(3) }),
  row([2, 8, 9, 8], [4, 4, 8, 12], { padding: same(1), stride: [2, 2] }),
  row([1, 13, 9, 8], [4, 4, 8, 4], { padding: [[0, 1], [2, 1]], stride: [2, 2] }),
  row([1, 12, 7, 8], [4, 2, 8, 8], { padding: [[1, 1], [0, 1]], stride: [2, 1] }),
  row([1, 9, 9, 8], [2, 2, 8, 8], { padding: [[0, 0], [1, 1]] }),
];

/** Root of the mean square of the error, relative to that of the values. */
function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  equal(actual.length, expected.length);
  const squares = (f: (i: number) => number) =>
    Array.from(expected, (_, i) => f(i) ** 2).reduce((sum, x) => sum + x, 0);
  return Math.sqrt(squares((i) => actual[i]! - expected[i]!) / squares((i) => expected[i]!));
}

/** Checks a kernel: its error is at most 6 times that of direct computation, plus 8 rounding errors. */
async function checkError(
  kernel: WgslKernel,
  direct: WgslKernel,
  inputs: readonly Sample[],
  { expected, output }: { readonly expected: ArrayLike<number>; readonly output: Sample },
) {
  const error = relativeError(await runKernel(kernel, inputs, output), expected);
  const bound = 6 * relativeError(await runKernel(direct, inputs, output), expected) + 2 ** -21;
  ok(error <= bound, `error is ${error}, bound ${bound}`);
}

for (const { x: xShape, w: wShape, ...params } of CASES) {
  const [x, w] = [randomFloats(xShape, 1), randomFloats(wShape, 2)];
  const dy = randomFloats(convShape(xShape, wShape, params), 3);
  const conv = phasedConv(convolutionOf(xShape, wShape, dy.shape, params))!;
  const label = `[${xShape}] with [${wShape}], ${JSON.stringify(params)}`;
  gpuTest(`winogradWgsl() convolves forward and back, and with respect to weights, ${label}`, async () => {
    const settings = { ...params, inputSize: [xShape[1]!, xShape[2]!] as const };
    const shapes = [xShape, wShape, dy.shape] as const;
    const direct = writtenConv(shapes, params, "output", LIMITS);
    const directBack = writtenConv(shapes, params, "input", LIMITS);
    const kernel = { ...params, kernelSize: [wShape[0]!, wShape[1]!] as const };
    const directWeights = writtenConv(shapes, params, "weight", LIMITS);
    const dw = { expected: convWeightGradientDefinition(x, dy, wShape, kernel), output: w };
    const y = { expected: convDefinition(x, w, dy.shape, params), output: dy };
    const dx = { expected: convInputGradientDefinition(dy, w, xShape, settings), output: x };
    for (const scheme of Object.values(SCHEMES).filter(({ taps }) => taps === conv.taps)) {
      for (const maxBytes of [2 ** 25, 5000, 1]) { // the batch at once, perhaps two images and one, image by image
        await checkError(winogradWgsl(forwardConv(conv, scheme), LIMITS, maxBytes)!, direct, [x, w], y);
        await checkError(winogradWgsl(adjointConv(conv, scheme), LIMITS, maxBytes)!, directBack, [dy, w], dx);
        if (conv.taps < 3) continue;
        const gradient = winogradWeightGradientWgsl(weightAdjoint(conv, scheme), LIMITS, maxBytes)!;
        await checkError(gradient, directWeights, [x, dy], dw);
      }
    }
  });
}

gpuTest("Convolutions use Winograd's method where it is allowed, faster, and fits the device", async () => {
  const shapes = [[2, 32, 32, 64], [3, 3, 64, 64], [2, 32, 32, 64]] as const;
  const [x, w, y] = shapes.map((shape, i) => randomFloats(shape, i)) as [Sample, Sample, Sample];
  const params = { stride: [1, 1], padding: same(1), dilation: [1, 1], groups: 1 } as const;
  const passes = (limits: object) => writtenConv(shapes, params, "output", { ...LIMITS, ...limits }).passes.length;
  equal(passes({}), 1);
  equal(passes({ winograd: true }), 4);
  equal(passes({ winograd: true, maxBindingBytes: 2 ** 20 }), 1);
  const [odd, wide] = [[2, 32, 32, 66], [3, 3, 66, 64]];
  equal(writtenConv([odd!, wide!, shapes[2]], params, "output", { ...LIMITS, winograd: true }).passes.length, 1);
  const fast = writtenConv(shapes, params, "output", { ...LIMITS, winograd: true });
  const direct = writtenConv(shapes, params, "output", LIMITS);
  await checkError(fast, direct, [x, w], { expected: convDefinition(x, w, y.shape, params), output: y });
});

Deno.test("Convolutions with strides, and their gradients, are direct: also 3×6 with stride 2, of 3×3 taps a phase", () => {
  for (const [kernel, stride] of [[[3, 6], [1, 2]], [[6, 3], [2, 1]], [[6, 6], [2, 2]], [[4, 4], [2, 2]]] as const) {
    const { x, w, ...params } = row([4, 48, 48, 32], [...kernel, 32, 32], { padding: same(2), stride });
    const shapes = [x, w, convShape(x, w, params)] as const;
    const kernels = (limits: WgslLimits) =>
      (["output", "input", "weight"] as const).map((part) => writtenConv(shapes, params, part, limits))
        .map(({ passes }) => passes.map((pass) => shaderOf(pass)));
    deepStrictEqual(kernels({ ...LIMITS, winograd: true }), kernels(LIMITS), `${kernel}, stride ${stride}`);
  }
});
