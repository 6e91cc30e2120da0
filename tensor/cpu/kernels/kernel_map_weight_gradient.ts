import type { WatKernel } from "../../compiler/kernel.ts";
/** Not there yet. */
export function kernelMapWeightGradientWat(): WatKernel {
  throw new Error("Cannot run kernelMapWeightGradient on this device as it has no kernel yet");
}
