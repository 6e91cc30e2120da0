/** @file When the exchanges that were begun must be done: as late as their results allow. */
import { exchangeOf, type ScheduledProgram } from "../kernel.ts";

/**
 * Finds before which step each exchange must be done; until then what comes after it runs beside the exchange.
 *
 * @param schedule A program.
 * @returns By the position of a step the positions of the exchanges that it waits for; by the number of steps those of which nothing
 * but results of the program is read.
 */
export function exchangeWaits({ steps }: Pick<ScheduledProgram, "steps">): ReadonlyMap<number, readonly number[]> {
  const open = new Map<number, number>(); // by value
  const waits = new Map<number, readonly number[]>();
  const close = (sums: ReadonlySet<number>, at: number) => {
    if (sums.size === 0) return;
    waits.set(at, [...sums].sort((a, b) => a - b));
    sums.forEach((sum) => steps[sum]!.outputs.forEach((value) => open.delete(value)));
  };
  steps.forEach(({ kernel, inputs, outputs }, at) => {
    close(new Set(inputs.flatMap((value) => open.get(value) ?? [])), at);
    if (exchangeOf(kernel)) outputs.forEach((value) => open.set(value, at));
  });
  close(new Set(open.values()), steps.length);
  return waits;
}
