/** @file The kernels that are no loops over expressions, before maps are joined to them. */
import type { TemplateKernel } from "../../../compiler/kernel.ts";
import type { WgslKernel, WgslLimits, WgslWriter } from "../../../compiler/kernel_text.ts";
import { textWriter } from "../../../compiler/template.ts";
import { contractionWgsl } from "../contraction/contraction.ts";
import { argsortWgsl } from "./argsort.ts";
import { loopsWgsl } from "./loops.ts";
import { scatterAddWgsl, scatterMaxWgsl } from "./scatter.ts";
import {
  ARGSORT_FORM,
  type KernelForm,
  MASK_ALIGN_FORM,
  ROI_ALIGN_FORM,
  ROI_SPREAD_FORM,
  SCATTER_ADD_FORM,
  SCATTER_MAX_FORM,
  SUPPRESS_FORM,
} from "../../../compiler/kernel_forms.ts";
import { maskAlignWgsl, roiAlignWgsl, roiSpreadWgsl } from "./roi_align.ts";
import { suppressWgsl } from "./suppress.ts";

/** Kernels that the device knows by heart. */
const FORMS: ReadonlyMap<KernelForm, WgslWriter<never>> = new Map<KernelForm, WgslWriter<never>>([
  [ARGSORT_FORM, argsortWgsl],
  [SCATTER_ADD_FORM, scatterAddWgsl],
  [SCATTER_MAX_FORM, scatterMaxWgsl],
  [ROI_ALIGN_FORM, roiAlignWgsl],
  [ROI_SPREAD_FORM, roiSpreadWgsl],
  [MASK_ALIGN_FORM, maskAlignWgsl],
  [SUPPRESS_FORM, suppressWgsl],
]);

/**
 * Writes a kernel for a GPU.
 *
 * @param kernel Any template.
 * @param limits Limits and traits of the device.
 * @returns The kernel, without prologues and epilogue.
 * @throws {DeviceError} If nobody has a text for it.
 */
export function templateWgsl(kernel: TemplateKernel, limits: WgslLimits): WgslKernel {
  const { body } = kernel;
  if (body.kind === "contraction") return contractionWgsl(body, limits);
  if (body.kind === "loop" || body.kind === "exchange") {
    throw new TypeError(`Cannot write ${kernel.name} as one text as it must be a kernel: current kind is ${body.kind}`);
  }
  if (body.kind === "matrices") return loopsWgsl(body.kernel, limits);
  return textWriter(kernel, body, "webgpu", FORMS)(body.inputs, body.output, body.params as never, limits);
}
