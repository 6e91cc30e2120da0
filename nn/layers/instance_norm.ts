import { requireParams } from "./require_params.ts";
import { requireOptions } from "../../tensor/parts.ts";
import type { NormParams } from "./batch_norm.ts";
import { type Features, requireFeatures, shapeOf } from "./features.ts";
import { groupNorm } from "./group_norm.ts";

/**
 * Normalises each channel of each image over its positions, by the biased variance (Ulyanov et al. 2016): group
 * normalisation with a group for each channel. Of sparse features only active positions count.
 *
 * @param params Scale and shift, `[C]`, such as of `initLayerNorm`.
 * @param x Maps `[B, H, W, C]`, dense or sparse.
 * @param options `epsilon` is added to the variance; 1e-5 if not given.
 * @returns Of the shape of `x`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { initLayerNorm, instanceNorm } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const y = instanceNorm(initLayerNorm(1), tensor([[[[1], [3]]]]), { epsilon: 0 });
 * deepStrictEqual(await y.data(), new Float32Array([-1, 1]));
 * ```
 */
export function instanceNorm<T extends Features>(
  params: NormParams,
  x: T,
  options: { readonly epsilon?: number } = {},
): T {
  requireOptions("instanceNorm", options, { epsilon: true });
  requireParams("instanceNorm", params, ["weight", "bias"]);
  requireFeatures("instanceNorm", x);
  return groupNorm(params, x, { ...options, groups: shapeOf(x).at(-1)! });
}
