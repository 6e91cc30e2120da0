import { asFloating, requireOptions, requireTensor } from "../../tensor/parts.ts";
import { requireLayers } from "./require_params.ts";
import {
  add,
  broadcastTo,
  matmul,
  mul,
  ones,
  reshape,
  ShapeError,
  softmax,
  swapaxes,
  type Tensor,
  tril,
  where,
} from "../../tensor/core.ts";
import * as random from "../../tensor/functions/random/mod.ts";
import type { DTypeOption } from "./initializer.ts";
import { initLinear, linear, type LinearParams } from "./linear.ts";
import { dropout } from "./drop.ts";

/** Options of `dotProductAttention`. */
export interface AttentionOptions {
  /** True where a query may look at a key, bool, broadcast to `[..., queries, keys]`. */
  readonly mask?: Tensor;
  /** Added to the scores, broadcast to `[..., queries, keys]`: positions as a bias. */
  readonly bias?: Tensor;
  /** True: each query looks at keys up to its own place. Default false. */
  readonly causal?: boolean;
  /** Factor of the scores; `1 / √C` if not given. */
  readonly scale?: number;
  /** Share of the weights that is dropped in training, with its key. */
  readonly dropout?: { readonly rate: number; readonly key?: Tensor };
}

/**
 * Attention (Vaswani et al. 2017): `softmax(q kᵀ / √C + bias) v`, as JAX's `dot_product_attention` and PyTorch's
 * `scaled_dot_product_attention`.
 *
 * @param query `[..., T, C]`.
 * @param key `[..., S, C]`.
 * @param value `[..., S, D]`.
 * @param options Mask, bias, causality, scale, dropout.
 * @returns `[..., T, D]`. A query that may look at no key gets zeros.
 * @throws {ShapeError} If the sizes do not fit.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { dotProductAttention } from "@tessera/tessera/nn";
 * import { tensor, zeros } from "@tessera/tessera/tensor";
 *
 * const value = tensor([[2], [4]]);
 * const y = dotProductAttention(zeros([2, 3]), zeros([2, 3]), value, { causal: true });
 * deepStrictEqual(await y.data(), new Float32Array([2, 3])); // the first alone, then the mean of both
 * ```
 */
export function dotProductAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: AttentionOptions = {},
): Tensor {
  requireOptions("dotProductAttention", options, { mask: true, bias: true, causal: true, scale: true, dropout: true });
  Object.entries({ query, key, value }).forEach(([name, x]) => requireTensor("dotProductAttention", name, x));
  const [queries, channels] = query.shape.slice(-2) as [number, number];
  const keys = key.shape.at(-2)!;
  if (key.shape.at(-1) !== channels || value.shape.at(-2) !== keys) {
    throw new ShapeError(
      "dotProductAttention",
      "query, key and value must be [..., T, C], [..., S, C] and [..., S, D]",
      [
        query.shape,
        key.shape,
        value.shape,
      ],
    );
  }
  const { mask, bias, causal = false, scale = 1 / Math.sqrt(channels) } = options;
  const products = mul(matmul(asFloating(query), swapaxes(key, -1, -2)), scale); // [..., T, S]
  const scores = bias ? add(products, broadcastTo(bias, products.shape)) : products;
  const allowed = [
    ...mask ? [broadcastTo(mask, scores.shape)] : [],
    ...causal ? [tril(ones([queries, keys], { dtype: "bool" }))] : [],
  ];
  const weights = allowed.length === 0 ? softmax(scores) : maskedSoftmax(scores, allowed);
  const kept = options.dropout ? dropout(weights, options.dropout) : weights;
  return matmul(kept, value);
}

/** Softmax over what is allowed; zeros where nothing is. */
function maskedSoftmax(scores: Tensor, allowed: readonly Tensor[]): Tensor {
  const only = (x: Tensor, otherwise: number) => allowed.reduce((masked, mask) => where(mask, masked, otherwise), x);
  return only(softmax(only(scores, -1e30)), 0); // finite, as a row of -Infinity would be NaN in the gradient too
}

