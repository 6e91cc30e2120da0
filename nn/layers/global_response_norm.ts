import { requireParams } from "./require_params.ts";
import { requireOptions } from "../../tensor/parts.ts";
import { add, div, greater, mean, mul, sqrt, square, where, zeros } from "../../tensor/core.ts";
import type { NormParams } from "./batch_norm.ts";
import { channelsOf, type Features, mapFeatures, requireFeatures } from "./features.ts";
import { D_TYPE_OPTION, type DTypeOption } from "./initializer.ts";
import { imageSums, withImages } from "./per_image.ts";

/**
 * Makes the parameters of a global response normalisation.
 *
 * @param channels C.
 * @param options Dtype.
 * @returns Scale and shift, `[C]`, both 0: the layer starts as the identity.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { initGlobalResponseNorm } from "@tessera/tessera/nn";
 *
 * deepStrictEqual(initGlobalResponseNorm(4).weight.shape, [4]);
 * ```
 */
export function initGlobalResponseNorm(channels: number, options: DTypeOption = {}): NormParams {
  requireOptions("initGlobalResponseNorm", options, D_TYPE_OPTION);
  const { dtype = "float32" } = options;
  return { weight: zeros([channels], { dtype }), bias: zeros([channels], { dtype }) };
}

/**
 * Lets channels compete, as ConvNeXt V2 does (Woo et al. 2023): with G the L2 norm of each channel over the positions of an
 * image and N = G / mean of G, `x + x · N · weight + bias`. Of sparse features only active positions count, which is the
 * same as on dense ones that are zero elsewhere.
 *
 * @param params Of `initGlobalResponseNorm`.
 * @param x Maps `[B, H, W, C]`, dense or sparse.
 * @param options `epsilon` is added to the mean of the norms; 1e-6 if not given.
 * @returns Of the shape of `x`.
 * @throws {ShapeError} If a parameter is not of the shape that the channels ask for.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { globalResponseNorm } from "@tessera/tessera/nn";
 * import { ones, tensor, zeros } from "@tessera/tessera/tensor";
 *
 * const x = tensor([[[[1, 3]]]]); // norms 1 and 3, mean 2
 * const y = globalResponseNorm({ weight: ones([2]), bias: zeros([2]) }, x, { epsilon: 0 });
 * deepStrictEqual(await y.data(), new Float32Array([1.5, 7.5]));
 * ```
 */
export function globalResponseNorm<T extends Features>(
  params: NormParams,
  x: T,
  options: { readonly epsilon?: number } = {},
): T {
  requireOptions("globalResponseNorm", options, { epsilon: true });
  requireFeatures("globalResponseNorm", x);
  requireParams("globalResponseNorm", params, ["weight", "bias"], { shape: channelsOf(x) });
  const { weight, bias } = params;
  const { epsilon = 1e-6 } = options;
  const squares = imageSums(mapFeatures(x, square)); // [B, C]
  const some = greater(squares, 0); // a channel that is zero everywhere has norm 0 and, as in PyTorch, gradient 0
  const norms = where(some, sqrt(where(some, squares, 1)), 0);
  const shares = div(norms, add(mean(norms, { axis: 1, keepDims: true }), epsilon)); // [B, C]
  return withImages(x, shares, (values, n) => add(values, add(mul(mul(values, n), weight), bias)));
}
