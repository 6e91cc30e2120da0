/** @file Which values of a program are kept in float16. */
import type { ScheduledProgram, Step, Value } from "../../../compiler/kernel.ts";
import { sizeOf } from "../../../spec.ts";

/** A last axis of fewer elements holds no channels: such values are statistics, or the corners of boxes. */
const LEAST_CHANNELS = 5;

/**
 * Marks the activations and their cotangents, which make up nearly all memory of a training step: float32 temporaries
 * with channels that contractions read or write, or that maps make of such. Other numbers stay float32, as their range is
 * not that of activations: areas and overlaps of boxes, scores, numbers that sort last. So does what is given and what is
 * returned: weights, moments, running statistics, losses; temporaries of the size of any of these, such as gradients of
 * weights; all results of reductions; what is sorted or scattered, where a tie or a sum would come out otherwise.
 *
 * @param schedule The program.
 * @returns The program with `half` set at these values.
 */
export function chooseHalf(schedule: ScheduledProgram): ScheduledProgram {
  const lasting = new Set(schedule.values.filter(({ role }) => role !== "temporary").map(({ shape }) => sizeOf(shape)));
  const exact = new Set(schedule.steps.flatMap(exactValues));
  const contracted = contractedValues(schedule);
  const isActivation = ({ role, dtype, shape }: Value, number: number) =>
    role === "temporary" && dtype === "float32" && shape.length > 1 && shape.at(-1)! >= LEAST_CHANNELS &&
    !lasting.has(sizeOf(shape)) && !exact.has(number) && contracted.has(number);
  return {
    ...schedule,
    values: schedule.values.map((value, number) => isActivation(value, number) ? { ...value, half: true } : value),
  };
}

/** Values that contractions read or write, and those of their size and channels that other steps join with them. */
function contractedValues({ values, steps }: ScheduledProgram): ReadonlySet<number> {
  const found = new Set(
    steps.flatMap(({ kernel, inputs, outputs }) =>
      kernel.kind === "template" && kernel.body.kind === "contraction" ? [...inputs, ...outputs] : []
    ),
  );
  const formOf = (number: number) => `${sizeOf(values[number]!.shape)}/${values[number]!.shape.at(-1)}`;
  const joined = steps.filter(({ kernel }) => kernel.kind !== "template")
    .map(({ inputs, outputs }) => Map.groupBy([...inputs, ...outputs], formOf).values().toArray()).flat();
  for (let before = -1; before !== found.size;) {
    before = found.size;
    joined.filter((group) => group.some((number) => found.has(number))).flat().forEach((number) => found.add(number));
  }
  return found;
}

/** Values of a step that keep their bits. */
function exactValues({ kernel, inputs, outputs }: Step): readonly number[] {
  if (kernel.kind === "map") return [];
  if (kernel.kind === "reduce") return outputs.slice(0, (kernel.epilogue?.keeps ?? kernel.results).length);
  return kernel.body.kind === "contraction" ? [] : [...inputs, ...outputs];
}
