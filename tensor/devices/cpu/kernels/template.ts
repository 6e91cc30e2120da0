/** @file The kernels that are no loops over expressions. */
import type { TemplateKernel } from "../../../compiler/kernel.ts";
import type { LoopKernel } from "../../../compiler/kernel_loops.ts";
import type { WatKernel, WatOptions, WatWriter } from "../../../compiler/kernel_text.ts";
import { DeviceError } from "../../../errors.ts";
import { textWriter } from "../../../compiler/template.ts";
import { writeContraction } from "../contraction/write_contraction.ts";
import { argsortWat } from "./argsort.ts";
import { loopsWat } from "./loops.ts";
import { scatterAddWat, scatterMaxWat } from "./scatter.ts";
import type { KernelForm } from "../../../compiler/kernel_forms.ts";
import { ARGSORT_FORM } from "../../../kernels/argsort.ts";
import { MASK_ALIGN_FORM } from "../../../kernels/mask_align.ts";
import { MATRIX_FORM } from "../../../kernels/matrix_loops.ts";
import { ROI_ALIGN_FORM } from "../../../kernels/roi_align.ts";
import { ROI_SPREAD_FORM } from "../../../kernels/roi_spread.ts";
import { SCATTER_ADD_FORM } from "../../../kernels/scatter_add.ts";
import { SCATTER_MAX_FORM } from "../../../kernels/scatter_max.ts";
import { SUPPRESS_FORM } from "../../../kernels/suppress.ts";
import { maskAlignWat, roiAlignWat, roiSpreadWat } from "./roi_align.ts";
import { suppressWat } from "./suppress.ts";

/** Kernels that the device knows by heart. */
const FORMS: ReadonlyMap<KernelForm, WatWriter<never>> = new Map<KernelForm, WatWriter<never>>([
  [ARGSORT_FORM, argsortWat],
  [SCATTER_ADD_FORM, scatterAddWat],
  [SCATTER_MAX_FORM, scatterMaxWat],
  [ROI_ALIGN_FORM, roiAlignWat],
  [ROI_SPREAD_FORM, roiSpreadWat],
  [MASK_ALIGN_FORM, maskAlignWat],
  [SUPPRESS_FORM, suppressWat],
  [MATRIX_FORM, (_inputs: unknown, _output: unknown, kernel: LoopKernel) => loopsWat(kernel)],
]);

/** True for kernels whose text the device writes itself, by their settings. */
export const isOwnForm = (form: KernelForm): boolean => FORMS.has(form);

/**
 * Writes a kernel for the cpu.
 *
 * @param kernel Any template.
 * @param options Choices of the device.
 * @returns The kernel.
 * @throws {DeviceError} If nobody has a text for it.
 */
export function templateWat(kernel: TemplateKernel, options: WatOptions): WatKernel {
  const { body } = kernel;
  if (body.kind === "contraction") return writeContraction(body, options);
  if (body.kind === "loop" || body.kind === "exchange") {
    throw new TypeError(`Cannot write ${kernel.name} as one text as it must be a kernel: current kind is ${body.kind}`);
  }
  if (options.ownKernels && !body.form) {
    throw new DeviceError(
      "cpu",
      `Cannot compute ${kernel.name} in a process without checks of addresses as its kernel must be one of this library: ` +
        "current kernel is a text of its own; open the device with cpuDevice, or without --fast",
    );
  }
  return textWriter(kernel, body, "cpu", FORMS)(body.inputs, body.output, body.params as never, options);
}
