import { bytesOf, type Draft } from "./draft.ts";
import { exchangeOf, type Step } from "../kernel.ts";
import { mayReplace } from "./in_place.ts";

/** How far a step may move: past all updates of a model's parameters. */
const REACH = 1024;

/**
 * Moves steps that give back memory before steps that take it: a weight gradient, the last reader of its operand, before
 * the input gradient, which makes a tensor as large; the update of a parameter right behind the norm that it waits for.
 * Steps pass one another only if neither reads what the other writes, and the last reader of an input stays the last if it
 * could write over it.
 *
 * @param draft The program.
 * @returns The program in another order.
 */
export function reorder({ values, steps }: Draft): Draft {
  const readers = new Map<number, number>();
  for (const { inputs } of steps) new Set(inputs).forEach((x) => readers.set(x, (readers.get(x) ?? 0) + 1));
  const left = new Map(readers);
  const bytes = (numbers: Iterable<number>) => {
    let sum = 0;
    for (const x of numbers) if (values[x]!.role === "temporary") sum += bytesOf(values[x]!);
    return sum;
  };
  /** Bytes that a step gives back if nobody reads its operands after it, but for those that `other` reads. */
  const freed = (step: Step, other?: Step) =>
    bytes([...new Set(step.inputs)].filter((x) => left.get(x) === 0 && !other?.inputs.includes(x)));
  const result: Step[] = [];
  for (const step of steps) {
    new Set(step.inputs).forEach((x) => left.set(x, left.get(x)! - 1));
    let at = result.length;
    const made = bytes(step.outputs);
    const kept = step.inputs.filter((x) => mayReplace(values, step, x));
    for (let back = at - 1; freed(step) > made && back >= Math.max(0, result.length - REACH); back--) {
      const other = result[back]!;
      if (other.outputs.some((x) => step.inputs.includes(x)) || other.inputs.some((x) => kept.includes(x))) break;
      // All processes make their exchanges in the order in which the program was written.
      if (exchangeOf(step.kernel) && exchangeOf(other.kernel)) break;
      const grows = bytes(other.outputs) > freed(other, step);
      if (grows && freed(step, other) > made) at = back;
    }
    result.splice(at, 0, step);
  }
  return { values, steps: result };
}
