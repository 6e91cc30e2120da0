import type { WgslKernel } from "../../compiler/kernel.ts";
/** Not there yet. */
export function conv2dInputGradientWgsl(): WgslKernel {
  throw new Error("Cannot run conv2dInputGradient on this device as it has no kernel yet");
}
