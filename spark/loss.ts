/** @file What is predicted: each masked patch, normalised by its own mean and deviation. B batch, H height, W width. */
import { STEP_OPTIONS } from "./step_options.ts";
import { type OptionNames, requireOptions } from "../tensor/kernel.ts";
import { abs, add, div, mean, mul, sizeOf, square, sub, sum, type Tensor } from "../tensor/mod.ts";
import type { SparsePattern } from "../sparse/mod.ts";
import { colourMeans, cut, momentsOf, PATCH_AXES, visibility } from "./patches.ts";

/**
 * What predictions stand for. `normalised`: each patch by its own mean and deviation, as in SparK. `raw`: the image as
 * it is. `centred`: the image less the mean of each of its colours, which is given to the prediction.
 */
export type Target = "normalised" | "raw" | "centred";

/** Options of `patchLoss`; the defaults are SparK's, the others its authors' ablations. */
export interface LossOptions {
  /** Patches that count: the masked ones (if not given), or all. */
  readonly lossOn?: "masked" | "all";
  /** `l2`, the squared error (if not given), or `l1`, the absolute one. */
  readonly distance?: "l2" | "l1";
  /** What predictions stand for; `normalised` if not given. */
  readonly target?: Target;
}

/** Prediction less target, both cut into patches. */
function errorsOf(patches: Tensor, predicted: Tensor, target: Target): Tensor {
  if (target === "raw") return sub(predicted, patches);
  if (target === "centred") return sub(add(predicted, colourMeans(patches)), patches);
  const { average, deviation } = momentsOf(patches);
  return sub(predicted, div(sub(patches, average), deviation));
}

/**
 * SparK's loss: the mean squared error on masked patches, of predictions against patches that are normalised by their
 * own mean and unbiased deviation over all pixels and colours.
 *
 * @param images The whole images `[B, H, W, 3]`, normalised as the model reads them.
 * @param pixels Predictions `[B, H, W, 3]`.
 * @param pattern The visible patches; the loss is on the others.
 * @param options Other patches, errors and targets, for ablations.
 * @returns A scalar; 0 if no patch counts.
 * @throws {ShapeError} If the images do not divide by the pattern's grid.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { patchLoss, sampleMask } from "@tessera/tessera/spark";
 * import { random, zeros } from "@tessera/tessera/tensor";
 *
 * const pattern = sampleMask(random.key(0), { batch: 1, grid: [2, 2], maskRatio: 0.5 });
 * equal(await patchLoss(zeros([1, 8, 8, 3]), zeros([1, 8, 8, 3]), pattern).item(), 0);
 * ```
 */
export function patchLoss(
  images: Tensor,
  pixels: Tensor,
  pattern: SparsePattern,
  options: LossOptions = {},
): Tensor {
  requireOptions("patchLoss", options, STEP_OPTIONS satisfies OptionNames<LossOptions>);
  const { lossOn = "masked", distance = "l2", target = "normalised" } = options;
  const differences = errorsOf(cut(images, pattern), cut(pixels, pattern), target);
  const errors = mean(distance === "l2" ? square(differences) : abs(differences), { axis: PATCH_AXES });
  if (lossOn === "all") return mean(errors); // of [B, rows, columns]
  const masked = sub(1, visibility(pattern, images));
  const count = sizeOf(pattern.gridShape) - pattern.indices.shape[0]!;
  return mul(sum(mul(errors, masked)), 1 / Math.max(count, 1));
}
