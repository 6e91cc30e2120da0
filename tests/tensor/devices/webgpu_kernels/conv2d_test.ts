import { CONV_CASES } from "../cpu_kernels/conv_cases.ts";
import {
  convDefinition,
  convInputGradientDefinition,
  convShape,
  convWeightGradientDefinition,
} from "../cpu_kernels/definitions.ts";
import { assertClose, gpuTest, LIMITS, randomFloats, runKernel } from "./harness.ts";
import { writtenConv } from "./written.ts";

for (const { x: xShape, w: wShape, ...settings } of CONV_CASES) {
  const label = `[${xShape}] with [${wShape}], ${JSON.stringify(settings)}`;
  const [kh, kw, cin, cout] = wShape as [number, number, number, number];
  const yShape = convShape(xShape, wShape, settings);
  const [x, w, dy] = [randomFloats(xShape, 1), randomFloats(wShape, 2), randomFloats(yShape, 3)];
  const shapes = [xShape, wShape, yShape] as const;

  gpuTest(`contractionWgsl() convolves ${label}`, async () => {
    const actual = await runKernel(writtenConv(shapes, settings, "output", LIMITS), [x, w], dy);
    assertClose(actual, convDefinition(x, w, yShape, settings), kh * kw * cin);
  });

  gpuTest(`contractionWgsl() is the adjoint to the input of ${label}`, async () => {
    const params = { ...settings, inputSize: [xShape[1]!, xShape[2]!] } as const;
    const actual = await runKernel(writtenConv(shapes, settings, "input", LIMITS), [dy, w], x);
    assertClose(actual, convInputGradientDefinition(dy, w, xShape, params), kh * kw * cout);
  });

  gpuTest(`contractionWgsl() is the adjoint to the weights of ${label}`, async () => {
    const params = { ...settings, kernelSize: [kh, kw] } as const;
    const actual = await runKernel(writtenConv(shapes, settings, "weight", LIMITS), [x, dy], w);
    assertClose(actual, convWeightGradientDefinition(x, dy, wShape, params), yShape[0]! * yShape[1]! * yShape[2]!);
  });
}
