import { bytesOf, type Draft } from "./draft.ts";
import { successions } from "./in_place.ts";

/** When values are made and read, and how many bytes of temporaries live at each step, where maps work in place. */
export interface Lives {
  /** Position of the step that makes each temporary. */
  readonly makers: ReadonlyMap<number, number>;
  /** Positions of the steps that read each value, in order. */
  readonly reads: readonly (readonly number[])[];
  /** Bytes by position of the step. */
  readonly bytes: Float64Array;
}

/**
 * Follows the temporaries of a program.
 *
 * @param draft The program.
 * @returns Their lives.
 */
export function livesOf({ values, steps }: Draft): Lives {
  const makers = new Map<number, number>();
  const reads: number[][] = values.map(() => []);
  steps.forEach((step, at) => {
    step.outputs.forEach((value) => values[value]!.role === "temporary" && makers.set(value, at));
    new Set(step.inputs).forEach((value) => reads[value]!.push(at));
  });
  const bytes = new Float64Array(steps.length + 1);
  const before = successions({ values, steps });
  for (const [value, at] of makers) {
    bytes[at + Number(before.has(value))]! += bytesOf(values[value]!); // counted by what it is written over
    bytes[(reads[value]!.at(-1) ?? at) + 1]! -= bytesOf(values[value]!);
  }
  for (let at = 1; at < bytes.length; at++) bytes[at]! += bytes[at - 1]!;
  return { makers, reads, bytes: bytes.subarray(0, steps.length) };
}
