/** @file Which samples of an epoch's order are in which batch. */

/** A batch of an epoch: so many samples of a group, from a place in the group's part of the order on. */
export interface PlannedBatch {
  /** Group that its samples are of. */
  readonly group: number;
  /** Place of the first one among those of the group. */
  readonly first: number;
}

/** An epoch. */
export interface EpochPlan {
  /** The order of the samples of each group. */
  readonly orders: readonly Uint32Array[];
  /** The batches. */
  readonly batches: readonly PlannedBatch[];
}

/**
 * Counts the steps of an epoch: as many as it takes to see every image.
 *
 * @param length Samples of the data set.
 * @param batchSize Images per batch.
 * @returns `length / batchSize`, rounded up.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { stepsPerEpoch } from "@tessera/tessera/data";
 *
 * equal(stepsPerEpoch(748, 8), 94);
 * ```
 */
export function stepsPerEpoch(length: number, batchSize: number): number {
  return Math.ceil(length / batchSize);
}

/**
 * Counts the steps of an epoch of samples of several groups, of which a batch has one.
 *
 * @param groups Group of each sample.
 * @param batchSize Images per batch.
 * @returns Steps in which every image is seen.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { groupedStepsPerEpoch } from "@tessera/tessera/data";
 *
 * equal(groupedStepsPerEpoch(Int32Array.of(0, 1, 0, 0), 2), 3);
 * ```
 */
export function groupedStepsPerEpoch(groups: Int32Array, batchSize: number): number {
  return countsOf(groups).reduce((steps, count) => steps + stepsPerEpoch(count, batchSize), 0);
}

function countsOf(groups: Int32Array): readonly number[] {
  const counts = Array.from({ length: groups.reduce((most, group) => Math.max(most, group), 0) + 1 }, () => 0);
  groups.forEach((group) => counts[group]!++);
  return counts;
}

/**
 * Divides the order of an epoch into batches: each as soon as the order has enough samples of its group, those that are not
 * full at the end.
 *
 * @param order Numbers of samples.
 * @param groups Group of each sample; all of one if not given.
 * @param batchSize Images per batch.
 * @returns Orders of the groups, and the batches.
 */
export function planEpoch(order: Uint32Array, groups: Int32Array | undefined, batchSize: number): EpochPlan {
  const groupOf = (index: number) => groups ? groups[index]! : 0;
  const parts: number[][] = Array.from({ length: groups ? countsOf(groups).length : 1 }, () => []);
  const batches: PlannedBatch[] = [];
  order.forEach((index) => {
    const group = groupOf(index);
    const count = parts[group]!.push(index);
    if (count % batchSize === 0) batches.push({ group, first: count - batchSize });
  });
  parts.forEach(({ length }, group) => {
    if (length % batchSize !== 0) batches.push({ group, first: length - length % batchSize });
  });
  return { orders: parts.map((part) => Uint32Array.from(part)), batches };
}
