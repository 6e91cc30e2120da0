/** @file What is left out at random during training, and the learned scale that starts a branch near zero. */
import { type OptionNames, requireOptions, requireTensor, sameShape, shown } from "../../tensor/parts.ts";
import {
  cast,
  type DType,
  less,
  mul,
  reshape,
  type Shape,
  ShapeError,
  slice,
  squeeze,
  take,
  type Tensor,
} from "../../tensor/core.ts";
import * as random from "../../tensor/functions/random/mod.ts";
import { channelsOf, type Features, isSparse, mapFeatures, requireFeatures, shapeOf, valuesOf } from "./features.ts";

/** Options of `dropPath` and `dropout`. */
export interface DropOptions {
  /** Probability of dropping, in [0, 1). */
  readonly rate: number;
  /** Random key; without one (evaluation), nothing is dropped. */
  readonly key?: Tensor;
  /** Draws uniform numbers in [0, 1) for images or elements, of a key; `random.uniform` if not given. */
  readonly uniform?: (key: Tensor, shape: Shape) => Tensor;
}

/** Names of DropOptions. */
export const DROP_OPTIONS: OptionNames<DropOptions> = { rate: true, key: true, uniform: true };

function checkRate(operation: string, rate: number): void {
  if (typeof rate === "number" && rate >= 0 && rate < 1) return;
  throw new RangeError(`Cannot ${operation} as the rate must lie in [0, 1): current rate is ${shown(rate)}`);
}

/**
 * Drops whole images of a residual branch: each is multiplied by 0, or by 1 / (1 - rate). Stochastic depth.
 *
 * @param x Features of B images.
 * @param options Rate and key.
 * @returns Of the shape of `x`. All blocks of one image of sparse features share its fate.
 * @throws {RangeError} If the rate is not in [0, 1).
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { dropPath } from "@tessera/tessera/nn";
 * import { ones, random } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(dropPath(ones([2, 4, 4, 3]), { rate: 0.1, key: random.key(0) }).shape, [2, 4, 4, 3]);
 * ```
 */
export function dropPath<T extends Features>(x: T, options: DropOptions): T {
  requireOptions("dropPath", options, DROP_OPTIONS);
  requireFeatures("dropPath", x);
  const { rate, key } = options;
  checkRate("dropPath", rate);
  if (!key || rate === 0) return x;
  const kept = factorsOf(key, options, shapeOf(x).slice(0, 1), valuesOf(x).dtype); // [B]
  const factors = isSparse(x) ? take(kept, batchColumn(x.pattern.indices), { wrapNegativeIndices: false }) : kept; // [P] or [B]
  return mapFeatures(x, (values) => mul(values, reshape(factors, [-1, ...values.shape.slice(1).map(() => 1)])));
}

/** What is multiplied: 0 where something is dropped, as often as the rate says, else what keeps the expectation. */
function factorsOf(key: Tensor, { rate, uniform = random.uniform }: DropOptions, shape: Shape, dtype: DType): Tensor {
  return mul(cast(less(uniform(key, shape), 1 - rate), dtype), 1 / (1 - rate));
}

/** The image each block belongs to, int32 `[P]`. */
export function batchColumn(indices: Tensor): Tensor {
  return squeeze(slice(indices, { start: [0, 0], size: [indices.shape[0]!, 1] }), { axis: 1 });
}

/**
 * Drops single numbers: each is multiplied by 0, or by 1 / (1 - rate).
 *
 * @param x Any features.
 * @param options Rate and key.
 * @returns Of the shape of `x`.
 * @throws {RangeError} If the rate is not in [0, 1).
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { dropout } from "@tessera/tessera/nn";
 * import { ones } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await dropout(ones([2]), { rate: 0.5 }).data(), new Float32Array([1, 1]));
 * ```
 */
export function dropout<T extends Features>(x: T, options: DropOptions): T {
  requireOptions("dropout", options, DROP_OPTIONS);
  requireFeatures("dropout", x);
  const { rate, key } = options;
  checkRate("dropout", rate);
  if (!key || rate === 0) return x;
  return mapFeatures(x, (values) => mul(values, factorsOf(key, options, values.shape, values.dtype)));
}

/**
 * Multiplies each channel by a learned factor.
 *
 * @param gamma Factors, `[C]`; ConvNeXt starts them at 1e-6.
 * @param x Any features with C channels.
 * @returns Of the shape of `x`.
 * @throws {ShapeError} If there is not one number for each channel.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { layerScale } from "@tessera/tessera/nn";
 * import { ones, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await layerScale(tensor([2, 3]), ones([1, 2])).data(), new Float32Array([2, 3]));
 * ```
 */
export function layerScale<T extends Features>(gamma: Tensor, x: T): T {
  requireTensor("layerScale", "gamma", gamma);
  requireFeatures("layerScale", x);
  if (!sameShape(gamma.shape, channelsOf(x))) {
    throw new ShapeError("layerScale", "gamma must have one number for each channel", [gamma.shape, shapeOf(x)]);
  }
  return mapFeatures(x, (values) => mul(values, gamma));
}
