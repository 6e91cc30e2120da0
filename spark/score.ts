/** @file Scores of images whose classes are known. */
import { cast, expandDims, logsumexp, squeeze, stack, sub, takeAlongAxis, type Tensor } from "../tensor/mod.ts";
import { type Classifier, isInTop } from "../nn/mod.ts";
import type { ClassifierWeights } from "./finetune.ts";

/**
 * Scores images whose classes are known, with running statistics and nothing dropped.
 *
 * @param model The model.
 * @param weights Parameters and statistics.
 * @param batch `images` `[B, H, W, 3]` and `labels`, int32 `[B]`.
 * @returns `[B, 3]`, a row for each image: cross-entropy, 1 if its class has the best score, 1 if it is among the five
 * best.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { sgd, tinyResnet } from "@tessera/tessera/nn";
 * import { initFinetune, scoreBatch } from "@tessera/tessera/spark";
 * import { ones, random, zeros } from "@tessera/tessera/tensor";
 *
 * const weights = initFinetune(tinyResnet(), sgd({ learningRate: 1 }), random.key(0), { classes: 10 });
 * const batch = { images: ones([2, 32, 32, 3]), labels: zeros([2], { dtype: "int32" }) };
 * deepStrictEqual(scoreBatch(tinyResnet(), weights, batch).shape, [2, 3]);
 * ```
 */
export function scoreBatch(
  model: Classifier,
  { params, state }: ClassifierWeights,
  { images, labels }: { readonly images: Tensor; readonly labels: Tensor },
): Tensor {
  return scoreRows(model.logits(params, state.encoder, images).logits, labels);
}

/**
 * Scores logits.
 *
 * @param logits `[B, classes]`.
 * @param labels Classes, int32 `[B]`.
 * @returns `[B, 3]` as of `scoreBatch`.
 */
export function scoreRows(logits: Tensor, labels: Tensor): Tensor {
  const total = logsumexp(logits, { axis: 1, keepDims: true });
  const own = takeAlongAxis(logits, expandDims(labels, { axis: 1 }), { axis: 1, wrapNegativeIndices: false });
  const found = [1, 5].map((k) => cast(isInTop(logits, labels, k), logits.dtype));
  return stack([squeeze(sub(total, own), { axis: 1 }), ...found], { axis: 1 });
}
