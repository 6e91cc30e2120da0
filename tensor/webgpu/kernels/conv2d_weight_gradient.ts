import type { WgslKernel } from "../../compiler/kernel.ts";
/** Not there yet. */
export function conv2dWeightGradientWgsl(): WgslKernel {
  throw new Error("Cannot run conv2dWeightGradient on this device as it has no kernel yet");
}
