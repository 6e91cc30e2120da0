import { kernelMapConvWat } from "../../../../tensor/devices/cpu/contraction/kernel_map_conv.ts";
import { kernelMapWeightGradientWat } from "../../../../tensor/devices/cpu/contraction/kernel_map_weight_gradient.ts";
import { sizeOf } from "../../../../tensor/spec.ts";
import { kernelMapTerms } from "./definitions.ts";
import { assertClose, randomFloats, randomInts, runKernel } from "./harness.ts";

// rows of x, rows of y, taps, channels in and out, groups
const CASES = [
  [1, 1, 1, 1, 1, 1],
  [10, 20, 9, 4, 8, 1],
  [50, 33, 9, 64, 24, 1],
  [31, 107, 49, 3, 10, 1],
  [40, 200, 1, 6, 7, 1],
  [20, 0, 9, 4, 4, 1],
  [0, 5, 3, 4, 4, 1],
  [30, 700, 4, 5, 9, 1],
  [12, 13, 9, 400, 12, 1],
  [2, 130, 9, 100, 21, 1],
  [1, 205, 9, 200, 200, 2],
  [1, 3, 9, 500, 101, 1],
  [2, 600, 9, 151, 21, 1],
  [20, 21, 9, 12, 6, 3],
  [20, 21, 9, 6, 12, 3],
  [60, 50, 49, 8, 8, 8],
  [60, 300, 9, 23, 23, 23],
  [10, 700, 49, 36, 36, 36],
  [5, 7, 1, 17, 17, 17],
] as const;

for (const [inRows, outRows, taps, inChannels, outChannels, groups] of CASES) {
  const name = `[${inRows}, ${inChannels}] to [${outRows}, ${outChannels}], ${taps} taps, ${groups} groups`;
  const x = randomFloats([inRows, inChannels], 1);
  const w = randomFloats([taps, inChannels / groups, outChannels], 2);
  const map = randomInts([outRows, taps], -1, inRows, 3);

  Deno.test(`kernelMapConvWat() convolves ${name}`, () => {
    const inputs = [x, w, map];
    const output = { shape: [outRows, outChannels], dtype: "float32" } as const;
    const expected = new Float64Array(sizeOf(output.shape));
    kernelMapTerms(map, x.shape, w.shape, (i, j, k) => expected[k]! += x.data[i]! * w.data[j]!);
    const actual = runKernel(kernelMapConvWat(inputs, output, { groups, transposeWeight: false }), inputs, output);
    assertClose(actual, expected, taps * inChannels / groups);
  });

  Deno.test(`kernelMapConvWat() contracts output channels, ${name}`, () => {
    const dy = randomFloats([outRows, outChannels], 5);
    const inputs = [dy, w, randomInts([inRows, taps], -1, outRows, 4)]; // any map will do
    const output = { shape: [inRows, inChannels], dtype: "float32" } as const;
    const expected = new Float64Array(sizeOf(output.shape));
    const perGroup = outChannels / groups;
    const channels = inChannels / groups;
    inputs[2]!.data.forEach((source, i) => {
      if (source < 0) return;
      for (let n = 0; n < outChannels; n++) {
        for (let c = 0; c < channels; c++) {
          const to = Math.floor(i / taps) * inChannels + Math.floor(n / perGroup) * channels + c;
          expected[to]! += dy.data[source * outChannels + n]! * w.data[(i % taps * channels + c) * outChannels + n]!;
        }
      }
    });
    const actual = runKernel(kernelMapConvWat(inputs, output, { groups, transposeWeight: true }), inputs, output);
    assertClose(actual, expected, taps * perGroup);
  });

  Deno.test(`kernelMapWeightGradientWat() gives ${name}`, () => {
    const dy = randomFloats([outRows, outChannels], 5);
    const inputs = [x, dy, map];
    const output = { shape: w.shape, dtype: "float32" } as const;
    const expected = new Float64Array(sizeOf(output.shape));
    kernelMapTerms(map, x.shape, w.shape, (i, j, k) => expected[j]! += x.data[i]! * dy.data[k]!);
    assertClose(runKernel(kernelMapWeightGradientWat(inputs, output, { groups }), inputs, output), expected, outRows);
  });
}
