import type { WgslKernel } from "../../compiler/kernel.ts";
/** Not there yet. */
export function kernelMapConvWgsl(): WgslKernel {
  throw new Error("Cannot run kernelMapConv on this device as it has no kernel yet");
}
