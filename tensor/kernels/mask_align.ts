import type { KernelForm, MaskAlignParams } from "../compiler/kernel_forms.ts";
import { maskAlignWgsl } from "../devices/webgpu/kernels/roi_align.ts";

/** Means of masks `bits [M, H, ⌈W / 32⌉]`, 32 columns a word from its lowest bit on, over `boxes [R, 4]` of `mask [R]`. */
export const MASK_ALIGN_FORM: KernelForm<MaskAlignParams> = { name: "maskMeans", texts: { webgpu: maskAlignWgsl } };
