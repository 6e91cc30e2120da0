import { customVjp, reshape, sizeOf, take, type Tensor } from "../tensor/core.ts";

/**
 * Takes along an axis by a table: -1, and all else that is no place, reads `fill`.
 *
 * @param x Any tensor.
 * @param table int32 of any shape.
 * @param options `axis`, 0 if not given; `fill`, 0 if not given.
 * @returns As of `take`.
 */
export function takeOr(
  x: Tensor,
  table: Tensor,
  { axis = 0, fill = 0 }: { readonly axis?: number; readonly fill?: number } = {},
): Tensor {
  return take(x, table, { axis, fill, wrapNegativeIndices: false });
}

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
  return customVjp((x: Tensor) => takeOr(x, map, { fill }), pull)(x);
}
