import { requireParams } from "./require_params.ts";
import { requireOptions } from "../../tensor/parts.ts";
import { add, broadcastTo, div, mul, reshape, rsqrt, square, sub, sum, type Tensor } from "../../tensor/core.ts";
import type { NormParams } from "./batch_norm.ts";
import { channelsOf, type Features, mapFeatures, requireFeatures, shapeOf } from "./features.ts";
import { imageSites, imageSums, withImages } from "./per_image.ts";

/** Options of `groupNorm`. */
export interface GroupNormOptions {
  /** Groups of channels, a divisor of their number; as many groups as channels is instance normalisation. */
  readonly groups: number;
  /** Added to the variance; 1e-5 if not given. */
  readonly epsilon?: number;
}

/**
 * Normalises each group of channels of each image over all its positions, by the biased variance; of sparse features
 * over the active ones, so that what is masked does not shift the statistics.
 *
 * @param params Scale and shift, `[C]`, such as of `initLayerNorm`.
 * @param x Maps `[B, H, W, C]`, dense or sparse.
 * @param options Groups and epsilon.
 * @returns Of the shape of `x`.
 * @throws {RangeError} If the groups do not divide the channels.
 * @throws {ShapeError} If a parameter is not of the shape that the channels ask for.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { groupNorm, initLayerNorm } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const x = tensor([[[[1, 10], [3, 30]]]]); // [1, 1, 2, 2]
 * const y = groupNorm(initLayerNorm(2), x, { groups: 2, epsilon: 0 });
 * deepStrictEqual(await y.data(), new Float32Array([-1, -1, 1, 1]));
 * ```
 */
export function groupNorm<T extends Features>(
  params: NormParams,
  x: T,
  options: GroupNormOptions,
): T {
  requireOptions("groupNorm", options, { groups: true, epsilon: true });
  requireFeatures("groupNorm", x);
  requireParams("groupNorm", params, ["weight", "bias"], { shape: channelsOf(x) });
  const { weight, bias } = params;
  const { groups, epsilon = 1e-5 } = options;
  const [batch, , , channels] = shapeOf(x) as readonly [number, number, number, number];
  if (!(Number.isInteger(groups) && groups >= 1 && channels % groups === 0)) {
    throw new RangeError(
      `Cannot groupNorm as the groups must divide the ${channels} channels: current number of groups is ${groups}`,
    );
  }
  const sites = imageSites(x);
  /** Mean over the sites and the channels of a group, spread over its channels, `[B, C]`. */
  const meanOf = (values: T): Tensor => {
    const grouped = reshape(imageSums(values), [batch, groups, channels / groups]);
    const means = mul(div(sum(grouped, { axis: 2, keepDims: true }), reshapeSites(sites)), groups / channels);
    return reshape(broadcastTo(means, [batch, groups, channels / groups]), [batch, channels]);
  };
  const centred = withImages(x, meanOf(x), sub);
  const deviation = rsqrt(add(meanOf(mapFeatures(centred, square)), epsilon)); // [B, C], 1 / σ
  const normalized = withImages(centred, deviation, mul);
  return mapFeatures(normalized, (values) => add(mul(values, weight), bias));
}

/** `[B, 1]` to `[B, 1, 1]`. */
function reshapeSites(sites: Tensor | number): Tensor | number {
  return typeof sites === "number" ? sites : reshape(sites, [sites.shape[0]!, 1, 1]);
}
