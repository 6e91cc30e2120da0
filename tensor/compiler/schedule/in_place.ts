/** @file Maps that write over an operand. */
import { bytesOf, type Draft } from "./draft.ts";
import { type Shape, stridesOf } from "../../spec.ts";
import { exchangeOf, type MapKernel, type ReduceKernel, type Step, type Value } from "../kernel.ts";
import { factsOf } from "../work.ts";

/**
 * Tells whether a map reads one of its inputs only at the element that it computes.
 *
 * @param step The map.
 * @param input Number of a value that it reads.
 * @returns True if so.
 */
export function readsAtHand({ kernel, inputs }: Step & { readonly kernel: MapKernel }, input: number): boolean {
  return readsAt(kernel, inputs, input, { shape: kernel.shape, strides: stridesOf(kernel.shape) });
}

/** True if a kernel reads an input only at the element that lies at the given strides. */
function readsAt(
  kernel: MapKernel | ReduceKernel,
  inputs: readonly number[],
  input: number,
  { shape, strides }: { readonly shape: Shape; readonly strides: readonly number[] },
): boolean {
  return factsOf(kernel).reads.filter(({ access }) => inputs[access.buffer] === input).every(({ kind, access }) =>
    kind === "load" && access.offset === 0 &&
    shape.every((size, axis) => size === 1 || access.strides[axis] === strides[axis])
  );
}

/**
 * Tells whether a step may write one of its outputs over one of its inputs.
 *
 * @param step The step.
 * @param input Number of a value that it reads.
 * @param output Number of a value that it writes.
 * @returns True if it reads this input only at the index at which it writes this output.
 */
export function readsInPlace({ kernel, inputs, outputs }: Step, input: number, output: number): boolean {
  if (kernel.kind === "template") {
    return exchangeOf(kernel)?.kind === "sum" && isOwn({ inputs, outputs }, input, output);
  }
  if (kernel.kind === "map") return readsAtHand({ kernel, inputs, outputs }, input);
  const { epilogue, stores } = kernel;
  const at = outputs.indexOf(output);
  const strides = stores[at - outputs.length + stores.length]?.strides; // what is stored comes last
  if (!strides) return !!epilogue && at >= epilogue.keeps.length && epilogue.replaces!.includes(inputs.indexOf(input));
  return readsAt(kernel, inputs, input, { shape: [...kernel.shape, ...kernel.reduceShape], strides });
}

/** True if an output is of this input, and nothing else reads the input. */
function isOwn({ inputs, outputs }: Pick<Step, "inputs" | "outputs">, input: number, output: number): boolean {
  return inputs.indexOf(input) === outputs.indexOf(output) && inputs.lastIndexOf(input) === inputs.indexOf(input);
}

/** True if a step could write one of its results over an input of the program. */
export function mayReplace(values: readonly Value[], { outputs }: Step, input: number): boolean {
  return values[input]!.role === "input" &&
    outputs.some((y) => values[y]!.role === "output" && bytesOf(values[input]!) === bytesOf(values[y]!));
}

/** The turn of each step: positions, where each takes its own. */
export function turnsOf(steps: readonly Step[]): readonly number[] {
  let now = -1;
  return steps.map(({ turn }, at) => turn !== undefined && turn === steps[at - 1]?.turn ? now : ++now);
}

/** Who reads a value last. */
export interface LastRead {
  readonly turn: number;
  /** Position of the step; null if several read it in this turn, none of which may write over it. */
  readonly step: number | null;
}

/** Finds who reads each value last, by number of the value. */
export function lastReads(steps: readonly Step[]): ReadonlyMap<number, LastRead> {
  const turns = turnsOf(steps);
  const last = new Map<number, LastRead>();
  steps.forEach(({ inputs }, step) => {
    const turn = turns[step]!;
    for (const value of new Set(inputs)) last.set(value, { turn, step: last.get(value)?.turn === turn ? null : step });
  });
  return last;
}

/**
 * Pairs temporaries with operands that they may be written over.
 *
 * @param draft The program.
 * @returns For an output the input of the same size that is read in place and by nobody afterwards. Each input
 * is given away once.
 */
export function successions({ values, steps }: Draft): ReadonlyMap<number, number> {
  const lastRead = lastReads(steps);
  const temporary = (value: number) => values[value]!.role === "temporary";
  const pairs = new Map<number, number>();
  steps.forEach((step, at) => {
    if (step.kernel.kind === "template" && !exchangeOf(step.kernel)) return;
    const given = new Set<number>();
    for (const output of step.outputs.filter(temporary)) {
      const bytes = bytesOf(values[output]!);
      const input = step.inputs.find((x) =>
        temporary(x) && lastRead.get(x)!.step === at && !given.has(x) && bytesOf(values[x]!) === bytes &&
        readsInPlace(step, x, output)
      );
      if (input === undefined) continue;
      given.add(input);
      pairs.set(output, input);
    }
  });
  return pairs;
}
