import type { WgslKernel } from "../../compiler/kernel.ts";
/** Not there yet. */
export function matmulWgsl(): WgslKernel {
  throw new Error("Cannot run matmul on this device as it has no kernel yet");
}
