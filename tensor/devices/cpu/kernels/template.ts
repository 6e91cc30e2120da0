/** @file The kernels that are no loops over expressions. */
import type { TemplateKernel, WatKernel, WatOptions, WatWriter } from "../../../compiler/kernel.ts";
import { ARGSORT_FORM, type KernelForm, SCATTER_ADD_FORM } from "../../../compiler/kernel_forms.ts";
import { textWriter } from "../../../compiler/template.ts";
import { presentForm } from "../../../contraction/present_form.ts";
import { conv2dWat } from "../contraction/conv2d.ts";
import { conv2dInputGradientWat } from "../contraction/conv2d_input_gradient.ts";
import { conv2dWeightGradientWat } from "../contraction/conv2d_weight_gradient.ts";
import { kernelMapConvWat } from "../contraction/kernel_map_conv.ts";
import { kernelMapWeightGradientWat } from "../contraction/kernel_map_weight_gradient.ts";
import { matmulWat } from "../contraction/matmul.ts";
import { argsortWat } from "./argsort.ts";
import { scatterAddWat } from "./scatter_add.ts";

/** Kernels that the device knows by heart. */
const FORMS: ReadonlyMap<KernelForm, WatWriter<never>> = new Map<KernelForm, WatWriter<never>>([
  [ARGSORT_FORM, argsortWat],
  [SCATTER_ADD_FORM, scatterAddWat],
]);

const WRITERS = {
  matmul: matmulWat,
  conv2d: conv2dWat,
  conv2dInputGradient: conv2dInputGradientWat,
  conv2dWeightGradient: conv2dWeightGradientWat,
  kernelMapConv: kernelMapConvWat,
  kernelMapWeightGradient: kernelMapWeightGradientWat,
};

/**
 * Writes a kernel for the cpu.
 *
 * @param kernel Any template.
 * @param options Choices of the device.
 * @returns The kernel.
 * @throws {DeviceError} If nobody has a text for it.
 */
export function templateWat(kernel: TemplateKernel, options: WatOptions): WatKernel {
  const { body, specs } = kernel;
  if (body.kind === "contraction") return presentForm(WRITERS, body, specs, options);
  return textWriter(kernel, body, "cpu", FORMS)(body.inputs, body.output, body.params as never, options);
}
