import type { KernelForm, ScatterParams } from "../compiler/kernel_forms.ts";
import { scatterMaxWgsl } from "../devices/webgpu/kernels/scatter.ts";

/**
 * The largest of the rows of `updates [M, R]` at each place that `indices [M]` name; NaN is larger than all. Where there is
 * none, the least value of the dtype.
 */
export const SCATTER_MAX_FORM: KernelForm<ScatterParams> = {
  name: "largestRows",
  texts: { webgpu: scatterMaxWgsl },
  chooses: true,
};
