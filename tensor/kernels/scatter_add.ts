import type { KernelForm, ScatterParams } from "../compiler/kernel_forms.ts";
import { scatterAddWgsl } from "../devices/webgpu/kernels/scatter.ts";

/** Sums of the rows of `updates [M, R]` by the places that `indices [M]` name, in the order of the rows. */
export const SCATTER_ADD_FORM: KernelForm<ScatterParams> = { name: "addedRows", texts: { webgpu: scatterAddWgsl } };
