import type { WatKernel } from "../../compiler/kernel.ts";
/** Not there yet. */
export function argsortWat(): WatKernel {
  throw new Error("Cannot run argsort on this device as it has no kernel yet");
}
