import { customVjp, reshape, sizeOf, take, type Tensor } from "../tensor/mod.ts";

/**
 * Takes rows; each at most once, so that the gradient takes rows as well and nothing is scattered.
 *
 * @param x Rows `[N, ...rest]`.
 * @param map int32 of any shape: which row, or -1 for `fill`.
 * @param inverse int32 of a shape with N elements in order: where each row of `x` went (flat position in `map`), or -1.
 * @param fill What absent rows read.
 * @returns `[...map.shape, ...rest]`.
 */
export function takeRows(x: Tensor, map: Tensor, inverse: Tensor, fill = 0): Tensor {
  const pull = (_x: unknown, _output: Tensor, cotangent: Tensor) => {
    const flat = reshape(cotangent, [sizeOf(map.shape), ...x.shape.slice(1)]);
    const back = takeRows(flat, reshape(inverse, [-1]), reshape(map, [-1]));
    return [back];
  };
  return customVjp((x: Tensor) => take(x, map, { fill, wrapNegativeIndices: false }), pull)(x);
}
