/** @file Maps that write over an operand. */
import { bytesOf, type Draft } from "./draft.ts";
import { stridesOf } from "../spec.ts";
import { type Step, valuesOf } from "./kernel.ts";
import { visitScalars } from "./scalar.ts";

/**
 * Tells whether a step may write one of its outputs over one of its inputs.
 *
 * @param step The step.
 * @param input Number of a value that it reads.
 * @param output Number of a value that it writes.
 * @returns True if it reads this input only at the index at which it writes this output.
 */
export function readsInPlace({ kernel, inputs, outputs }: Step, input: number, output: number): boolean {
  if (kernel.kind === "template") return false;
  const [shape, strides] = kernel.kind === "map" ? [kernel.shape, stridesOf(kernel.shape)] : [
    [...kernel.shape, ...kernel.reduceShape],
    kernel.stores[outputs.indexOf(output) - kernel.results.length]?.strides,
  ];
  let same = strides !== undefined;
  visitScalars(valuesOf(kernel), (x) => {
    if ((x.kind !== "load" && x.kind !== "gather") || inputs[x.access.buffer] !== input) return;
    same &&= x.kind === "load" && x.access.offset === 0 &&
      shape.every((size, axis) => size === 1 || x.access.strides[axis] === strides![axis]);
  });
  return same;
}

/**
 * Pairs temporaries with operands that they may be written over.
 *
 * @param draft The program.
 * @returns For an output the input of the same size that is read in place and by nobody afterwards. Each input
 * is given away once.
 */
export function successions({ values, steps }: Draft): ReadonlyMap<number, number> {
  const lastRead = new Map<number, number>();
  steps.forEach(({ inputs }, at) => inputs.forEach((value) => lastRead.set(value, at)));
  const temporary = (value: number) => values[value]!.role === "temporary";
  const pairs = new Map<number, number>();
  steps.forEach((step, at) => {
    if (step.kernel.kind === "template") return;
    const given = new Set<number>();
    for (const output of step.outputs.filter(temporary)) {
      const bytes = bytesOf(values[output]!);
      const input = step.inputs.find((x) =>
        temporary(x) && lastRead.get(x) === at && !given.has(x) && bytesOf(values[x]!) === bytes &&
        readsInPlace(step, x, output)
      );
      if (input === undefined) continue;
      given.add(input);
      pairs.set(output, input);
    }
  });
  return pairs;
}
