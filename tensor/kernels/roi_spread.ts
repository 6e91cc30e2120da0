import type { KernelForm, RoiSpreadParams } from "../compiler/kernel_forms.ts";
import { roiSpreadWgsl } from "../devices/webgpu/kernels/roi_align.ts";

/** Sums of `values [R, rows, columns, C]` over the cells that bins of regions read, with their weights. */
export const ROI_SPREAD_FORM: KernelForm<RoiSpreadParams> = { name: "regionSums", texts: { webgpu: roiSpreadWgsl } };
