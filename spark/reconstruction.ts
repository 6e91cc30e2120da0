/** @file From predictions to pictures. B batch, H height, W width, L patches an image. */
import { STEP_OPTIONS } from "./step_options.ts";
import { type OptionNames, requireOptions } from "../tensor/kernel.ts";
import { add, div, greater, matmul, mul, reshape, sum, type Tensor, tensor, where } from "../tensor/mod.ts";
import type { SparsePattern } from "../sparse/mod.ts";
import type { Target } from "./loss.ts";
import { colourMeans, cut, type Moments, momentsOf, patchGrid, visibility } from "./patches.ts";

/** Pictures of a reconstruction, `[B, H, W, 3]` each, normalised as the images are. */
export interface Reconstruction {
  /** Visible patches, zeros elsewhere. */
  readonly masked: Tensor;
  /** Visible patches, predictions elsewhere. */
  readonly composite: Tensor;
}

/** Options of `reconstruct`. */
export interface ReconstructOptions {
  /**
   * Where mean and deviation of a masked patch come from. `true`, if not given: from the patch itself, as in the
   * authors' figures, so that its brightness and contrast are given. `visible`: from visible patches alone, weighted by
   * the inverse square of their distance.
   */
  readonly moments?: "true" | "visible";
  /** What predictions stand for, as in the loss; `normalised` if not given. */
  readonly target?: Target;
}

/** The inverse squares of the distances between patches, 0 from each to itself, `[L, L]` row-major. */
function nearness(rows: number, columns: number): Float64Array {
  const count = rows * columns;
  return Float64Array.from({ length: count * count }, (_, i) => {
    const [one, other] = [Math.floor(i / count), i % count];
    const dy = Math.floor(one / columns) - Math.floor(other / columns);
    const dx = one % columns - other % columns;
    return one === other ? 0 : 1 / (dy * dy + dx * dx);
  });
}

/** Moments of every patch, estimated from the visible ones; 0 and 1 in an image that has none. */
function interpolated({ average, deviation }: Moments, pattern: SparsePattern): Moments {
  const [batch, rows, columns] = patchGrid(pattern);
  const { shape, dtype } = average;
  const weights = tensor(nearness(rows, columns), { shape: [rows * columns, rows * columns], dtype });
  const seen = reshape(visibility(pattern, average), [batch, rows * columns]);
  const total = matmul(seen, weights); // [B, L]: symmetric weights
  const isKnown = greater(total, 0);
  const estimate = (moment: Tensor, otherwise: number) => {
    const near = matmul(mul(reshape(moment, seen.shape), seen), weights);
    return reshape(where(isKnown, div(near, where(isKnown, total, 1)), otherwise), shape);
  };
  return { average: estimate(average, 0), deviation: estimate(deviation, 1) };
}

/** Predictions as pixels, cut into patches. */
function picture(
  patches: Tensor,
  predicted: Tensor,
  pattern: SparsePattern,
  { moments = "true", target = "normalised" }: ReconstructOptions,
): Tensor {
  if (target === "raw") return predicted;
  if (target === "centred") return add(predicted, meansFor(patches, pattern, moments));
  const own = momentsOf(patches);
  const { average, deviation } = moments === "true" ? own : interpolated(own, pattern);
  return add(mul(predicted, deviation), average);
}

/** Mean of each colour, of whole images or of what is visible of them, `[B, 1, 1, 1, 1, 3]`. */
function meansFor(patches: Tensor, pattern: SparsePattern, moments: "true" | "visible"): Tensor {
  if (moments === "true") return colourMeans(patches);
  const [batch, rows, columns] = patchGrid(pattern);
  const seen = reshape(visibility(pattern, patches), [batch, rows, 1, columns, 1, 1]);
  const sums = sum(mul(patches, seen), { axis: [1, 2, 3, 4], keepDims: true });
  const visible = sum(seen, { axis: [1, 2, 3, 4], keepDims: true });
  const [, , height, , width] = patches.shape as [number, number, number, number, number];
  return div(sums, mul(where(greater(visible, 0), visible, 1), height * width));
}

/**
 * Turns predictions into pictures. By default each predicted patch takes the mean and deviation of the true one, as the
 * authors' figures do: brightness and contrast of masked patches are given, their content is not.
 *
 * @param images The whole images `[B, H, W, 3]`.
 * @param pixels Predictions `[B, H, W, 3]`.
 * @param pattern The visible patches.
 * @param options Where moments come from, and the target of the loss.
 * @returns The masked images and the composites.
 * @throws {ShapeError} If the images do not divide by the pattern's grid.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { reconstruct, sampleMask } from "@tessera/tessera/spark";
 * import { random, zeros } from "@tessera/tessera/tensor";
 *
 * const pattern = sampleMask(random.key(0), { batch: 1, grid: [2, 2], maskRatio: 0.5 });
 * const { composite } = reconstruct(zeros([1, 8, 8, 3]), zeros([1, 8, 8, 3]), pattern, { moments: "visible" });
 * deepStrictEqual(composite.shape, [1, 8, 8, 3]);
 * ```
 */
export function reconstruct(
  images: Tensor,
  pixels: Tensor,
  pattern: SparsePattern,
  options: ReconstructOptions = {},
): Reconstruction {
  requireOptions("reconstruct", options, STEP_OPTIONS satisfies OptionNames<ReconstructOptions>);
  const patches = cut(images, pattern);
  const predicted = picture(patches, cut(pixels, pattern), pattern, options);
  const [batch, rows, columns] = patchGrid(pattern);
  const isVisible = greater(reshape(visibility(pattern, images), [batch, rows, 1, columns, 1, 1]), 0);
  return {
    masked: reshape(where(isVisible, patches, 0), images.shape),
    composite: reshape(where(isVisible, patches, predicted), images.shape),
  };
}
