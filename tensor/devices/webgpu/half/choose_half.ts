/** @file Which values of a program are kept in float16. */
import type { ScheduledProgram, Step, Value } from "../../../compiler/kernel.ts";
import { sizeOf } from "../../../spec.ts";

/** A last axis of fewer elements holds no channels: such values are statistics. */
const LEAST_CHANNELS = 4;

/**
 * Marks the activations and their cotangents, which make up nearly all memory of a training step: float32 temporaries
 * with channels. What is given and what is returned stays float32: weights, moments, running statistics, losses. So do
 * temporaries of the size of any of these, such as gradients of weights; all results of reductions; what is sorted or
 * scattered, where a tie or a sum would come out otherwise.
 *
 * @param schedule The program.
 * @returns The program with `half` set at these values.
 */
export function chooseHalf(schedule: ScheduledProgram): ScheduledProgram {
  const lasting = new Set(schedule.values.filter(({ role }) => role !== "temporary").map(({ shape }) => sizeOf(shape)));
  const exact = new Set(schedule.steps.flatMap(exactValues));
  const isActivation = ({ role, dtype, shape }: Value, number: number) =>
    role === "temporary" && dtype === "float32" && shape.length > 1 && shape.at(-1)! >= LEAST_CHANNELS &&
    !lasting.has(sizeOf(shape)) && !exact.has(number);
  return {
    ...schedule,
    values: schedule.values.map((value, number) => isActivation(value, number) ? { ...value, half: true } : value),
  };
}

/** Values of a step that keep their bits. */
function exactValues({ kernel, inputs, outputs }: Step): readonly number[] {
  if (kernel.kind === "map") return [];
  if (kernel.kind === "reduce") return outputs.slice(0, kernel.results.length);
  return kernel.body.kind === "contraction" ? [] : [...inputs, ...outputs];
}
