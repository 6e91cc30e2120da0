import { asFloating, requireOptions } from "../../tensor/parts.ts";
import { requireParams } from "./require_params.ts";
import { add, matmul, reshape, type Tensor } from "../../tensor/core.ts";
import * as random from "../../tensor/functions/random/mod.ts";
import { type Features, mapFeatures, requireFeatures } from "./features.ts";
import { type DTypeOption, initialize, type Initializer, torchUniform } from "./initializer.ts";

/** Parameters of a linear layer. */
export interface LinearParams {
  /** `[in, out]`. */
  readonly weight: Tensor;
  /** `[out]`; absent if the layer has none. */
  readonly bias?: Tensor;
}

/** Options of `initLinear`. */
export interface InitLinearOptions extends DTypeOption {
  /** Channels in. */
  readonly inChannels: number;
  /** Channels out. */
  readonly outChannels: number;
  /** Distribution of the weight; PyTorch's default if not given. */
  readonly weight?: Initializer;
  /** Distribution of the bias, PyTorch's default if not given; `null` for a layer without bias. */
  readonly bias?: Initializer | null;
}

/**
 * Makes the parameters of a linear layer.
 *
 * @param key Random key.
 * @param options Sizes and distributions.
 * @returns Weight `[in, out]` and bias `[out]`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { initLinear } from "@tessera/tessera/nn";
 * import { random } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(initLinear(random.key(0), { inChannels: 3, outChannels: 5 }).weight.shape, [3, 5]);
 * ```
 */
export function initLinear(
  key: Tensor,
  options: InitLinearOptions,
): LinearParams {
  requireOptions("initLinear", options, { inChannels: true, outChannels: true, weight: true, bias: true, dtype: true });
  const { inChannels, outChannels, weight = torchUniform, bias = torchUniform, dtype } = options;
  const fan = { in: inChannels, out: outChannels };
  const made = { weight: initialize(weight, random.foldIn(key, 0), [inChannels, outChannels], fan, dtype) };
  return bias ? { ...made, bias: initialize(bias, random.foldIn(key, 1), [outChannels], fan, dtype) } : made;
}

/**
 * Multiplies the last axis by a matrix: `x · weight + bias`.
 *
 * @param params Of `initLinear`.
 * @param x Any tensor `[..., in]`, integers as float32; or sparse features, of which the active blocks are multiplied.
 * @returns `[..., out]`.
 * @throws {ShapeError} If the last axis is not as long as the weight has rows.
 * @throws {ShapeError} If a parameter is not of the shape that the channels ask for.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { linear } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const y = linear({ weight: tensor([[2], [3]]), bias: tensor([1]) }, tensor([[1, 1]]));
 * deepStrictEqual(await y.data(), new Float32Array([6]));
 * ```
 */
export function linear<T extends Features>(params: LinearParams, x: T): T {
  requireParams("linear", params, ["weight"], { optional: ["bias"] });
  requireFeatures("linear", x);
  const { weight, bias } = params;
  requireParams("linear", params, [], { optional: ["bias"], shape: weight.shape.slice(-1) });
  return mapFeatures(x, (values) => {
    const rows = reshape(asFloating(values), [-1, values.shape.at(-1)!]); // [rows, in]
    const product = matmul(rows, weight); // [rows, out]
    return reshape(bias ? add(product, bias) : product, [...values.shape.slice(0, -1), weight.shape[1]!]);
  });
}
