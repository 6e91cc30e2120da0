import type { WgslKernel } from "../../compiler/kernel.ts";
/** Not there yet. */
export function scatterAddWgsl(): WgslKernel {
  throw new Error("Cannot run scatterAdd on this device as it has no kernel yet");
}
