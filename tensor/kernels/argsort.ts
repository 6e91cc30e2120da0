import type { ArgsortParams, KernelForm } from "../compiler/kernel_forms.ts";
import { argsortWgsl } from "../devices/webgpu/kernels/argsort.ts";

/** Positions of the elements of `x [..., L]` in order, int32. */
export const ARGSORT_FORM: KernelForm<ArgsortParams> = { name: "stableOrder", texts: { webgpu: argsortWgsl } };
