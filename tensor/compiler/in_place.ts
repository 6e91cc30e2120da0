/** @file Maps that write over an operand. */
import { bytesOf, type Draft } from "./draft.ts";
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

/**
 * Pairs temporaries with operands that they may be written over.
 *
 * @param draft The program.
 * @returns For an output of a map the input of the same size that is read in place and by nobody afterwards. Each input
 * is given away once.
 */
export function successions({ values, steps }: Draft): ReadonlyMap<number, number> {
  const lastRead = new Map<number, number>();
  steps.forEach(({ inputs }, at) => inputs.forEach((value) => lastRead.set(value, at)));
  const temporary = (value: number) => values[value]!.role === "temporary";
  const pairs = new Map<number, number>();
  steps.forEach((step, at) => {
    if (step.kernel.kind !== "map") return;
    const given = new Set<number>();
    for (const output of step.outputs.filter(temporary)) {
      const bytes = bytesOf(values[output]!);
      const input = step.inputs.find((x) =>
        temporary(x) && lastRead.get(x) === at && !given.has(x) && bytesOf(values[x]!) === bytes &&
        readsInPlace(step, x)
      );
      if (input === undefined) continue;
      given.add(input);
      pairs.set(output, input);
    }
  });
  return pairs;
}
