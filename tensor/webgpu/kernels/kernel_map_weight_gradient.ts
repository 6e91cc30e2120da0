import type { WgslKernel } from "../../compiler/kernel.ts";
/** Not there yet. */
export function kernelMapWeightGradientWgsl(): WgslKernel {
  throw new Error("Cannot run kernelMapWeightGradient on this device as it has no kernel yet");
}
