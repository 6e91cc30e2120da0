import { requireParams } from "./require_params.ts";
import { requireOptions } from "../../tensor/parts.ts";
import {
  add,
  customVjp,
  mean,
  mul,
  ones,
  reshape,
  rsqrt,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
  zeros,
} from "../../tensor/core.ts";
import type { NormParams } from "./batch_norm.ts";
import { channelsOf, type Features, mapFeatures, requireFeatures } from "./features.ts";
import { D_TYPE_OPTION, type DTypeOption } from "./initializer.ts";

/**
 * Makes the parameters of a layer normalisation.
 *
 * @param channels C.
 * @param options Dtype.
 * @returns Scale 1 and shift 0, `[C]`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { initLayerNorm } from "@tessera/tessera/nn";
 *
 * deepStrictEqual(initLayerNorm(4).weight.shape, [4]);
 * ```
 */
export function initLayerNorm(channels: number, options: DTypeOption = {}): NormParams {
  requireOptions("initLayerNorm", options, D_TYPE_OPTION);
  const { dtype = "float32" } = options;
  return { weight: ones([channels], { dtype }), bias: zeros([channels], { dtype }) };
}

/**
 * Normalises each position over its channels, by the biased variance.
 *
 * @param params Scale and shift, `[C]`.
 * @param x Tensor `[..., C]`, or sparse features, whose active positions are normalised.
 * @param options `epsilon` is added to the variance; 1e-6 if not given, as ConvNeXt has it.
 * @returns Of the shape of `x`.
 * @throws {ShapeError} If a parameter is not of the shape that the channels ask for.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { initLayerNorm, layerNorm } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const y = layerNorm(initLayerNorm(2), tensor([[1, 3]]), { epsilon: 0 });
 * deepStrictEqual(await y.data(), new Float32Array([-1, 1]));
 * ```
 */
export function layerNorm<T extends Features>(
  params: NormParams,
  x: T,
  options: { readonly epsilon?: number } = {},
): T {
  requireOptions("layerNorm", options, { epsilon: true });
  requireFeatures("layerNorm", x);
  requireParams("layerNorm", params, ["weight", "bias"], { shape: channelsOf(x) });
  const { epsilon = 1e-6 } = options;
  return mapFeatures(x, (values) => {
    const flat = reshape(values, [-1, values.shape.at(-1)!]); // [rows, C]
    return reshape(normalize(params, flat, epsilon), values.shape);
  });
}

/** `layerNorm` of rows, with the closed form of the pullback: dx = (g - mean g - x̂ · mean g·x̂) / σ, g = dy · scale. */
function normalize(params: NormParams, x: Tensor, epsilon: number): Tensor {
  const centred = sub(x, mean(x, { axis: 1, keepDims: true })); // [rows, C]
  const deviation = rsqrt(add(mean(square(centred), { axis: 1, keepDims: true }), epsilon)); // [rows, 1], 1 / σ
  const normalized = mul(centred, deviation); // [rows, C], x̂
  const f = customVjp(
    // The pullback of x is written below, with that through x̂.
    (_x: Tensor, weight: Tensor, bias: Tensor) => add(mul(stopGradient(normalized), weight), bias),
    ([_x, weight], _output, cotangent) => {
      const inner = mul(cotangent, weight); // [rows, C]
      const first = mean(inner, { axis: 1, keepDims: true }); // [rows, 1]
      const second = mean(mul(inner, normalized), { axis: 1, keepDims: true }); // [rows, 1]
      return [
        mul(sub(sub(inner, first), mul(normalized, second)), deviation),
        sum(mul(cotangent, normalized), { axis: 0 }),
        sum(cotangent, { axis: 0 }),
      ];
    },
  );
  return f(x, params.weight, params.bias);
}
