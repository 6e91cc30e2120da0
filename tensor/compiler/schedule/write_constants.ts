/** @file Constants that stand several times among the results of a program, such as the moments of an optimizer at its start. */
import type { MapKernel, ScheduledProgram, Step, Value } from "../kernel.ts";

/**
 * Lets a program write a constant for each of its places among the results, on all threads, where one would be written and
 * copied to the others by a single thread: the first touch of memory is what takes long.
 *
 * @param schedule A program.
 * @returns A program of the same results, each of whose plain numbers stands once among them.
 */
export function writeConstants(schedule: ScheduledProgram): ScheduledProgram {
  const writers = new Map(schedule.steps.flatMap(constantsOf));
  const values: Value[] = [...schedule.values];
  const steps: Step[] = [...schedule.steps];
  const narrow = new Map(schedule.narrow);
  const seen = new Set<number>();
  const outputs = schedule.outputs.map((number) => {
    const writer = writers.get(number);
    if (!writer || !seen.has(number)) {
      seen.add(number);
      return number;
    }
    const again = values.push({ ...schedule.values[number]!, role: "output" }) - 1;
    steps.push({ kernel: writer, inputs: [], outputs: [again] });
    if (narrow.has(number)) narrow.set(again, narrow.get(number)!);
    return again;
  });
  return { ...schedule, values, steps, outputs, ...schedule.narrow && { narrow } };
}

/** The constants among what a step writes, each with a kernel that writes it alone. */
function constantsOf({ kernel, outputs }: Step): readonly (readonly [number, MapKernel])[] {
  if (kernel.kind !== "map") return [];
  const { shape, values } = kernel;
  return outputs.flatMap((output, i) =>
    values[i]!.kind === "const" ? [[output, { kind: "map", shape, values: [values[i]!] }] as const] : []
  );
}
