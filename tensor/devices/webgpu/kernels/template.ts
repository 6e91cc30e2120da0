/** @file The kernels that are no loops over expressions, before maps are joined to them. */
import type { TemplateKernel, WgslKernel, WgslLimits, WgslWriter } from "../../../compiler/kernel.ts";
import { ARGSORT_FORM, type KernelForm, SCATTER_ADD_FORM } from "../../../compiler/kernel_forms.ts";
import { textWriter } from "../../../compiler/template.ts";
import { presentForm } from "../../../contraction/present_form.ts";
import { conv2dWgsl } from "../contraction/conv2d.ts";
import { conv2dInputGradientWgsl } from "../contraction/conv2d_input_gradient.ts";
import { conv2dWeightGradientWgsl } from "../contraction/conv2d_weight_gradient.ts";
import { kernelMapConvWgsl } from "../contraction/kernel_map_conv.ts";
import { kernelMapWeightGradientWgsl } from "../contraction/kernel_map_weight_gradient.ts";
import { matmulWgsl } from "../contraction/matmul.ts";
import { argsortWgsl } from "./argsort.ts";
import { scatterAddWgsl } from "./scatter_add.ts";

/** Kernels that the device knows by heart. */
const FORMS: ReadonlyMap<KernelForm, WgslWriter<never>> = new Map<KernelForm, WgslWriter<never>>([
  [ARGSORT_FORM, argsortWgsl],
  [SCATTER_ADD_FORM, scatterAddWgsl],
]);

const WRITERS = {
  matmul: matmulWgsl,
  conv2d: conv2dWgsl,
  conv2dInputGradient: conv2dInputGradientWgsl,
  conv2dWeightGradient: conv2dWeightGradientWgsl,
  kernelMapConv: kernelMapConvWgsl,
  kernelMapWeightGradient: kernelMapWeightGradientWgsl,
};

/**
 * Writes a kernel for a GPU.
 *
 * @param kernel Any template.
 * @param limits Limits and traits of the device.
 * @returns The kernel, without prologues and epilogue.
 * @throws {DeviceError} If nobody has a text for it.
 */
export function templateWgsl(kernel: TemplateKernel, limits: WgslLimits): WgslKernel {
  const { body, specs } = kernel;
  if (body.kind === "contraction") return presentForm(WRITERS, body, specs, limits);
  return textWriter(kernel, body, "webgpu", FORMS)(body.inputs, body.output, body.params as never, limits);
}
