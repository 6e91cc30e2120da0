/** @file Between tensors in coordinates and sparse images. */
import { reshape, ShapeError, sizeOf } from "../../tensor/core.ts";
import { makePattern } from "../pattern.ts";
import { requireSparse, shapeOf as imageShapeOf, type SparseTensor, sparseTensor } from "../sparse_tensor.ts";
import { toVoxels as singlePixels } from "../views.ts";
import { coalesced } from "./coalesce.ts";
import { type CooTensor, denseSizes, makeCoo, requireCoo, shapeOf, sparseSizes } from "./coo_tensor.ts";

/**
 * Takes the pixels of a sparse image or volume as entries.
 *
 * @param x Sparse tensor on a grid, of blocks or of single pixels.
 * @returns The same in coordinates `[B, ...size]`, with the channels as a dense axis.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { coo, patternFromIndices, sparseTensor } from "@tessera/tessera/sparse";
 * import { ones } from "@tessera/tessera/tensor";
 *
 * const x = sparseTensor(patternFromIndices([[0, 1]], [1, 3]), [1], ones([1, 1, 8])); // a line of three, 8 channels
 * deepStrictEqual(coo.shapeOf(coo.fromVoxels(x)), [1, 3, 8]);
 * ```
 */
export function fromVoxels(x: SparseTensor): CooTensor {
  requireSparse("fromVoxels", "x", x);
  const { pattern: { indices }, values } = singlePixels(x);
  return makeCoo(indices, reshape(values, [indices.shape[0]!, values.shape.at(-1)!]), imageShapeOf(x), true);
}

/**
 * Takes entries as the pixels of a sparse image or volume, to convolve and pool them.
 *
 * @param a Sparse tensor `[B, ...size, C]` of one to three axes between batch and channels, which are the one dense axis.
 * It must hold no padding: a pattern has none.
 * @returns The same on a grid of single pixels.
 * @throws {ShapeError} If the axes are others.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { coo, toDense } from "@tessera/tessera/sparse";
 *
 * const a = coo.cooTensor([[0, 2], [0, 1]], [[5], [7]], [1, 3, 1]);
 * deepStrictEqual(await toDense(coo.toVoxels(a)).data(), new Float32Array([0, 7, 5]));
 * ```
 */
export function toVoxels(a: CooTensor): SparseTensor {
  requireCoo("toVoxels", "a", a);
  const sizes = sparseSizes(a);
  if (sizes.length < 2 || sizes.length > 4 || denseSizes(a).length !== 1) {
    throw new ShapeError("toVoxels", "it must be [B, ...size, C] with the channels as the one dense axis", [
      shapeOf(a),
    ]);
  }
  const { indices, values } = coalesced("toVoxels", a);
  const single = sizes.slice(1).map(() => 1);
  const grid = sizes as readonly [number, ...number[]];
  return sparseTensor(
    makePattern(indices, grid),
    single,
    reshape(values, [indices.shape[0]!, ...single, sizeOf(denseSizes(a))]),
  );
}
