/** @file Classification against soft targets: rows of probabilities, as label smoothing and mixup make them. */
import {
  abs,
  add,
  cast,
  customVjp,
  equal,
  exp,
  expandDims,
  less,
  lessEqual,
  log,
  logicalAnd,
  logicalNot,
  logSoftmax,
  maximum,
  mean,
  mul,
  ShapeError,
  sigmoid,
  sub,
  sum,
  takeAlongAxis,
  type Tensor,
  tensor,
} from "../../tensor/core.ts";
import { asFloating, requireKind, requireTensor } from "../../tensor/parts.ts";

function checkTargets(operation: string, logits: Tensor, targets: Tensor): void {
  requireTensor(operation, "logits", logits);
  requireTensor(operation, "targets", targets);
  const [a, b] = [logits.shape, targets.shape];
  if (a.length === 2 && b.length === 2 && a.every((size, i) => size === b[i])) return;
  throw new ShapeError(operation, "logits and targets must both be [B, classes]", [a, b]);
}

/**
 * The cross-entropy of soft targets: `-Σ target · log softmax(logits)`, averaged over the batch.
 *
 * @param logits Scores, `[B, classes]`.
 * @param targets Probabilities, `[B, classes]`; rows need not sum to one.
 * @returns Scalar. Large scores do not overflow.
 * @throws {ShapeError} If the shapes differ or are not of two axes.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { softCrossEntropy } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const loss = softCrossEntropy(tensor([[1, 1]]), tensor([[0.5, 0.5]]));
 * equal((await loss.item()).toFixed(4), Math.log(2).toFixed(4));
 * ```
 */
export function softCrossEntropy(logits: Tensor, targets: Tensor): Tensor {
  checkTargets("softCrossEntropy", logits, targets);
  return mul(mean(sum(mul(targets, logSoftmax(logits)), { axis: 1 })), -1);
}

/**
 * The binary cross-entropy of each class on its own, `-(t log σ(x) + (1 - t) log(1 - σ(x)))`, averaged over batch and
 * classes, as SparK's authors fine-tune ResNets ("ResNet strikes back", Wightman et al., 2021).
 *
 * @param logits Scores, `[B, classes]`.
 * @param targets Probabilities, `[B, classes]`.
 * @returns Scalar. Large scores do not overflow.
 * @throws {ShapeError} If the shapes differ or are not of two axes.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { binaryCrossEntropy } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const loss = binaryCrossEntropy(tensor([[0, 0]]), tensor([[1, 0]]));
 * equal((await loss.item()).toFixed(4), Math.log(2).toFixed(4));
 * ```
 */
export function binaryCrossEntropy(logits: Tensor, targets: Tensor): Tensor {
  checkTargets("binaryCrossEntropy", logits, targets);
  return mean(binaryTerms(logits, targets));
}

/** The binary cross-entropy of each score on its own, of any shape; `t` in [0, 1]. */
export function binaryTerms(logits: Tensor, targets: Tensor): Tensor {
  // max(x, 0) - x t + log(1 + e^-|x|): its derivative is σ(x) - t everywhere, but no rule of a kink gives it at 0.
  const f = customVjp(
    (x: Tensor, t: Tensor) => add(sub(maximum(x, 0), mul(x, t)), log(add(exp(mul(abs(x), -1)), 1))),
    ([x, t], _output, cotangent) => [mul(cotangent, sub(sigmoid(x!), t!)), mul(cotangent, mul(x!, -1))],
  );
  return f(asFloating(logits), asFloating(targets));
}

/**
 * Counts the rows whose class is among the k best scores. Of equal scores the lower class comes first; a score that is
 * not a number is never right.
 *
 * @param logits Scores, `[B, classes]`.
 * @param labels Classes, int32 `[B]`, from 0.
 * @param k How many best scores count.
 * @returns bool `[B]`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { isInTop } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const found = isInTop(tensor([[3, 1, 2], [3, 1, 2]]), tensor([2, 1], { dtype: "int32" }), 2);
 * deepStrictEqual(Array.from(await found.data(), Number), [1, 0]);
 * ```
 */
export function isInTop(logits: Tensor, labels: Tensor, k: number): Tensor {
  requireKind("isInTop", "k", k, Number.isInteger(k), "a whole number");
  const column = expandDims(labels, { axis: 1 }); // [B, 1]
  const own = takeAlongAxis(logits, column, { axis: 1, wrapNegativeIndices: false }); // [B, 1]
  const classes = tensor(Int32Array.from({ length: logits.shape[1]! }, (_, i) => i), { shape: [1, logits.shape[1]!] });
  const better = cast(logicalNot(lessEqual(logits, own)), "int32"); // true where either is not a number
  const before = cast(logicalAnd(equal(logits, own), less(classes, column)), "int32");
  return less(sum(add(better, before), { axis: 1 }), k);
}
