import { requireParams } from "./require_params.ts";
import { requireOptions } from "../../tensor/parts.ts";
import { add, convTranspose2d as denseConvTranspose2d, type Tensor } from "../../tensor/core.ts";
import * as random from "../../tensor/functions/random/mod.ts";
import { isSparse } from "./features.ts";
import { type DTypeOption, initialize, type Initializer, torchUniform } from "./initializer.ts";

/** Parameters of a transposed convolution. */
export interface ConvTranspose2dParams {
  /** `[kernelHeight, kernelWidth, out, in]`: that of the convolution it is the input gradient of. */
  readonly weight: Tensor;
  /** `[out]`; absent if the layer has none. */
  readonly bias?: Tensor;
}

/** Options of `initConvTranspose2d`. */
export interface InitConvTranspose2dOptions extends DTypeOption {
  /** Channels in. */
  readonly inChannels: number;
  /** Channels out. */
  readonly outChannels: number;
  /** Height and width of the kernel. */
  readonly kernel: number;
  /** Distribution of the weight; PyTorch's default if not given. */
  readonly weight?: Initializer;
  /** Distribution of the bias, PyTorch's default if not given; `null` for a layer without bias. */
  readonly bias?: Initializer | null;
}

/**
 * Makes the parameters of a transposed convolution. As in PyTorch, whose weight is `[in, out, k, k]`, fan in counts the
 * channels out and fan out the channels in.
 *
 * @param key Random key.
 * @param options Sizes and distributions.
 * @returns Weight `[kernel, kernel, out, in]` and bias `[out]`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { initConvTranspose2d } from "@tessera/tessera/nn";
 * import { random } from "@tessera/tessera/tensor";
 *
 * const { weight } = initConvTranspose2d(random.key(0), { inChannels: 3, outChannels: 5, kernel: 4 });
 * deepStrictEqual(weight.shape, [4, 4, 5, 3]);
 * ```
 */
export function initConvTranspose2d(key: Tensor, options: InitConvTranspose2dOptions): ConvTranspose2dParams {
  requireOptions("initConvTranspose2d", options, {
    inChannels: true,
    outChannels: true,
    kernel: true,
    weight: true,
    bias: true,
    dtype: true,
  });
  const { inChannels, outChannels, kernel, weight = torchUniform, bias = torchUniform, dtype } = options;
  const fan = { in: outChannels * kernel * kernel, out: inChannels * kernel * kernel };
  const shape = [kernel, kernel, outChannels, inChannels];
  const made = { weight: initialize(weight, random.foldIn(key, 0), shape, fan, dtype) };
  return bias ? { ...made, bias: initialize(bias, random.foldIn(key, 1), [outChannels], fan, dtype) } : made;
}

/**
 * Spreads each pixel over a kernel: the input gradient of a convolution, used to enlarge maps.
 *
 * @param params Of `initConvTranspose2d`.
 * @param x Dense maps `[B, H, W, in]`.
 * @param options Stride and padding of the convolution that it transposes.
 * @returns Maps `[B, (H - 1) · stride - 2 · padding + kernel, …, out]`.
 * @throws {ShapeError} If the channels do not fit.
 * @throws {TypeError} If the maps are sparse: the result would have other active sites.
 * @throws {ShapeError} If a parameter is not of the shape that the channels ask for.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { convTranspose2d } from "@tessera/tessera/nn";
 * import { ones } from "@tessera/tessera/tensor";
 *
 * const y = convTranspose2d({ weight: ones([4, 4, 5, 2]) }, ones([1, 3, 3, 2]), { stride: 2, padding: 1 });
 * deepStrictEqual(y.shape, [1, 6, 6, 5]);
 * ```
 */
export function convTranspose2d(
  params: ConvTranspose2dParams,
  x: Tensor,
  options: { readonly stride?: number; readonly padding?: number } = {},
): Tensor {
  requireOptions("convTranspose2d", options, { stride: true, padding: true });
  requireParams("convTranspose2d", params, ["weight"], { optional: ["bias"] });
  const { weight, bias } = params;
  requireParams("convTranspose2d", params, [], { optional: ["bias"], shape: weight.shape.slice(-2, -1) });
  if (isSparse(x)) {
    throw new TypeError(
      "Cannot convTranspose2d as the maps must be dense, an encoder only ever shrinks its maps: current maps are sparse",
    );
  }
  const y = denseConvTranspose2d(x, weight, options);
  return bias ? add(y, bias) : y;
}
