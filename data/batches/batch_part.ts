/** Which images of each batch a machine makes, where several share it. */
export interface BatchPart {
  /** Number of the first. */
  readonly first: number;
  /** How many. */
  readonly count: number;
  /**
   * Equal groups that a batch consists of, such as the small ones that gradients are summed over: of each of them the part has as
   * many, from number `first` of the group on. 1 if not given.
   */
  readonly groups?: number;
}

/**
 * Lists the places of a part.
 *
 * @param part The part.
 * @param batchSize Images of the batch.
 * @returns Their numbers in the batch, in order.
 * @throws {RangeError} If the part does not lie within the batch, or groups are not equal.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { placesOfPart } from "@tessera/tessera/data";
 *
 * deepStrictEqual(placesOfPart({ first: 1, count: 2 }, 8), [1, 2]);
 * deepStrictEqual(placesOfPart({ first: 1, count: 4, groups: 2 }, 8), [1, 2, 5, 6]);
 * ```
 */
export function placesOfPart({ first, count, groups = 1 }: BatchPart, batchSize: number): readonly number[] {
  const [size, each] = [batchSize / groups, count / groups];
  if (!Number.isInteger(size) || !Number.isInteger(each) || first + each > size) {
    throw new RangeError(
      `Cannot make batches as part must lie within the ${batchSize} images of a batch: current part is ${count} from ` +
        `number ${first} on${groups === 1 ? "" : `, in ${groups} equal groups`}`,
    );
  }
  return Array.from({ length: count }, (_, i) => Math.floor(i / each) * size + first + i % each);
}
