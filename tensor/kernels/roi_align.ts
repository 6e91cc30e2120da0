import type { KernelForm, RoiAlignParams } from "../compiler/kernel_forms.ts";
import { roiAlignWgsl } from "../devices/webgpu/kernels/roi_align.ts";

/** Means of maps `[B, H, W, C]` over the bins of regions `boxes [R, 4]`, `image [R]`, `level [R]`: `[R, rows, columns, C]`. */
export const ROI_ALIGN_FORM: KernelForm<RoiAlignParams> = { name: "regionMeans", texts: { webgpu: roiAlignWgsl } };
