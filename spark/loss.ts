/** @file What is predicted: each masked patch, normalised by its own mean and deviation. B batch, H height, W width. */
import {
  add,
  div,
  greater,
  mean,
  mul,
  ones,
  reshape,
  ShapeError,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  where,
} from "../tensor/mod.ts";
import { type SparsePattern, sparseTensor, toDense } from "../sparse/mod.ts";

/** The axes of one patch in an image cut into patches. */
const PATCH_AXES = [2, 4, 5];

/** Cuts `[B, H, W, C]` into `[B, rows, patch height, columns, patch width, C]`: a view. */
function cut(images: Tensor, { gridShape }: SparsePattern): Tensor {
  const [batch, height, width, channels] = images.shape as [number, number, number, number];
  const [count, rows, columns] = gridShape;
  if (count !== batch || height % rows !== 0 || width % columns !== 0) {
    throw new ShapeError("cut images into patches", "they must divide by the grid of the pattern", [
      images.shape,
      gridShape,
    ]);
  }
  return reshape(images, [batch, rows, height / rows, columns, width / columns, channels]);
}

/** Mean and deviation of each patch, `[B, rows, 1, columns, 1, 1]`: unbiased variance, plus 1e-6, under the root. */
function momentsOf(patches: Tensor): { readonly average: Tensor; readonly deviation: Tensor } {
  const count = PATCH_AXES.reduce((product, axis) => product * patches.shape[axis]!, 1);
  const average = mean(patches, { axis: PATCH_AXES, keepDims: true });
  const squares = sum(square(sub(patches, average)), { axis: PATCH_AXES, keepDims: true });
  return { average, deviation: sqrt(add(mul(squares, 1 / (count - 1)), 1e-6)) };
}

/** 1 where the patch is visible, 0 where it is masked, `[B, rows, columns]`. */
function visibility(pattern: SparsePattern, like: Tensor): Tensor {
  const blocks = ones([pattern.indices.shape[0]!, 1, 1, 1], like.dtype);
  return reshape(toDense(sparseTensor(pattern, [1, 1], blocks)), pattern.gridShape);
}

/**
 * SparK's loss: the mean squared error on masked patches, of predictions against patches that are normalised by their
 * own mean and unbiased deviation over all pixels and colours.
 *
 * @param images The whole images `[B, H, W, 3]`, normalised as the model reads them.
 * @param pixels Predictions `[B, H, W, 3]`.
 * @param pattern The visible patches; the loss is on the others.
 * @returns A scalar; 0 if nothing is masked.
 * @throws {ShapeError} If the images do not divide by the pattern's grid.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { patchLoss, sampleMask } from "@tessera/tessera/spark";
 * import { key, zeros } from "@tessera/tessera/tensor";
 *
 * const pattern = sampleMask(key(0), { batch: 1, grid: [2, 2], maskRatio: 0.5 });
 * equal(await patchLoss(zeros([1, 8, 8, 3]), zeros([1, 8, 8, 3]), pattern).item(), 0);
 * ```
 */
export function patchLoss(images: Tensor, pixels: Tensor, pattern: SparsePattern): Tensor {
  const patches = cut(images, pattern);
  const { average, deviation } = momentsOf(patches);
  const target = div(sub(patches, average), deviation);
  const errors = mean(square(sub(cut(pixels, pattern), target)), { axis: PATCH_AXES }); // [B, rows, columns]
  const masked = sub(1, visibility(pattern, images));
  const [batch, rows, columns] = pattern.gridShape;
  const count = batch * rows * columns - pattern.indices.shape[0]!;
  return mul(sum(mul(errors, masked)), 1 / Math.max(count, 1));
}

/** Pictures of a reconstruction, `[B, H, W, 3]` each, normalised as the images are. */
export interface Reconstruction {
  /** Visible patches, zeros elsewhere. */
  readonly masked: Tensor;
  /** Visible patches, predictions elsewhere. */
  readonly composite: Tensor;
}

/**
 * Turns predictions into pictures. Each predicted patch takes the mean and deviation of the true one, as the authors'
 * figures do: brightness and contrast of masked patches are given, their content is not.
 *
 * @param images The whole images `[B, H, W, 3]`.
 * @param pixels Predictions `[B, H, W, 3]`.
 * @param pattern The visible patches.
 * @returns The masked images and the composites.
 * @throws {ShapeError} If the images do not divide by the pattern's grid.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { reconstruct, sampleMask } from "@tessera/tessera/spark";
 * import { key, zeros } from "@tessera/tessera/tensor";
 *
 * const pattern = sampleMask(key(0), { batch: 1, grid: [2, 2], maskRatio: 0.5 });
 * deepStrictEqual(reconstruct(zeros([1, 8, 8, 3]), zeros([1, 8, 8, 3]), pattern).composite.shape, [1, 8, 8, 3]);
 * ```
 */
export function reconstruct(images: Tensor, pixels: Tensor, pattern: SparsePattern): Reconstruction {
  const patches = cut(images, pattern);
  const { average, deviation } = momentsOf(patches);
  const predicted = add(mul(cut(pixels, pattern), deviation), average);
  const [batch, rows, columns] = pattern.gridShape;
  const isVisible = greater(reshape(visibility(pattern, images), [batch, rows, 1, columns, 1, 1]), 0);
  return {
    masked: reshape(where(isVisible, patches, 0), images.shape),
    composite: reshape(where(isVisible, patches, predicted), images.shape),
  };
}
