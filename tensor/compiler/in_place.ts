import { stridesOf } from "../spec.ts";
import type { Step } from "./kernel.ts";
import { visitScalars } from "./scalar.ts";

/**
 * Tells whether a step may write over one of its inputs.
 *
 * @param step The step.
 * @param input Number of a value that it reads.
 * @returns True if it is a map that reads this input only at the index that it writes.
 */
export function readsInPlace({ kernel, inputs }: Step, input: number): boolean {
  if (kernel.kind !== "map") return false;
  const strides = stridesOf(kernel.shape);
  let same = true;
  visitScalars(kernel.values, (x) => {
    if ((x.kind !== "load" && x.kind !== "gather") || inputs[x.access.buffer] !== input) return;
    same &&= x.kind === "load" && x.access.offset === 0 &&
      kernel.shape.every((size, axis) => size === 1 || x.access.strides[axis] === strides[axis]);
  });
  return same;
}
