import { customVjp } from "../transform/custom_vjp.ts";
import { cast } from "../primitives/cast.ts";
import { equal, greaterEqual } from "../primitives/comparison.ts";
import { where } from "../primitives/where.ts";
import { iota } from "../primitives/constant.ts";
import { mul } from "../primitives/arithmetic.ts";
import { max, min } from "../primitives/extremum.ts";
import { take } from "../primitives/gather.ts";
import type { KernelMaps } from "../primitives/kernel_map.ts";
import { reshape } from "../primitives/layout.ts";
import { broadcastTo, sum } from "../primitives/sum.ts";
import { sizeOf, tupleOf } from "../spec.ts";
import type { Tensor } from "../tensor.ts";
import { requireTensor } from "../require_tensor.ts";
import { type OptionNames, requireOptions, ShapeError } from "../errors.ts";
import { type ConvOptions, convParams, onEach, requireWhole } from "./conv_options.ts";
import { windowMap } from "./window_map.ts";

/** What each tap reads, `[M, T, C]`. */
function tapValues(x: Tensor, map: Tensor, fill: number | Tensor): Tensor {
  if (typeof fill === "number") return take(x, map, { fill, wrapNegativeIndices: false });
  const onTaps = (y: Tensor) => reshape(y, [...map.shape, 1]);
  return where(onTaps(greaterEqual(map, 0)), take(x, map, { wrapNegativeIndices: false }), onTaps(cast(fill, x.dtype)));
}

/**
 * Max pooling through a kernel map.
 *
 * @param x Rows `[N, C]`.
 * @param maps Windows `[M, T]` and their inverse.
 * @param fill What an absent row counts as: `-Infinity` to leave it out, 0 for the reading of masked dense code; or one
 * number for each tap, `[M, T]`.
 * @returns Rows `[M, C]`. The cotangent goes to the first of the largest in tap order; to nobody if `fill` is larger.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { tensor } from "@tessera/tessera/tensor";
 * import { maxPoolByMap } from "@tessera/tessera/tensor/kernel";
 *
 * const maps = { map: tensor([[0, 1]], { dtype: "int32" }), inverse: tensor([[0, -1], [-1, 0]], { dtype: "int32" }) };
 * deepStrictEqual(await maxPoolByMap(tensor([[1], [5]]), maps).data(), new Float32Array([5]));
 * ```
 */
export function maxPoolByMap(x: Tensor, { map, inverse }: KernelMaps, fill: number | Tensor = -Infinity): Tensor {
  requireTensor("maxPoolByMap", "x", x);
  const taps = map.shape[1]!;
  return customVjp((x: Tensor) => max(tapValues(x, map, fill), { axis: 1 }), ([x], output, cotangent) => {
    // Which tap won: the first whose value is the output's. A window whose fill won gives to nobody.
    const values = tapValues(x, map, fill); // [M, T, C]
    const shape = values.shape;
    const spread = (y: Tensor) => broadcastTo(reshape(y, [shape[0]!, 1, shape[2]!]), shape);
    const won = equal(values, spread(output));
    const winner = min(where(won, iota(shape, 1), taps), { axis: 1 }); // [M, C]
    const theirs = take(winner, inverse, { fill: -1, wrapNegativeIndices: false }); // [N, T, C]: the winning tap of each window that sees the row
    const given = take(cotangent, inverse, { wrapNegativeIndices: false });
    return [sum(where(equal(theirs, iota(theirs.shape, 1)), given, 0), { axis: 1 })];
  })(x);
}

/**
 * Adds up windows through a kernel map; absent rows count as zero.
 *
 * @param x Rows `[N, C]`.
 * @param maps Windows `[M, T]` and their inverse.
 * @returns Rows `[M, C]`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { tensor } from "@tessera/tessera/tensor";
 * import { sumPoolByMap } from "@tessera/tessera/tensor/kernel";
 *
 * const maps = { map: tensor([[0, 1]], { dtype: "int32" }), inverse: tensor([[0, -1], [-1, 0]], { dtype: "int32" }) };
 * deepStrictEqual(await sumPoolByMap(tensor([[1], [5]]), maps).data(), new Float32Array([6]));
 * ```
 */
export function sumPoolByMap(x: Tensor, { map, inverse }: KernelMaps): Tensor {
  requireTensor("sumPoolByMap", "x", x);
  return customVjp(
    (x: Tensor) => sum(take(x, map, { wrapNegativeIndices: false }), { axis: 1 }),
    (_x, _output, cotangent) => [sumPoolByMap(cotangent, { map: inverse, inverse: map })],
  )(x);
}

/** Settings of a pooling. */
export interface PoolOptions extends Omit<ConvOptions, "groups"> {
  /** Window: one number, or one for each axis. The stride is the window if none is given. */
  readonly kernel: number | readonly number[];
}

/** Names of PoolOptions. */
export const POOL_OPTIONS: OptionNames<PoolOptions> = { kernel: true, stride: true, padding: true, dilation: true };

function pool(
  operation: string,
  x: Tensor,
  options: PoolOptions,
  over: (rows: Tensor, maps: KernelMaps, area: number) => Tensor,
): Tensor {
  if (x.shape.length !== 4) throw new ShapeError(operation, "images must be [B, H, W, C]", [x.shape]);
  const [B, H, W, C] = tupleOf(x.shape, 4);
  const kernel = onEach(operation, "kernel", options.kernel, 2);
  requireWhole(operation, "kernel", kernel, 1);
  const params = convParams(operation, 2, { ...options, stride: options.stride ?? kernel }, { size: [H, W], kernel });
  const maps = windowMap(B, [H, W], kernel, params);
  if (maps.outputSize.some((n) => n < 1)) {
    throw new ShapeError(operation, "the window must fit into the padded image", [x.shape]);
  }
  return reshape(over(reshape(x, [B * H * W, C]), maps, sizeOf(kernel)), [B, ...maps.outputSize, C]);
}

/**
 * The largest element of each window; padding is left out.
 *
 * @param x Images `[B, H, W, C]`.
 * @param options Window; stride (the window by default), padding, dilation.
 * @returns `[B, Ho, Wo, C]`. The cotangent goes to the first of the largest in raster order, as in PyTorch.
 * @throws {ShapeError} If the window does not fit.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { maxPool2d, zeros } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(maxPool2d(zeros([1, 8, 8, 4]), { kernel: 3, stride: 2, padding: 1 }).shape, [1, 4, 4, 4]);
 * ```
 */
export function maxPool2d(x: Tensor, options: PoolOptions): Tensor {
  requireOptions("maxPool2d", options, POOL_OPTIONS);
  requireTensor("maxPool2d", "x", x);
  return pool("maxPool2d", x, options, (rows, maps) => maxPoolByMap(rows, maps));
}

/**
 * The mean of each window over its full area: padding counts as zeros, as `count_include_pad` of PyTorch.
 *
 * @param x Images `[B, H, W, C]`.
 * @param options Window; stride (the window by default), padding, dilation.
 * @returns `[B, Ho, Wo, C]`.
 * @throws {ShapeError} If the window does not fit.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { avgPool2d, zeros } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(avgPool2d(zeros([1, 8, 8, 4]), { kernel: 2 }).shape, [1, 4, 4, 4]);
 * ```
 */
export function avgPool2d(x: Tensor, options: PoolOptions): Tensor {
  requireOptions("avgPool2d", options, POOL_OPTIONS);
  requireTensor("avgPool2d", "x", x);
  return pool("avgPool2d", x, options, (rows, maps, area) => mul(sumPoolByMap(rows, maps), 1 / area));
}
