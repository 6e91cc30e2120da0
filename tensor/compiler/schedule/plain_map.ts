/** @file Maps that a template can compute on its way. */
import type { MapKernel, Step, TemplateKernel } from "../kernel.ts";
import { visitScalars } from "../scalar.ts";

/** A map. */
export type MapStep = Step & { readonly kernel: MapKernel };
/** A template. */
export type TemplateStep = Step & { readonly kernel: TemplateKernel };

/**
 * Tells which steps are maps that step through their operands alone: no bounds to be kept, nothing looked up.
 *
 * @param step Any step.
 * @returns True for such a map.
 */
export function isPlainMap(step: Step): step is MapStep {
  if (step.kernel.kind !== "map") return false;
  let plain = true;
  visitScalars(step.kernel.values, (x) => plain &&= x.kind !== "guard" && x.kind !== "gather");
  return plain;
}
