/** @file Classification against whole labels, and binary targets of which few are positive. */
import { asFloating, requireOptions, requireTensor, sameShape } from "../../tensor/parts.ts";
import {
  add,
  cast,
  div,
  equal,
  greaterEqual,
  less,
  logicalAnd,
  logSoftmax,
  mean,
  mul,
  neg,
  oneHot,
  pow,
  ShapeError,
  sigmoid,
  sub,
  sum,
  type Tensor,
  where,
} from "../../tensor/core.ts";
import { reduced, type ReductionOption, requireSameShape } from "./reduction.ts";
import { binaryTerms } from "./soft_targets.ts";

/** Options of `crossEntropy`. */
export interface CrossEntropyOptions extends ReductionOption {
  /** Share of the probability that is spread over all classes, in [0, 1); 0 if not given. */
  readonly labelSmoothing?: number;
  /** Factor of each class, `[classes]`; the mean is then weighted by them, as in PyTorch. */
  readonly classWeights?: Tensor;
  /** A label that counts for nothing, such as -100 or 255. */
  readonly ignoreLabel?: number;
}

function checkLabels(logits: Tensor, labels: Tensor): void {
  requireTensor("crossEntropy", "logits", logits);
  requireTensor("crossEntropy", "labels", labels);
  const outer = logits.shape.slice(0, -1);
  const fits = outer.length === labels.shape.length && outer.every((size, i) => size === labels.shape[i]);
  if (logits.shape.length === 0 || !fits) {
    throw new ShapeError("crossEntropy", "logits must be [..., classes] and labels [...]", [
      logits.shape,
      labels.shape,
    ]);
  }
  if (labels.dtype !== "int32") {
    throw new TypeError(
      `Cannot crossEntropy as labels must be int32, classes from 0: current dtype is ${labels.dtype}` +
        " (softCrossEntropy takes probabilities)",
    );
  }
}

/**
 * Makes what takes the element of each label out of `[..., classes]`, NaN where a label is none: by comparing, which is fused with
 * what makes the elements and has a map for a gradient, where a gather has a scatter.
 */
function ofLabels(labels: Tensor, classes: number): (x: Tensor) => Tensor {
  const isOwn = oneHot(labels, classes, { dtype: "bool" }); // [..., classes]
  const isClass = logicalAnd(greaterEqual(labels, 0), less(labels, classes)); // [...]
  return (x) => where(isClass, sum(where(isOwn, x, 0), { axis: -1 }), NaN);
}

function checkSmoothing(labelSmoothing: number): void {
  if (typeof labelSmoothing === "number" && labelSmoothing >= 0 && labelSmoothing < 1) return;
  throw new RangeError(
    `Cannot crossEntropy as labelSmoothing must lie in [0, 1): current labelSmoothing is ${labelSmoothing}`,
  );
}

/**
 * The cross-entropy of whole labels, `-log softmax(logits)[label]`, with the options and the formula of PyTorch's
 * `cross_entropy`.
 *
 * @param logits Scores, `[..., classes]`: a batch of images `[B, classes]`, of texts `[B, T, classes]`, of maps.
 * @param labels Classes, int32 `[...]`, from 0. The loss is NaN where one is out of range, so that it cannot be missed.
 * @param options Smoothing, weights of classes, a label that is ignored, and what is made of the terms.
 * @returns Scalar, or `[...]` with `reduction: "none"`. The mean over no label at all is NaN. Large scores do not overflow.
 * @throws {ShapeError} If the labels are not of the shape of the logits without their last axis.
 * @throws {TypeError} If the labels are not int32.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { crossEntropy } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const labels = tensor([1, -100], { dtype: "int32" });
 * const loss = crossEntropy(tensor([[1, 1], [5, 0]]), labels, { ignoreLabel: -100 });
 * equal((await loss.item()).toFixed(4), Math.log(2).toFixed(4));
 * ```
 */
export function crossEntropy(logits: Tensor, labels: Tensor, options: CrossEntropyOptions = {}): Tensor {
  requireOptions("crossEntropy", options, {
    labelSmoothing: true,
    classWeights: true,
    ignoreLabel: true,
    reduction: true,
  });
  const { labelSmoothing = 0, classWeights, ignoreLabel, reduction = "mean" } = options;
  checkLabels(logits, labels);
  checkSmoothing(labelSmoothing);
  if (classWeights && !sameShape(classWeights.shape, logits.shape.slice(-1))) {
    throw new ShapeError("crossEntropy", "classWeights must be [classes]", [classWeights.shape, logits.shape]);
  }
  const scores = logSoftmax(logits); // [..., classes]
  const ignored = ignoreLabel === undefined ? null : equal(labels, ignoreLabel); // [...]
  const chosen = ignored ? where(ignored, 0, labels) : labels;
  const kept = (x: Tensor) => ignored ? where(ignored, 0, x) : x;
  const ownOf = ofLabels(chosen, scores.shape.at(-1)!);
  const weightOf = classWeights ? ownOf(classWeights) : null; // [...]
  const own = neg(ownOf(scores)); // [...]
  const hard = weightOf ? mul(own, weightOf) : own;
  const spread = labelSmoothing === 0
    ? null
    : neg(mean(classWeights ? mul(scores, classWeights) : scores, { axis: -1 }));
  const terms = kept(spread ? add(mul(hard, 1 - labelSmoothing), mul(spread, labelSmoothing)) : hard);
  if (reduction !== "mean" || !(weightOf || ignored)) return reduced("crossEntropy", terms, reduction);
  const counted = kept(weightOf ?? cast(equal(chosen, chosen), scores.dtype)); // what each label counts
  return div(sum(terms), sum(counted));
}

/** Options of `focalLoss`. */
export interface FocalLossOptions extends ReductionOption {
  /** Weight of positives against negatives, in [0, 1]; 0.25 if not given, negative for none. */
  readonly alpha?: number;
  /** How much what is right already counts less; 2 if not given. */
  readonly gamma?: number;
}

/**
 * The focal loss of binary targets (Lin et al. 2017), `-α (1 - p)^γ log p` of the probability p of what is true, as
 * torchvision's `sigmoid_focal_loss`.
 *
 * @param logits Scores of any shape.
 * @param targets 0 or 1, of the same shape, floating.
 * @param options α, γ, and what is made of the terms; their mean if not given.
 * @returns Scalar, or of the shape of the logits with `reduction: "none"`.
 * @throws {ShapeError} If the shapes differ.
 *
 * @example Usage
 * ```ts
 * import { ok } from "node:assert/strict";
 * import { focalLoss } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const [sure, unsure] = [focalLoss(tensor([4]), tensor([1])), focalLoss(tensor([0]), tensor([1]))];
 * ok(await sure.item() < 0.001 * await unsure.item());
 * ```
 */
export function focalLoss(logits: Tensor, targets: Tensor, options: FocalLossOptions = {}): Tensor {
  requireOptions("focalLoss", options, { alpha: true, gamma: true, reduction: true });
  const { alpha = 0.25, gamma = 2, reduction = "mean" } = options;
  requireSameShape("focalLoss", logits, targets);
  const p = sigmoid(logits);
  const truths = asFloating(targets);
  const missed = add(mul(p, sub(1, truths)), mul(sub(1, p), truths)); // 1 - p of what is true
  const terms = mul(binaryTerms(logits, truths), pow(missed, gamma));
  const weights = alpha < 0 ? 1 : add(mul(truths, alpha), mul(sub(1, truths), 1 - alpha));
  return reduced("focalLoss", mul(terms, weights), reduction);
}
