import type { WatKernel } from "../../compiler/kernel.ts";
/** Not there yet. */
export function scatterAddWat(): WatKernel {
  throw new Error("Cannot run scatterAdd on this device as it has no kernel yet");
}
