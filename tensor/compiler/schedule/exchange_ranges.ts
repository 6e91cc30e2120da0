/** @file What an exchange sums lies in ranges of memory, so that few large sums are made instead of many small ones. */
import { exchangeOf, type Step, type Value } from "../kernel.ts";
import { bytesOf, type Draft } from "./draft.ts";

/** Results of an exchange that lie one after the other: positions from `first` up to `end`, which is not one of them. */
export interface ExchangeRange {
  readonly first: number;
  readonly end: number;
}

/**
 * Cuts the results of an exchange into ranges. They follow from the order of the operands, never from when these are made or
 * where they lie: they are the same on every process, even if one has another number of examples.
 *
 * @param step An exchange.
 * @param values Of its program.
 * @returns Temporaries of one dtype that stand next to each other together, results of the program each by itself.
 */
export function exchangeRanges({ outputs }: Step, values: readonly Value[]): readonly ExchangeRange[] {
  const ranges: { first: number; end: number }[] = [];
  outputs.forEach((output, at) => {
    const [value, last] = [values[output]!, at > 0 ? values[outputs[at - 1]!]! : undefined];
    const together = value.role === "temporary" && last?.role === "temporary" && last.dtype === value.dtype;
    if (together) ranges.at(-1)!.end = at + 1;
    else ranges.push({ first: at, end: at + 1 });
  });
  return ranges;
}

/** A range of memory of several temporaries. */
export interface SharedRange {
  /** Of all of them. */
  readonly bytes: number;
  /** Where each lies in it, in bytes, by number of the value. */
  readonly places: ReadonlyMap<number, number>;
}

/**
 * Finds what must lie together: sums over all processes, and what is written where they will be.
 *
 * @param draft The program.
 * @param before For an output the value that it is written over, as `successions` tells.
 * @param round Bytes that a value of so many bytes takes.
 * @returns One range for each of those of the exchanges.
 */
export function sharedRanges(
  { values, steps }: Draft,
  before: ReadonlyMap<number, number>,
  round: (bytes: number) => number,
): readonly SharedRange[] {
  const claimed = new Set<number>();
  const sums = steps.filter(({ kernel }) => exchangeOf(kernel)?.kind === "sum");
  return sums.flatMap((step) =>
    exchangeRanges(step, values).filter(({ first, end }) => end - first > 1).map(({ first, end }) => {
      const places = new Map<number, number>();
      let bytes = 0;
      for (const output of step.outputs.slice(first, end)) {
        for (let value: number | undefined = output; value !== undefined; value = before.get(value)) {
          if (claimed.has(value)) break;
          claimed.add(value);
          places.set(value, bytes);
        }
        bytes += round(bytesOf(values[output]!));
      }
      return { bytes, places };
    })
  );
}
