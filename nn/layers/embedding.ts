import { requireParams } from "./require_params.ts";
import { requireOptions, requireTensor } from "../../tensor/parts.ts";
import { mul, take, type Tensor } from "../../tensor/core.ts";
import * as random from "../../tensor/functions/random/mod.ts";
import { type DTypeOption, initialize, type Initializer } from "./initializer.ts";

/** Parameters of an embedding. */
export interface EmbeddingParams {
  /** A row for each token, `[tokens, C]`. */
  readonly weight: Tensor;
}

/** Options of `initEmbedding`. */
export interface InitEmbeddingOptions extends DTypeOption {
  /** Number of tokens. */
  readonly tokens: number;
  /** C, length of a row. */
  readonly channels: number;
  /** Standard deviation of the rows; 1 if not given, as in PyTorch. */
  readonly deviation?: number;
}

/**
 * Makes the rows of an embedding, normally distributed.
 *
 * @param key Random key.
 * @param options Sizes, standard deviation, dtype.
 * @returns `weight [tokens, C]`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { initEmbedding } from "@tessera/tessera/nn";
 * import { random } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(initEmbedding(random.key(0), { tokens: 10, channels: 4 }).weight.shape, [10, 4]);
 * ```
 */
export function initEmbedding(
  key: Tensor,
  options: InitEmbeddingOptions,
): EmbeddingParams {
  requireOptions("initEmbedding", options, { tokens: true, channels: true, deviation: true, dtype: true });
  const { tokens, channels, deviation = 1, dtype } = options;
  const rows: Initializer = (key, shape) => mul(random.normal(key, shape), deviation);
  return { weight: initialize(rows, key, [tokens, channels], { in: 1, out: channels }, dtype) };
}

/**
 * Looks tokens up.
 *
 * @param params Of `initEmbedding`.
 * @param tokens int32 of any shape; one out of range reads NaN, so that it cannot be missed.
 * @returns `[...tokens.shape, C]`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { embedding } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const rows = embedding({ weight: tensor([[1, 2], [3, 4]]) }, tensor([1, 0], { dtype: "int32" }));
 * deepStrictEqual(await rows.data(), new Float32Array([3, 4, 1, 2]));
 * ```
 */
export function embedding(params: EmbeddingParams, tokens: Tensor): Tensor {
  requireParams("embedding", params, ["weight"]);
  requireTensor("embedding", "tokens", tokens);
  return take(params.weight, tokens, { axis: 0, fill: NaN, wrapNegativeIndices: false });
}
