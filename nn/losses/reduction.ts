import { asFloating, type OptionNames, requireTensor } from "../../tensor/parts.ts";
import { mean, ShapeError, sub, sum, type Tensor } from "../../tensor/core.ts";

/** What a loss makes of its terms: their mean, their sum, or nothing (one number each). */
export type Reduction = "mean" | "sum" | "none";

/** Option of every loss that has one term an element. */
export interface ReductionOption {
  /** `mean` if not given, as in PyTorch. */
  readonly reduction?: Reduction;
}

/** Names of ReductionOption. */
export const REDUCTION_OPTION: OptionNames<ReductionOption> = { reduction: true };

const REDUCTIONS: Readonly<Record<Reduction, (terms: Tensor) => Tensor>> = {
  mean: (terms) => mean(terms),
  sum: (terms) => sum(terms),
  none: (terms) => terms,
};

/** Reduces the terms of a loss as its option says. */
export function reduced(operation: string, terms: Tensor, reduction: Reduction = "mean"): Tensor {
  if (Object.hasOwn(REDUCTIONS, reduction)) return REDUCTIONS[reduction](terms);
  throw new RangeError(
    `Cannot ${operation} as reduction must be mean, sum or none: current reduction is ${String(reduction)}`,
  );
}

/** What predictions and targets differ by: of integers too, whose own difference could wrap. */
export const errorOf = (predictions: Tensor, targets: Tensor): Tensor =>
  sub(asFloating(predictions), asFloating(targets));

/** Refuses predictions and targets of two shapes, which would be broadcast against each other. */
export function requireSameShape(operation: string, a: Tensor, b: Tensor): void {
  requireTensor(operation, "predictions", a);
  requireTensor(operation, "targets", b);
  if (a.shape.length === b.shape.length && a.shape.every((size, i) => size === b.shape[i])) return;
  throw new ShapeError(operation, "predictions and targets must be of one shape", [a.shape, b.shape]);
}
