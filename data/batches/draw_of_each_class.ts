import { dataKey, shuffled } from "./draws.ts";

/** Separates the randomness of the draw from that of order, samples and pictures. */
const SUBSET_STREAM = 5;

/**
 * Draws samples, as many of each class as can be: of `count` samples and C classes, `count / C` each, the remainder
 * spread over the first ones drawn.
 *
 * @param labels Class of each sample; -1 for those that have none, which are not drawn.
 * @param count How many to draw.
 * @param seed Everything random follows from it.
 * @returns Their numbers, in rising order.
 * @throws {RangeError} If there are fewer samples with a class.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { drawOfEachClass } from "@tessera/tessera/data";
 *
 * equal(drawOfEachClass(Int32Array.of(0, 0, 0, 1, 1, 1), 4, 1).filter((index) => index < 3).length, 2);
 * ```
 */
export function drawOfEachClass(labels: Int32Array, count: number, seed: number): readonly number[] {
  const order = shuffled(dataKey(seed, SUBSET_STREAM), labels.length);
  const seen = new Map<number, number>();
  // The first of each class come before the second, and so on: a prefix takes of each alike.
  const ranked = [...order].filter((index) => labels[index]! >= 0).map((index, place) => {
    const rank = seen.get(labels[index]!) ?? 0;
    seen.set(labels[index]!, rank + 1);
    return { index, rank, place };
  }).sort((a, b) => a.rank - b.rank || a.place - b.place);
  if (count <= ranked.length) return ranked.slice(0, count).map(({ index }) => index).sort((a, b) => a - b);
  throw new RangeError(
    `Cannot draw ${count} samples as so many must have a class: current number is ${ranked.length}`,
  );
}
