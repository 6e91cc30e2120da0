import { requireLayers } from "./require_params.ts";
import { requireFeatures } from "./features.ts";
import { requireOptions } from "../../tensor/parts.ts";
import { mul, sigmoid, type Tensor } from "../../tensor/core.ts";
import * as random from "../../tensor/functions/random/mod.ts";
import { relu } from "./activation.ts";
import type { Features } from "./features.ts";
import { type DTypeOption, kaimingNormal, zeroInitializer } from "./initializer.ts";
import { initLinear, linear, type LinearParams } from "./linear.ts";
import { withImages } from "./per_image.ts";
import { globalAvgPool } from "./pool.ts";

/** Parameters of squeeze and excitation. */
export interface SqueezeExciteParams {
  /** From the channels to fewer. */
  readonly reduce: LinearParams;
  /** Back to the channels. */
  readonly expand: LinearParams;
}

/**
 * Makes the parameters of squeeze and excitation.
 *
 * @param key Random key.
 * @param options `channels`, and `reduced`: channels between, a quarter if not given; dtype.
 * @returns Two linear layers.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { initSqueezeExcite } from "@tessera/tessera/nn";
 * import { random } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(initSqueezeExcite(random.key(0), { channels: 16 }).expand.weight.shape, [4, 16]);
 * ```
 */
export function initSqueezeExcite(
  key: Tensor,
  options: DTypeOption & {
    readonly channels: number;
    readonly reduced?: number;
  },
): SqueezeExciteParams {
  requireOptions("initSqueezeExcite", options, { dtype: true, channels: true, reduced: true });
  const { channels, reduced = Math.max(1, Math.floor(channels / 4)), ...rest } = options;
  const start = { weight: kaimingNormal, bias: zeroInitializer, ...rest };
  return {
    reduce: initLinear(random.foldIn(key, 0), { inChannels: channels, outChannels: reduced, ...start }),
    expand: initLinear(random.foldIn(key, 1), { inChannels: reduced, outChannels: channels, ...start }),
  };
}

/**
 * Weighs the channels of each image by what its mean tells (Hu et al., CVPR 2018): mean over the positions, linear, ReLU,
 * linear, sigmoid. Of sparse features the mean is over the active positions alone.
 *
 * @param params Of `initSqueezeExcite`.
 * @param x Maps `[B, H, W, C]`, dense or sparse.
 * @returns Of the shape of `x`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { initSqueezeExcite, squeezeExcite } from "@tessera/tessera/nn";
 * import { ones, random } from "@tessera/tessera/tensor";
 *
 * const params = initSqueezeExcite(random.key(0), { channels: 4 });
 * deepStrictEqual(squeezeExcite(params, ones([2, 8, 8, 4])).shape, [2, 8, 8, 4]);
 * ```
 */
export function squeezeExcite<T extends Features>(params: SqueezeExciteParams, x: T): T {
  requireLayers("squeezeExcite", params, ["reduce", "expand"]);
  requireFeatures("squeezeExcite", x);
  const { reduce, expand } = params;
  const gate = sigmoid(linear(expand, relu(linear(reduce, globalAvgPool(x))))); // [B, C]
  return withImages(x, gate, mul);
}
