/** @file Which patches the encoder sees. L patches an image, K of them visible, B images. */
import { type OptionNames, requireOptions } from "../tensor/kernel.ts";
import {
  arange,
  argsort,
  broadcastTo,
  fmod,
  greaterEqual,
  reshape,
  slice,
  stack,
  take,
  takeAlongAxis,
  type Tensor,
  truncDivide,
} from "../tensor/mod.ts";
import { streamOf, type StreamVersion } from "./random_stream.ts";
import { lookupTable, patternFromMask, type SparsePattern } from "../sparse/mod.ts";

/** Options of `sampleMask`. */
export interface SampleMaskOptions {
  /** Number of images B. */
  readonly batch: number;
  /** Rows and columns of patches in each. */
  readonly grid: readonly [number, number];
  /** Share of patches to mask, in [0, 1]; 0.6 in SparK. */
  readonly maskRatio: number;
  /** Number of the first image among all that the key is for, 0 if not given: part of a batch draws what the whole does. */
  readonly first?: number | Tensor;
  /** Which random bits are drawn; those of new runs if not given. */
  readonly randomStream?: StreamVersion;
  /** Which image lies where: their numbers, each once; as they are if not given. */
  readonly order?: readonly number[];
}

const SAMPLE_OPTIONS = {
  batch: true,
  grid: true,
  maskRatio: true,
  first: true,
  randomStream: true,
  order: true,
} as const;

/**
 * Counts the visible patches of an image: `rows · columns · (1 - maskRatio)`, rounded to the nearest whole number and
 * halves to the nearest even one, as the official code does.
 *
 * @param grid Rows and columns of patches.
 * @param maskRatio Share of patches to mask, in [0, 1].
 * @returns The number of visible patches, the same for every image.
 * @throws {RangeError} If the ratio is not in [0, 1].
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { countVisible } from "@tessera/tessera/spark";
 *
 * equal(countVisible([7, 7], 0.6), 20);
 * ```
 */
export function countVisible([rows, columns]: readonly [number, number], maskRatio: number): number {
  if (!(maskRatio >= 0 && maskRatio <= 1)) {
    throw new RangeError(`Cannot mask as the ratio must be in [0, 1]: current ratio is ${maskRatio}`);
  }
  const exact = rows * columns * (1 - maskRatio);
  const below = Math.floor(exact);
  if (exact - below !== 0.5) return Math.round(exact);
  return below % 2 === 0 ? below : below + 1;
}

/**
 * Draws the visible patches of a batch: in each image the patches with the smallest of independent uniform numbers.
 *
 * @param key Random key, which may be traced.
 * @param options Images, patch grid, share to mask.
 * @returns The pattern of the visible patches, `countVisible` in every image; shapes are static, so that it can be drawn
 * inside `jit`.
 * @throws {RangeError} If the ratio is not in [0, 1].
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { sampleMask } from "@tessera/tessera/spark";
 * import { random } from "@tessera/tessera/tensor";
 *
 * const pattern = sampleMask(random.key(0), { batch: 2, grid: [7, 7], maskRatio: 0.6 });
 * deepStrictEqual(pattern.indices.shape, [40, 3]);
 * ```
 */
export function sampleMask(
  key: Tensor,
  options: SampleMaskOptions,
): SparsePattern {
  requireOptions("sampleMask", options, SAMPLE_OPTIONS satisfies OptionNames<SampleMaskOptions>);
  const { batch, grid, maskRatio, first = 0, randomStream, order } = options;
  const [rows, columns] = grid;
  const visible = countVisible(grid, maskRatio);
  const drawn = streamOf(randomStream).uniform(key, [batch, rows * columns], first); // [B, L]
  const ranked = argsort(order ? take(drawn, order) : drawn);
  const chosen = slice(ranked, { start: [0, 0], size: [batch, visible] });
  const sorted = takeAlongAxis(chosen, argsort(chosen), { wrapNegativeIndices: false }); // [B, K], in raster order
  const image = broadcastTo(reshape(arange(batch), [batch, 1]), sorted.shape);
  const indices = stack([image, truncDivide(sorted, columns), fmod(sorted, columns)], { axis: 2 }); // [B, K, 3]
  return Object.freeze({ indices: reshape(indices, [batch * visible, 3]), gridShape: [batch, rows, columns] as const });
}

/**
 * Makes the pattern of a mask that is given, as the official traces and demonstrations give theirs.
 *
 * @param active For each image its rows of patches; 1 is visible, 0 is masked.
 * @returns The pattern of the visible patches.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { maskFromRows } from "@tessera/tessera/spark";
 *
 * deepStrictEqual(maskFromRows([[[1, 0], [0, 1]]]).indices.shape, [2, 3]);
 * ```
 */
export function maskFromRows(active: readonly (readonly (readonly number[])[])[]): SparsePattern {
  return patternFromMask(active);
}

/**
 * Shows a pattern as a mask.
 *
 * @param pattern The visible patches.
 * @returns bool `[B, rows, columns]`: true where visible.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { maskFromRows, patternMask } from "@tessera/tessera/spark";
 *
 * deepStrictEqual(await patternMask(maskFromRows([[[1, 0]]])).data(), new Uint8Array([1, 0]));
 * ```
 */
export function patternMask(pattern: SparsePattern): Tensor {
  return greaterEqual(lookupTable(pattern), 0);
}
