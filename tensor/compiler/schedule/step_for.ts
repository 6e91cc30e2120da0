import { renumberBuffers, type Scalar, visitScalars } from "../scalar.ts";
import type { MapKernel, Step } from "../kernel.ts";

/** Expressions of a kernel, with those of its inputs that they read. */
export function withOwnInputs(
  values: readonly Scalar[],
  inputs: readonly number[],
): { readonly values: readonly Scalar[]; readonly inputs: readonly number[] } {
  const used = new Set<number>();
  visitScalars(values, (x) => (x.kind === "load" || x.kind === "gather") && used.add(x.access.buffer));
  const kept = [...used].sort((a, b) => a - b);
  const renumbered = renumberBuffers(values, new Map(kept.map((buffer, position) => [buffer, position])));
  return { values: renumbered, inputs: kept.map((buffer) => inputs[buffer]!) };
}

/**
 * The part of a map that makes some of its outputs.
 *
 * @param step A map.
 * @param wanted Numbers of values among its outputs.
 * @returns A map of these outputs alone, which reads only what they need.
 */
export function stepFor(
  { kernel, inputs, outputs }: Step & { readonly kernel: MapKernel },
  ...wanted: readonly number[]
): Step & { readonly kernel: MapKernel } {
  const own = withOwnInputs(wanted.map((value) => kernel.values[outputs.indexOf(value)]!), inputs);
  return { kernel: { ...kernel, values: own.values }, inputs: own.inputs, outputs: wanted };
}
