import type { KernelForm, SuppressParams } from "../compiler/kernel_forms.ts";
import { suppressWgsl } from "../devices/webgpu/kernels/suppress.ts";

/** Which of `boxes [..., N, 4]`, the best first, no kept one before it overlaps too much, of those that are `valid [..., N]`. */
export const SUPPRESS_FORM: KernelForm<SuppressParams> = { name: "keptBoxes", texts: { webgpu: suppressWgsl } };
