import { equal } from "node:assert/strict";
import { conv2dWeightGradientWat } from "../../../../tensor/devices/cpu/contraction/conv2d_weight_gradient.ts";
import { sizeOf } from "../../../../tensor/spec.ts";
import { CONV_CASES } from "./conv_cases.ts";
import { convShape, convWeightGradientDefinition } from "./definitions.ts";
import { assertClose, randomFloats, runKernel } from "./harness.ts";

for (const { x: xShape, w: wShape, ...settings } of CONV_CASES) {
  Deno.test(`conv2dWeightGradientWat() gives [${xShape}] with [${wShape}], ${JSON.stringify(settings)}`, () => {
    const params = { ...settings, kernelSize: [wShape[0]!, wShape[1]!] as const };
    const [x, dy] = [randomFloats(xShape, 1), randomFloats(convShape(xShape, wShape, settings), 2)];
    const output = { shape: wShape, dtype: "float32" } as const;
    const actual = runKernel(conv2dWeightGradientWat([x, dy], output, params, { winograd: false }), [x, dy], output);
    assertClose(actual, convWeightGradientDefinition(x, dy, wShape, params), sizeOf(dy.shape.slice(0, 3)));
  });
}

Deno.test("conv2dWeightGradientWat() adds slabs of rows", () => {
  const params = {
    stride: [1, 1],
    padding: [[1, 1], [1, 1]],
    dilation: [1, 1],
    groups: 1,
    kernelSize: [3, 3],
  } as const;
  const [x, dy] = [randomFloats([3, 30, 31, 5], 1), randomFloats([3, 30, 31, 7], 2)];
  const output = { shape: [3, 3, 5, 7], dtype: "float32" } as const;
  const kernel = conv2dWeightGradientWat([x, dy], output, params, { winograd: false });
  equal(kernel.passes.length, 2);
  assertClose(
    runKernel(kernel, [x, dy], output),
    convWeightGradientDefinition(x, dy, output.shape, params),
    3 * 30 * 31,
  );
});
