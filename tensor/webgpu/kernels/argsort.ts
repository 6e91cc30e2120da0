import type { WgslKernel } from "../../compiler/kernel.ts";
/** Not there yet. */
export function argsortWgsl(): WgslKernel {
  throw new Error("Cannot run argsort on this device as it has no kernel yet");
}
