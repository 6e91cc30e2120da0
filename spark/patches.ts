/** @file Images cut into the patches of a pattern, and the statistics of each. B batch, C channels. */
import { add, mean, mul, ones, reshape, ShapeError, sqrt, square, sub, sum, type Tensor } from "../tensor/mod.ts";
import { type SparsePattern, sparseTensor, toDense } from "../sparse/mod.ts";

/** The axes of one patch in an image cut into patches. */
export const PATCH_AXES: readonly number[] = [2, 4, 5];

/** Images, and rows and columns of patches in each; refuses patterns of lines and of volumes. */
export function patchGrid({ gridShape }: SparsePattern): readonly [batch: number, rows: number, columns: number] {
  const [batch, rows, columns] = gridShape;
  if (gridShape.length === 3) return [batch, rows!, columns!];
  throw new ShapeError("divide images into patches", "the pattern must be of images, [B, rows, columns]", [gridShape]);
}

/** Cuts `[B, H, W, C]` into `[B, rows, patch height, columns, patch width, C]`: a view. */
export function cut(images: Tensor, pattern: SparsePattern): Tensor {
  const [batch, height, width, channels] = images.shape as [number, number, number, number];
  const [count, rows, columns] = patchGrid(pattern);
  if (count !== batch || height % rows !== 0 || width % columns !== 0) {
    throw new ShapeError("cut images into patches", "they must divide by the grid of the pattern", [
      images.shape,
      pattern.gridShape,
    ]);
  }
  return reshape(images, [batch, rows, height / rows, columns, width / columns, channels]);
}

/** Mean and deviation of each patch. */
export interface Moments {
  /** `[B, rows, 1, columns, 1, 1]`. */
  readonly average: Tensor;
  /** `[B, rows, 1, columns, 1, 1]`. */
  readonly deviation: Tensor;
}

/** Mean and deviation of each patch of images that were cut: unbiased variance, plus 1e-6, under the root. */
export function momentsOf(patches: Tensor): Moments {
  const count = PATCH_AXES.reduce((product, axis) => product * patches.shape[axis]!, 1);
  const average = mean(patches, { axis: PATCH_AXES, keepDims: true });
  const squares = sum(square(sub(patches, average)), { axis: PATCH_AXES, keepDims: true });
  return { average, deviation: sqrt(add(mul(squares, 1 / (count - 1)), 1e-6)) };
}

/** Mean of each colour of each image of images that were cut, `[B, 1, 1, 1, 1, C]`. */
export function colourMeans(patches: Tensor): Tensor {
  return mean(patches, { axis: [1, 2, 3, 4], keepDims: true });
}

/** 1 where the patch is visible, 0 where it is masked, `[B, rows, columns]`. */
export function visibility(pattern: SparsePattern, like: Tensor): Tensor {
  const blocks = ones([pattern.indices.shape[0]!, 1, 1, 1], { dtype: like.dtype });
  return reshape(toDense(sparseTensor(pattern, [1, 1], blocks)), pattern.gridShape);
}
