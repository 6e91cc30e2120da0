import type { WgslKernel } from "../../compiler/kernel.ts";
/** Not there yet. */
export function conv2dWgsl(): WgslKernel {
  throw new Error("Cannot run conv2d on this device as it has no kernel yet");
}
