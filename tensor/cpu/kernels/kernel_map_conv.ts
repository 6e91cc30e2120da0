import type { WatKernel } from "../../compiler/kernel.ts";
/** Not there yet. */
export function kernelMapConvWat(): WatKernel {
  throw new Error("Cannot run kernelMapConv on this device as it has no kernel yet");
}
