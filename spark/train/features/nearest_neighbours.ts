/** @file Classification of frozen features by their nearest neighbours. */
import { alone, type Collective, type Device, jit, matmul, type Tensor, transpose } from "../../../tensor/mod.ts";
import { leaf } from "../../../tensor/kernel.ts";
import { shareOfRank } from "../ranks/open_ranks.ts";
import type { FrozenFeatures } from "./frozen_features.ts";

/** Settings of `nearestNeighbours`. */
export interface NearestNeighboursOptions {
  /** Number of classes. */
  readonly classes: number;
  /** Neighbours that vote. */
  readonly neighbours: number;
  /** Where to compute. */
  readonly device: Device;
  /** Who shares the features to classify; nobody if not given. */
  readonly collective?: Collective;
  /** Told how many features are classified, here. */
  readonly onImages?: (done: number) => void;
}

/** A neighbour's vote counts `exp(cosine / 0.07)` (Wu et al., "Unsupervised feature learning via non-parametric
 * instance discrimination", CVPR 2018). */
const TEMPERATURE = 0.07;

/** Features that are compared at once; bounds the memory of the similarities. */
const CHUNK = 256;

/**
 * Classifies features by a vote of the nearest ones in cosine similarity. Of equal votes the lower class wins, of equally
 * near neighbours the earlier.
 *
 * @param train Features whose classes vote.
 * @param val Features to classify.
 * @param options Classes, neighbours, device.
 * @returns Share of `val` that is right.
 */
export async function nearestNeighbours(
  train: FrozenFeatures,
  val: FrozenFeatures,
  { classes, neighbours, device, collective = alone(), onImages = () => {} }: NearestNeighboursOptions,
): Promise<number> {
  const { channels } = train;
  const [known, asked] = [unitRows(train), unitRows(val)];
  const bank = leaf({ shape: [train.labels.length, channels], dtype: "float32" }, { host: known });
  const compare = jit((bank: Tensor, x: Tensor) => matmul(x, transpose(bank, [1, 0])), { device });
  const { first, count: own } = shareOfRank(val.labels.length, collective);
  const right = Int32Array.of(0);
  for (let start = first; start < first + own; start += CHUNK) {
    const count = Math.min(CHUNK, first + own - start);
    const x = asked.subarray(start * channels, (start + count) * channels);
    const similarities = compare(bank, leaf({ shape: [count, channels], dtype: "float32" }, { host: x }));
    const rows = await similarities.data({ device }) as Float32Array; // [count, N]
    similarities[Symbol.dispose]();
    for (let i = 0; i < count; i++) {
      const row = rows.subarray(i * train.labels.length, (i + 1) * train.labels.length);
      if (vote(row, train.labels, { classes, neighbours }) === val.labels[start + i]) right[0]!++;
    }
    onImages(start - first + count);
  }
  collective.allReduce(right).wait();
  return right[0]! / val.labels.length;
}

function vote(
  similarities: Float32Array,
  labels: Int32Array,
  { classes, neighbours }: { readonly classes: number; readonly neighbours: number },
): number {
  const votes = new Float64Array(classes);
  for (const index of largest(similarities, neighbours)) {
    votes[labels[index]!]! += Math.exp(similarities[index]! / TEMPERATURE);
  }
  return votes.indexOf(votes.reduce((most, each) => Math.max(most, each)));
}

/** Places of the largest values, by insertion into a short sorted list: few values ever enter it. */
function largest(values: Float32Array, count: number): readonly number[] {
  const best: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (best.length === count && values[i]! <= values[best.at(-1)!]!) continue;
    let place = best.length;
    while (place > 0 && values[best[place - 1]!]! < values[i]!) place--;
    best.splice(place, 0, i);
    if (best.length > count) best.pop();
  }
  return best;
}

/** Rows of length 1; zeros stay zeros. */
function unitRows({ values, channels }: FrozenFeatures): Float32Array<ArrayBuffer> {
  const result = new Float32Array(values.length);
  for (let start = 0; start < values.length; start += channels) {
    const row = values.subarray(start, start + channels);
    const norm = Math.sqrt(row.reduce((sum, x) => sum + x * x, 0)) || 1;
    row.forEach((x, i) => result[start + i] = x / norm);
  }
  return result;
}
