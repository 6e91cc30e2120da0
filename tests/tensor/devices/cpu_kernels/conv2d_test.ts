import { conv2dWat } from "../../../../tensor/devices/cpu/contraction/conv2d.ts";
import { CONV_CASES } from "./conv_cases.ts";
import { convDefinition, convShape } from "./definitions.ts";
import { assertClose, randomFloats, runKernel } from "./harness.ts";

for (const { x: xShape, w: wShape, ...params } of CONV_CASES) {
  Deno.test(`conv2dWat() convolves [${xShape}] with [${wShape}], ${JSON.stringify(params)}`, () => {
    const [x, w] = [randomFloats(xShape, 1), randomFloats(wShape, 2)];
    const output = { shape: convShape(xShape, wShape, params), dtype: "float32" } as const;
    const actual = runKernel(conv2dWat([x, w], output, params, { winograd: false }), [x, w], output);
    assertClose(actual, convDefinition(x, w, output.shape, params), wShape[0]! * wShape[1]! * wShape[2]!);
  });
}
