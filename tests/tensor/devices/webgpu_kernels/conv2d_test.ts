import { conv2dWgsl } from "../../../../tensor/devices/webgpu/contraction/conv2d.ts";
import { conv2dInputGradientWgsl } from "../../../../tensor/devices/webgpu/contraction/conv2d_input_gradient.ts";
import { conv2dWeightGradientWgsl } from "../../../../tensor/devices/webgpu/contraction/conv2d_weight_gradient.ts";
import { CONV_CASES } from "../cpu_kernels/conv_cases.ts";
import {
  convDefinition,
  convInputGradientDefinition,
  convShape,
  convWeightGradientDefinition,
} from "../cpu_kernels/definitions.ts";
import { assertClose, gpuTest, LIMITS, randomFloats, runKernel } from "./harness.ts";

for (const { x: xShape, w: wShape, ...settings } of CONV_CASES) {
  const label = `[${xShape}] with [${wShape}], ${JSON.stringify(settings)}`;
  const [kh, kw, cin, cout] = wShape as [number, number, number, number];
  const yShape = convShape(xShape, wShape, settings);
  const [x, w, dy] = [randomFloats(xShape, 1), randomFloats(wShape, 2), randomFloats(yShape, 3)];
  const [xSpec, wSpec, ySpec] = [xShape, wShape, yShape].map((shape) => ({ shape, dtype: "float32" } as const));

  gpuTest(`conv2dWgsl() convolves ${label}`, async () => {
    const actual = await runKernel(conv2dWgsl([x, w], ySpec!, settings, LIMITS), [x, w], ySpec!);
    assertClose(actual, convDefinition(x, w, yShape, settings), kh * kw * cin);
  });

  gpuTest(`conv2dInputGradientWgsl() is the adjoint of ${label}`, async () => {
    const params = { ...settings, inputSize: [xShape[1]!, xShape[2]!] } as const;
    const actual = await runKernel(conv2dInputGradientWgsl([dy, w], xSpec!, params, LIMITS), [dy, w], xSpec!);
    assertClose(actual, convInputGradientDefinition(dy, w, xShape, params), kh * kw * cout);
  });

  gpuTest(`conv2dWeightGradientWgsl() is the adjoint of ${label}`, async () => {
    const params = { ...settings, kernelSize: [kh, kw] } as const;
    const actual = await runKernel(conv2dWeightGradientWgsl([x, dy], wSpec!, params, LIMITS), [x, dy], wSpec!);
    assertClose(actual, convWeightGradientDefinition(x, dy, wShape, params), yShape[0]! * yShape[1]! * yShape[2]!);
  });
}
