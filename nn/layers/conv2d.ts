import { requireParams } from "./require_params.ts";
import { CONV_OPTIONS, requireOptions } from "../../tensor/parts.ts";
import { add, conv2d as denseConv2d, type ConvOptions, type Tensor } from "../../tensor/core.ts";
import * as random from "../../tensor/functions/random/mod.ts";
import { conv2d as sparseConv2d } from "../../sparse/mod.ts";
import { type Features, isSparse } from "./features.ts";
import { type DTypeOption, initialize, type Initializer, torchUniform } from "./initializer.ts";

/** Parameters of a convolution. */
export interface Conv2dParams {
  /** `[kernelHeight, kernelWidth, in / groups, out]`. */
  readonly weight: Tensor;
  /** `[out]`; absent if the layer has none. */
  readonly bias?: Tensor;
}

/** Options of `initConv2d`. */
export interface InitConv2dOptions extends DTypeOption {
  /** Channels in. */
  readonly inChannels: number;
  /** Channels out. */
  readonly outChannels: number;
  /** Height and width of the kernel. */
  readonly kernel: number;
  /** Groups of channels that do not see each other; 1 if not given. */
  readonly groups?: number;
  /** Distribution of the weight; PyTorch's default if not given. */
  readonly weight?: Initializer;
  /** Distribution of the bias, PyTorch's default if not given; `null` for a layer without bias. */
  readonly bias?: Initializer | null;
}

/**
 * Makes the parameters of a convolution.
 *
 * @param key Random key.
 * @param options Sizes and distributions.
 * @returns Weight `[kernel, kernel, in / groups, out]` and bias `[out]`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { initConv2d } from "@tessera/tessera/nn";
 * import { random } from "@tessera/tessera/tensor";
 *
 * const { weight } = initConv2d(random.key(0), { inChannels: 3, outChannels: 5, kernel: 7 });
 * deepStrictEqual(weight.shape, [7, 7, 3, 5]);
 * ```
 */
export function initConv2d(key: Tensor, options: InitConv2dOptions): Conv2dParams {
  requireOptions("initConv2d", options, {
    inChannels: true,
    outChannels: true,
    kernel: true,
    groups: true,
    weight: true,
    bias: true,
    dtype: true,
  });
  const { inChannels, outChannels, kernel, groups = 1, weight = torchUniform, bias = torchUniform, dtype } = options;
  const area = kernel * kernel;
  const fan = { in: inChannels / groups * area, out: outChannels / groups * area };
  const shape = [kernel, kernel, inChannels / groups, outChannels];
  const made = { weight: initialize(weight, random.foldIn(key, 0), shape, fan, dtype) };
  return bias ? { ...made, bias: initialize(bias, random.foldIn(key, 1), [outChannels], fan, dtype) } : made;
}

/**
 * Correlates maps with a kernel. Of sparse features the pattern stays: outputs are computed at active blocks only, and
 * inactive neighbours read as zero.
 *
 * @param params Of `initConv2d`.
 * @param x Maps `[B, H, W, in]`, dense or sparse.
 * @param options Stride, padding, dilation, groups.
 * @returns Maps `[B, H', W', out]` of the same kind.
 * @throws {ShapeError} If the channels do not fit, or a block does not divide by the stride.
 * @throws {ShapeError} If a parameter is not of the shape that the channels ask for.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { conv2d } from "@tessera/tessera/nn";
 * import { ones } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(conv2d({ weight: ones([3, 3, 2, 4]) }, ones([1, 8, 8, 2]), { padding: 1 }).shape, [1, 8, 8, 4]);
 * ```
 */
export function conv2d<T extends Features>(params: Conv2dParams, x: T, options: ConvOptions = {}): T {
  requireOptions("conv2d", options, CONV_OPTIONS);
  requireParams("conv2d", params, ["weight"], { optional: ["bias"] });
  const { weight, bias } = params;
  requireParams("conv2d", params, [], { optional: ["bias"], shape: weight.shape.slice(-1) });
  if (isSparse(x)) return sparseConv2d(x, weight, bias ? { ...options, bias } : options) as T;
  const y = denseConv2d(x, weight, options);
  return (bias ? add(y, bias) : y) as T;
}
