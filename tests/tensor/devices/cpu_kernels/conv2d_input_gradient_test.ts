import { conv2dInputGradientWat } from "../../../../tensor/devices/cpu/contraction/conv2d_input_gradient.ts";
import { CONV_CASES } from "./conv_cases.ts";
import { convInputGradientDefinition, convShape } from "./definitions.ts";
import { assertClose, randomFloats, runKernel } from "./harness.ts";

for (const { x: xShape, w: wShape, ...settings } of CONV_CASES) {
  Deno.test(`conv2dInputGradientWat() gives [${xShape}] with [${wShape}], ${JSON.stringify(settings)}`, () => {
    const params = { ...settings, inputSize: [xShape[1]!, xShape[2]!] as const };
    const [dy, w] = [randomFloats(convShape(xShape, wShape, settings), 1), randomFloats(wShape, 2)];
    const output = { shape: xShape, dtype: "float32" } as const;
    const actual = runKernel(conv2dInputGradientWat([dy, w], output, params, { winograd: false }), [dy, w], output);
    assertClose(
      actual,
      convInputGradientDefinition(dy, w, xShape, params),
      wShape[0]! * wShape[1]! * wShape[3]! / settings.groups,
    );
  });
}
