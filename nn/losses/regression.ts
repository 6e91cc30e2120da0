/** @file Losses of numbers, and of the overlap of masks. */
import { requireOptions } from "../../tensor/parts.ts";
import { abs, add, div, minimum, mul, ShapeError, square, sub, sum, type Tensor } from "../../tensor/core.ts";
import { errorOf, reduced, REDUCTION_OPTION, type ReductionOption, requireSameShape } from "./reduction.ts";

/**
 * The squared error, `(prediction - target)²`.
 *
 * @param predictions Of any shape.
 * @param targets Of the same shape.
 * @param options What is made of the terms; their mean if not given.
 * @returns Scalar, or of the shape of the predictions with `reduction: "none"`.
 * @throws {ShapeError} If the shapes differ.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { mseLoss } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * equal(await mseLoss(tensor([1, 2]), tensor([1, 4])).item(), 2);
 * ```
 */
export function mseLoss(predictions: Tensor, targets: Tensor, options: ReductionOption = {}): Tensor {
  requireOptions("mseLoss", options, REDUCTION_OPTION);
  const { reduction } = options;
  requireSameShape("mseLoss", predictions, targets);
  return reduced("mseLoss", square(errorOf(predictions, targets)), reduction);
}

/**
 * The absolute error, `|prediction - target|`.
 *
 * @param predictions Of any shape.
 * @param targets Of the same shape.
 * @param options What is made of the terms; their mean if not given.
 * @returns Scalar, or of the shape of the predictions with `reduction: "none"`.
 * @throws {ShapeError} If the shapes differ.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { l1Loss } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * equal(await l1Loss(tensor([1, 2]), tensor([1, 4]), { reduction: "sum" }).item(), 2);
 * ```
 */
export function l1Loss(predictions: Tensor, targets: Tensor, options: ReductionOption = {}): Tensor {
  requireOptions("l1Loss", options, REDUCTION_OPTION);
  const { reduction } = options;
  requireSameShape("l1Loss", predictions, targets);
  return reduced("l1Loss", abs(errorOf(predictions, targets)), reduction);
}

/** `e² / 2` up to `bound`, then on along the tangent; `bound` may be Infinity. */
function huberTerms(error: Tensor, bound: number): Tensor {
  const size = abs(error);
  const inside = minimum(size, bound);
  return mul(sub(size, mul(inside, 0.5)), inside);
}

/** Options of `smoothL1Loss`. */
export interface SmoothL1Options extends ReductionOption {
  /** Error from which on it grows linearly, not below 0; 1 if not given. With 0 it is `l1Loss`. */
  readonly beta?: number;
}

/**
 * The absolute error with a parabola of width `beta` at 0 (Girshick 2015): `e² / 2β` if `|e| < β`, else `|e| - β / 2`, as
 * PyTorch's `smooth_l1_loss`.
 *
 * @param predictions Of any shape.
 * @param targets Of the same shape.
 * @param options β, and what is made of the terms; their mean if not given.
 * @returns Scalar, or of the shape of the predictions with `reduction: "none"`.
 * @throws {ShapeError} If the shapes differ.
 * @throws {RangeError} If `beta` is negative.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { smoothL1Loss } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * equal(await smoothL1Loss(tensor([3]), tensor([0])).item(), 2.5);
 * ```
 */
export function smoothL1Loss(predictions: Tensor, targets: Tensor, options: SmoothL1Options = {}): Tensor {
  requireOptions("smoothL1Loss", options, { beta: true, reduction: true });
  const { beta = 1, reduction } = options;
  requireSameShape("smoothL1Loss", predictions, targets);
  if (!(beta >= 0)) {
    throw new RangeError(`Cannot smoothL1Loss as beta must not be negative: current beta is ${beta}`);
  }
  const error = errorOf(predictions, targets);
  return reduced("smoothL1Loss", beta === 0 ? abs(error) : div(huberTerms(error, beta), beta), reduction);
}

/** Options of `huberLoss`. */
export interface HuberOptions extends ReductionOption {
  /** Error from which on it grows linearly, positive; 1 if not given. */
  readonly delta?: number;
}

/**
 * The squared error, which grows linearly from `delta` on (Huber 1964): `e² / 2` if `|e| < δ`, else `δ (|e| - δ / 2)`, as
 * PyTorch's `huber_loss`.
 *
 * @param predictions Of any shape.
 * @param targets Of the same shape.
 * @param options δ, and what is made of the terms; their mean if not given.
 * @returns Scalar, or of the shape of the predictions with `reduction: "none"`.
 * @throws {ShapeError} If the shapes differ.
 * @throws {RangeError} If `delta` is not positive.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { huberLoss } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * equal(await huberLoss(tensor([3]), tensor([0]), { delta: 2 }).item(), 4);
 * ```
 */
export function huberLoss(predictions: Tensor, targets: Tensor, options: HuberOptions = {}): Tensor {
  requireOptions("huberLoss", options, { delta: true, reduction: true });
  const { delta = 1, reduction } = options;
  requireSameShape("huberLoss", predictions, targets);
  if (!(delta > 0)) throw new RangeError(`Cannot huberLoss as delta must be positive: current delta is ${delta}`);
  return reduced("huberLoss", huberTerms(errorOf(predictions, targets), delta), reduction);
}

/** Options of `diceLoss`. */
export interface DiceOptions {
  /** Added to numerator and denominator, so that empty masks count as equal; 1 if not given. */
  readonly smooth?: number;
}

/**
 * One minus the overlap of soft masks (Milletari et al. 2016): `1 - (2 Σ p t + s) / (Σ p + Σ t + s)`, of each mask, averaged
 * over the batch.
 *
 * @param probabilities Of each pixel, `[B, ...]`, in [0, 1]: after a sigmoid.
 * @param targets 0 or 1, of the same shape.
 * @param options What is added to both sides of the quotient.
 * @returns Scalar, in [0, 1].
 * @throws {ShapeError} If the shapes differ, or have no axis of masks.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { diceLoss } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * equal(await diceLoss(tensor([[1, 1, 0, 0]]), tensor([[0, 1, 1, 0]]), { smooth: 0 }).item(), 0.5);
 * ```
 */
export function diceLoss(probabilities: Tensor, targets: Tensor, options: DiceOptions = {}): Tensor {
  requireOptions("diceLoss", options, { smooth: true });
  const { smooth = 1 } = options;
  requireSameShape("diceLoss", probabilities, targets);
  if (probabilities.shape.length === 0) {
    throw new ShapeError("diceLoss", "masks must be [B, ...]", [probabilities.shape]);
  }
  const axis = probabilities.shape.slice(1).map((_, i) => i + 1);
  const over = (x: Tensor) => axis.length === 0 ? x : sum(x, { axis });
  const common = over(mul(probabilities, targets));
  const both = add(over(probabilities), over(targets));
  const overlap = div(add(mul(common, 2), smooth), add(both, smooth));
  return reduced("diceLoss", sub(1, overlap));
}
