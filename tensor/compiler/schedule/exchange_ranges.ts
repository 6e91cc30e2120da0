/** @file What an exchange sums lies in ranges of memory, so that few large sums are made instead of many small ones. */
import { exchangeOf, type Step, type Value } from "../kernel.ts";
import { bytesOf, type Draft } from "./draft.ts";

/** Results of an exchange that go together: positions from `first` up to `end`, which is not one of them. */
export interface ExchangeRange {
  readonly first: number;
  readonly end: number;
  /** True if they do not lie one after the other: they are copied to where they do, and back. */
  readonly packed: boolean;
}

/** Results of a program of at most so many bytes are copied, so that many small ones are one exchange. */
const SMALL = 1 << 16;

/**
 * Cuts the results of an exchange into ranges. They follow from the order of the operands, never from when these are made or
 * where they lie: they are the same on every process, even if one has another number of examples.
 *
 * @param step An exchange.
 * @param values Of its program.
 * @returns Neighbours of one dtype together: temporaries, and small results of the program; large ones each by itself.
 */
export function exchangeRanges({ outputs }: Step, values: readonly Value[]): readonly ExchangeRange[] {
  const ranges: { first: number; end: number; kind: string; packed: boolean }[] = [];
  outputs.forEach((output, at) => {
    const { role, ...spec } = values[output]!;
    const packed = role !== "temporary" && bytesOf(spec) <= SMALL;
    const kind = `${spec.dtype} ${packed ? "packed" : role === "temporary" ? role : at}`;
    if (ranges.at(-1)?.kind === kind) ranges.at(-1)!.end = at + 1;
    else ranges.push({ first: at, end: at + 1, kind, packed });
  });
  return ranges.map(({ first, end, packed }) => ({ first, end, packed: packed && end - first > 1 }));
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
    exchangeRanges(step, values).filter(({ first, end, packed }) => end - first > 1 && !packed).map(
      ({ first, end }) => {
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
      },
    )
  );
}
