import { requireParams } from "./require_params.ts";
import { requireOptions } from "../../tensor/parts.ts";
import { add, mean, mul, rsqrt, square, type Tensor } from "../../tensor/core.ts";
import { channelsOf, type Features, mapFeatures, requireFeatures } from "./features.ts";

/**
 * Divides each position by the root of the mean square of its channels (Zhang and Sennrich 2019), as PyTorch's `RMSNorm`.
 *
 * @param params Scale, `[C]`; no shift.
 * @param x Tensor `[..., C]`, or sparse features, whose active positions are normalised.
 * @param options `epsilon` is added to the mean square; 1e-6 if not given.
 * @returns Of the shape of `x`.
 * @throws {ShapeError} If a parameter is not of the shape that the channels ask for.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { rmsNorm } from "@tessera/tessera/nn";
 * import { ones, tensor } from "@tessera/tessera/tensor";
 *
 * const y = rmsNorm({ weight: ones([2]) }, tensor([[1, 7]]), { epsilon: 0 });
 * deepStrictEqual(Array.from(await y.data(), (v) => v.toFixed(2)), ["0.20", "1.40"]);
 * ```
 */
export function rmsNorm<T extends Features>(
  params: { readonly weight: Tensor },
  x: T,
  options: { readonly epsilon?: number } = {},
): T {
  requireOptions("rmsNorm", options, { epsilon: true });
  requireFeatures("rmsNorm", x);
  requireParams("rmsNorm", params, ["weight"], { shape: channelsOf(x) });
  const { epsilon = 1e-6 } = options;
  return mapFeatures(x, (values) => {
    const scale = rsqrt(add(mean(square(values), { axis: -1, keepDims: true }), epsilon)); // [..., 1]
    return mul(mul(values, scale), params.weight);
  });
}