/** Parameters of multi-head attention: four linear layers. */
export interface MultiHeadAttentionParams {
  /** To the queries of all heads. */
  readonly query: LinearParams;
  /** To their keys. */
  readonly key: LinearParams;
  /** To their values. */
  readonly value: LinearParams;
  /** From the heads, side by side, to the result. */
  readonly output: LinearParams;
}

/** Options of `initMultiHeadAttention`. */
export interface InitMultiHeadAttentionOptions extends DTypeOption {
  /** Channels in and out. */
  readonly channels: number;
  /** Channels of keys and values, if they come from elsewhere. */
  readonly keyChannels?: number;
}

/**
 * Makes the parameters of multi-head attention, distributed as PyTorch's linear layers are.
 *
 * @param key Random key.
 * @param options Channels, dtype.
 * @returns Four linear layers.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { initMultiHeadAttention } from "@tessera/tessera/nn";
 * import { random } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(initMultiHeadAttention(random.key(0), { channels: 8 }).query.weight.shape, [8, 8]);
 * ```
 */
export function initMultiHeadAttention(
  key: Tensor,
  options: InitMultiHeadAttentionOptions,
): MultiHeadAttentionParams {
  requireOptions("initMultiHeadAttention", options, { channels: true, keyChannels: true, dtype: true });
  const { channels, keyChannels = channels, dtype } = options;
  const make = (index: number, inChannels: number) =>
    initLinear(random.foldIn(key, index), { inChannels, outChannels: channels, ...(dtype ? { dtype } : {}) });
  return {
    query: make(0, channels),
    key: make(1, keyChannels),
    value: make(2, keyChannels),
    output: make(3, channels),
  };
}

/** Options of `multiHeadAttention`. */
export interface MultiHeadAttentionOptions extends AttentionOptions {
  /** Number of heads, a divisor of the channels. */
  readonly heads: number;
  /** Where keys and values come from, `[..., S, K]`; the queries' own `x` if not given. */
  readonly from?: Tensor;
}

/**
 * Attention by several heads side by side, as PyTorch's `MultiheadAttention`.
 *
 * @param params Of `initMultiHeadAttention`.
 * @param x `[..., T, C]`.
 * @param options Heads; keys and values from elsewhere; mask `[..., heads or 1, T, S]`, and the rest of `dotProductAttention`.
 * @returns `[..., T, C]`.
 * @throws {RangeError} If the heads do not divide the channels.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { initMultiHeadAttention, multiHeadAttention } from "@tessera/tessera/nn";
 * import { ones, random } from "@tessera/tessera/tensor";
 *
 * const params = initMultiHeadAttention(random.key(0), { channels: 8 });
 * deepStrictEqual(multiHeadAttention(params, ones([2, 5, 8]), { heads: 4, causal: true }).shape, [2, 5, 8]);
 * ```
 */
export function multiHeadAttention(
  params: MultiHeadAttentionParams,
  x: Tensor,
  options: MultiHeadAttentionOptions,
): Tensor {
  requireOptions("multiHeadAttention", options, {
    heads: true,
    from: true,
    mask: true,
    bias: true,
    causal: true,
    scale: true,
    dropout: true,
  });
  const { heads, from = x, ...rest } = options;
  requireLayers("multiHeadAttention", params, ["query", "key", "value", "output"]);
  requireTensor("multiHeadAttention", "x", x);
  const channels = params.query.weight.shape[1]!;
  if (!(Number.isInteger(heads) && heads >= 1 && channels % heads === 0)) {
    throw new RangeError(
      `Cannot multiHeadAttention as the heads must divide the ${channels} channels: current number of heads is ${heads}`,
    );
  }
  /** `[..., T, C]` to `[..., heads, T, C / heads]`. */
  const split = (y: Tensor) => swapaxes(reshape(y, [...y.shape.slice(0, -1), heads, channels / heads]), -2, -3);
  const attended = dotProductAttention(
    split(linear(params.query, x)),
    split(linear(params.key, from)),
    split(linear(params.value, from)),
    rest,
  );
  return linear(params.output, reshape(swapaxes(attended, -2, -3), [...x.shape.slice(0, -1), channels]));
}
