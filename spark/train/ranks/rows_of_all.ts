/** @file Rows that ranks have computed of their parts of a batch, as one. */
import type { Collective } from "../../../tensor/mod.ts";
import { shareOfRank } from "./open_ranks.ts";

/** How a batch is shared. */
export interface SharedBatch {
  /** The ranks. */
  readonly collective: Collective;
  /** Images of the batch, of all ranks. */
  readonly batchSize: number;
}

/**
 * Gathers the rows of a batch.
 *
 * @param own Rows of the own images, as `shareOfRank` shares them.
 * @param width Numbers of a row.
 * @param shared How the batch is shared; by nobody if not given.
 * @returns Rows of the whole batch, in the order of its images, the same on every rank.
 */
export function rowsOfAll<T extends Float32Array | Int32Array>(own: T, width: number, shared?: SharedBatch): T {
  if (!shared || shared.collective.size === 1) return own;
  const { collective, batchSize } = shared;
  const { size } = collective;
  const most = width * Math.ceil(batchSize / size);
  const make = (length: number) =>
    (own instanceof Float32Array ? new Float32Array(length) : new Int32Array(length)) as T;
  const [padded, all, rows] = [make(most), make(most * size), make(width * batchSize)];
  padded.set(own);
  collective.allGather(padded as Float32Array<ArrayBuffer>, all as Float32Array<ArrayBuffer>);
  for (let rank = 0; rank < size; rank++) {
    const { first, count } = shareOfRank(batchSize, { rank, size });
    rows.set(all.subarray(rank * most, rank * most + width * count), width * first);
  }
  return rows;
}
