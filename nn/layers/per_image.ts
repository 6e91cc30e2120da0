/** @file Numbers of whole images: sums over the sites of each, and factors for all sites of each. B images, C channels. */
import { cast, maximum, mul, ones, reshape, scatterAdd, sizeOf, sum, take, type Tensor } from "../../tensor/core.ts";
import { batchColumn } from "./drop.ts";
import { type Features, isSparse, mapFeatures, shapeOf, valuesOf } from "./features.ts";

/** Sums each channel over the sites of each image, of sparse features over the active ones, `[B, C]`. */
export function imageSums(x: Features): Tensor {
  if (!isSparse(x)) return sum(x, { axis: [1, 2] });
  const size = x.pattern.gridShape[0];
  return scatterAdd(sum(x.values, { axis: [1, 2] }), batchColumn(x.pattern.indices), {
    size,
    wrapNegativeIndices: false,
  });
}

/** Sites of each image, of sparse features the active ones and at least one, `[B, 1]`, or one number for all. */
export function imageSites(x: Features): Tensor | number {
  const [, height, width] = shapeOf(x);
  if (!isSparse(x)) return height! * width!;
  const image = batchColumn(x.pattern.indices); // [P]
  const blocks = scatterAdd(ones([image.shape[0]!, 1], { dtype: "int32" }), image, {
    size: x.pattern.gridShape[0],
    wrapNegativeIndices: false,
  }); // [B, 1]
  return mul(cast(maximum(blocks, 1), x.values.dtype), sizeOf(x.blockShape));
}

/** Combines every site of an image with the numbers of that image, `[B, C]`. */
export function withImages<T extends Features>(
  x: T,
  numbers: Tensor,
  combine: (values: Tensor, numbers: Tensor) => Tensor,
): T {
  const rows = isSparse(x) ? take(numbers, batchColumn(x.pattern.indices), { wrapNegativeIndices: false }) : numbers; // [P, C] or [B, C]
  const { shape } = valuesOf(x);
  return mapFeatures(x, (values) => combine(values, reshape(rows, [shape[0]!, 1, 1, numbers.shape[1]!])));
}
