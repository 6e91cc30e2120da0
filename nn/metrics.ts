/** @file What a classifier got right, counted on the device: confusion matrices, and the scores that follow from one. */
import { requireTensor } from "../tensor/parts.ts";
import {
  add,
  div,
  eye,
  greaterEqual,
  less,
  logicalAnd,
  mul,
  ones,
  reshape,
  scatterAdd,
  ShapeError,
  sum,
  type Tensor,
  where,
} from "../tensor/core.ts";

/**
 * Counts how often each class was taken for each. Matrices of several batches add up.
 *
 * @param labels Right classes, int32 `[B]`, from 0.
 * @param predictions Classes that were said, int32 `[B]`.
 * @param classes Number of classes.
 * @returns int32 `[classes, classes]`: row the right class, column what was said. A pair of which one is out of range, such
 * as a label that is ignored, is not counted.
 * @throws {ShapeError} If labels and predictions are not vectors of one length.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { confusionMatrix } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const int32 = (values: number[]) => tensor(values, { dtype: "int32" });
 * const matrix = confusionMatrix(int32([0, 0, 1]), int32([0, 1, 1]), 2);
 * deepStrictEqual(await matrix.data(), new Int32Array([1, 1, 0, 1]));
 * ```
 */
export function confusionMatrix(labels: Tensor, predictions: Tensor, classes: number): Tensor {
  requireTensor("confusionMatrix", "labels", labels);
  requireTensor("confusionMatrix", "predictions", predictions);
  const [a, b] = [labels.shape, predictions.shape];
  if (!(a.length === 1 && b.length === 1 && a[0] === b[0])) {
    throw new ShapeError("confusionMatrix", "labels and predictions must both be [B]", [a, b]);
  }
  const inside = (x: Tensor) => logicalAnd(greaterEqual(x, 0), less(x, classes));
  const cells = where(logicalAnd(inside(labels), inside(predictions)), add(mul(labels, classes), predictions), -1); // [B]
  const counts = scatterAdd(ones([a[0]!, 1], { dtype: "int32" }), cells, {
    size: classes * classes,
    wrapNegativeIndices: false,
  });
  return reshape(counts, [classes, classes]);
}

/** Scores of a classifier, floating; NaN where nothing was to be found, or nothing was said. */
export interface ClassificationScores {
  /** Share of all samples that are right, scalar. */
  readonly accuracy: Tensor;
  /** Share of what was said of each class that is right, `[classes]`. */
  readonly precision: Tensor;
  /** Share of each class that was found: its accuracy, `[classes]`. */
  readonly recall: Tensor;
  /** Harmonic mean of both, `[classes]`. */
  readonly f1: Tensor;
}

/**
 * Scores that follow from a confusion matrix.
 *
 * @param matrix `[classes, classes]` of `confusionMatrix`.
 * @returns Accuracy of all; precision, recall and F1 of each class.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual, equal } from "node:assert/strict";
 * import { classificationScores } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const { accuracy, recall } = classificationScores(tensor([[1, 1], [0, 2]], { dtype: "int32" }));
 * equal(await accuracy.item(), 0.75);
 * deepStrictEqual(await recall.data(), new Float32Array([0.5, 1]));
 * ```
 */
export function classificationScores(matrix: Tensor): ClassificationScores {
  requireTensor("classificationScores", "matrix", matrix);
  const classes = matrix.shape[0]!;
  const right = sum(where(eye(classes, { dtype: "bool" }), matrix, 0), { axis: 1 }); // [classes]
  const [present, said] = [sum(matrix, { axis: 1 }), sum(matrix, { axis: 0 })]; // [classes]
  return {
    accuracy: div(sum(right), sum(matrix)),
    precision: div(right, said),
    recall: div(right, present),
    f1: div(mul(right, 2), add(present, said)),
  };
}
