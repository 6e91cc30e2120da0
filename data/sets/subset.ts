import type { Dataset, DatasetSource } from "./dataset.ts";
import { dataKey, shuffled } from "../images/rng.ts";

/**
 * Makes a data set of some samples of another.
 *
 * @param dataset All samples.
 * @param indices Numbers of those to take, in their new order.
 * @returns The data set, with the same classes.
 * @throws {RangeError} If a number is no sample's.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { type Dataset, subset } from "@tessera/tessera/data";
 *
 * const image = { width: 1, height: 1, channels: 3, data: new Uint8Array(3) } as const;
 * const all: Dataset = { name: "all", length: 5, nameOf: String, load: () => Promise.resolve(image) };
 * equal(subset(all, [4, 2]).nameOf(0), "4");
 * ```
 */
export function subset(dataset: Dataset, indices: readonly number[]): Dataset {
  const bad = indices.find((index) => !(Number.isInteger(index) && index >= 0 && index < dataset.length));
  if (bad !== undefined) {
    throw new RangeError(
      `Cannot take samples of ${dataset.name} as their numbers must be integers below ${dataset.length}: current ` +
        `number is ${bad}`,
    );
  }
  const { labels, labelNames, source } = dataset;
  return {
    name: dataset.name,
    length: indices.length,
    ...(labels ? { labels: Int32Array.from(indices, (index) => labels[index]!) } : {}),
    ...(labelNames ? { labelNames } : {}),
    ...(source ? { source: { module: import.meta.url, factory: "openSubset", args: [source, indices] } } : {}),
    nameOf: (index) => dataset.nameOf(indices[index]!),
    load: (index, draw) => dataset.load(indices[index]!, draw),
  };
}

/**
 * What a thread makes a subset with.
 *
 * @param source Of all samples.
 * @param indices Numbers of those to take.
 * @returns The data set.
 */
export async function openSubset(
  { module, factory, args }: DatasetSource,
  indices: readonly number[],
): Promise<Dataset> {
  return subset(await (await import(module))[factory](...args), indices);
}

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

/** Separates the randomness of the draw from that of order, samples and pictures. */
const SUBSET_STREAM = 5;
