import { bytesOf, type Draft } from "./draft.ts";
import { successions, turnsOf } from "./in_place.ts";

/**
 * When values are made and read, and how many bytes of temporaries live at each turn, where maps work in place. Turns are
 * positions where each step takes its own.
 */
export interface Lives {
  /** Turn of the step that makes each temporary. */
  readonly makers: ReadonlyMap<number, number>;
  /** Turns of the steps that read each value, in order. */
  readonly reads: readonly (readonly number[])[];
  /** Bytes by turn. */
  readonly bytes: Float64Array;
}

/**
 * Follows the temporaries of a program.
 *
 * @param draft The program.
 * @param inPlace False if no map writes over an operand.
 * @returns Their lives.
 */
export function livesOf({ values, steps }: Draft, inPlace = true): Lives {
  const makers = new Map<number, number>();
  const reads: number[][] = values.map(() => []);
  const turns = turnsOf(steps);
  steps.forEach((step, position) => {
    const at = turns[position]!;
    step.outputs.forEach((value) => values[value]!.role === "temporary" && makers.set(value, at));
    new Set(step.inputs).forEach((value) => reads[value]!.push(at));
  });
  const count = (turns.at(-1) ?? -1) + 1;
  const bytes = new Float64Array(count + 1);
  const before = inPlace ? successions({ values, steps }) : new Map<number, number>();
  for (const [value, at] of makers) {
    bytes[at + Number(before.has(value))]! += bytesOf(values[value]!); // counted by what it is written over
    bytes[(reads[value]!.at(-1) ?? at) + 1]! -= bytesOf(values[value]!);
  }
  for (let at = 1; at < bytes.length; at++) bytes[at]! += bytes[at - 1]!;
  return { makers, reads, bytes: bytes.subarray(0, count) };
}
