import { requireOptions } from "../../tensor/errors.ts";
import { accountOfSome } from "./account.ts";
import type { Dataset, DatasetSource } from "./dataset.ts";

/**
 * Makes a data set of some samples of another.
 *
 * @param dataset All samples.
 * @param indices Numbers of those to take, in their new order.
 * @param options Why the others are not used, for the account.
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
export function subset(
  dataset: Dataset,
  indices: readonly number[],
  options: { readonly reason?: string } = {},
): Dataset {
  requireOptions("subset", options, { reason: true });
  const bad = indices.find((index) => !(Number.isInteger(index) && index >= 0 && index < dataset.length));
  if (bad !== undefined) {
    throw new RangeError(
      `Cannot take samples of ${dataset.name} as their numbers must be integers below ${dataset.length}: current ` +
        `number is ${bad}`,
    );
  }
  const { labels, labelNames, source, account, loadRaster, loadUpright, loadScene, sizes } = dataset;
  const chosen = labels && Int32Array.from(indices, (index) => labels[index]!);
  const { reason = "not drawn" } = options;
  return {
    name: dataset.name,
    length: indices.length,
    ...(chosen ? { labels: chosen } : {}),
    ...(labelNames ? { labelNames } : {}),
    ...(source ? { source: { module: import.meta.url, factory: "openSubset", args: [source, indices] } } : {}),
    ...(account ? { account: accountOfSome(account, { used: indices.length, labels: chosen, reason }) } : {}),
    nameOf: (index) => dataset.nameOf(indices[index]!),
    load: (index, draw) => dataset.load(indices[index]!, draw),
    ...(sizes ? { sizes: indices.map((index) => sizes[index]!) } : {}),
    ...(loadScene ? { loadScene: (index, draw) => loadScene(indices[index]!, draw) } : {}),
    ...(loadUpright ? { loadUpright: (index, size) => loadUpright(indices[index]!, size) } : {}),
    ...(loadRaster ? { loadRaster: (index, draw) => loadRaster(indices[index]!, draw) } : {}),
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
