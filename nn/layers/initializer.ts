/** @file Distributions of first weights, each from a key. */
import { type OptionNames, requireKind } from "../../tensor/parts.ts";
import { cast, type DType, DTYPES, mul, type Shape, type Tensor, zeros } from "../../tensor/core.ts";
import * as random from "../../tensor/functions/random/mod.ts";

/** How many inputs one output reads, and how many outputs one input reaches. */
export interface Fan {
  /** Channels in, over groups, times kernel area. */
  readonly in: number;
  /** Channels out, over groups, times kernel area. */
  readonly out: number;
}

/** Draws the first value of a parameter. */
export type Initializer = (key: Tensor, shape: Shape, fan: Fan) => Tensor;

/** Element type of parameters that are made. */
export interface DTypeOption {
  /** `float32` if not given; `float64` for the reference device. */
  readonly dtype?: DType;
}

/** Names of DTypeOption. */
export const D_TYPE_OPTION: OptionNames<DTypeOption> = { dtype: true };

/**
 * PyTorch's default for convolutions and linear layers, weight and bias alike: U(-1/√fanIn, 1/√fanIn).
 *
 * @param key Random key.
 * @param shape Shape of the parameter.
 * @param fan Of the layer.
 * @returns float32.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { torchUniform } from "@tessera/tessera/nn";
 * import { random } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(torchUniform(random.key(0), [3, 4], { in: 3, out: 4 }).shape, [3, 4]);
 * ```
 */
export function torchUniform(key: Tensor, shape: Shape, fan: Fan): Tensor {
  const bound = 1 / Math.sqrt(fan.in);
  return random.uniform(key, shape, { min: -bound, max: bound });
}

/**
 * Kaiming normal for ReLU by outputs: N(0, 2/fanOut), as timm's ResNet has it.
 *
 * @param key Random key.
 * @param shape Shape of the parameter.
 * @param fan Of the layer.
 * @returns float32.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { kaimingNormal } from "@tessera/tessera/nn";
 * import { random } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(kaimingNormal(random.key(0), [3, 4], { in: 3, out: 4 }).shape, [3, 4]);
 * ```
 */
export function kaimingNormal(key: Tensor, shape: Shape, fan: Fan): Tensor {
  return mul(random.normal(key, shape), Math.sqrt(2 / fan.out));
}

/**
 * N(0, 0.02²): timm's `trunc_normal_(std=0.02)`, whose bounds of ±2 lie 100 deviations away and cut nothing.
 *
 * @param key Random key.
 * @param shape Shape of the parameter.
 * @returns float32.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { smallNormal } from "@tessera/tessera/nn";
 * import { random } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(smallNormal(random.key(0), [3]).shape, [3]);
 * ```
 */
export function smallNormal(key: Tensor, shape: Shape): Tensor {
  return mul(random.normal(key, shape), 0.02);
}

/**
 * Zeros.
 *
 * @param _key Not used.
 * @param shape Shape of the parameter.
 * @returns float32.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { zeroInitializer } from "@tessera/tessera/nn";
 * import { random } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await zeroInitializer(random.key(0), [1]).data(), new Float32Array(1));
 * ```
 */
export function zeroInitializer(_key: Tensor, shape: Shape): Tensor {
  return zeros(shape);
}

/** Draws a parameter in the dtype asked for. */
export function initialize(
  initializer: Initializer,
  key: Tensor,
  shape: Shape,
  fan: Fan,
  dtype: DType = "float32",
): Tensor {
  requireKind("make a parameter", "dtype", dtype, Boolean(DTYPES[dtype]?.floating), "a floating one");
  return cast(initializer(key, shape, fan), dtype);
}
