import { requireOptions, ShapeError } from "../../errors.ts";
import { add } from "../../primitives/arithmetic.ts";
import { cast } from "../../primitives/cast.ts";
import { equal, isNaN, less, lessEqual } from "../../primitives/comparison.ts";
import { constant } from "../../primitives/constant.ts";
import { take } from "../../primitives/gather.ts";
import { logicalAnd, logicalNot, logicalOr, shiftRight } from "../../primitives/logic.ts";
import { alignOperands, promoteTypes, type TensorLike } from "../../primitives/operands.ts";
import { where } from "../../primitives/where.ts";
import { requireTensor } from "../../require_tensor.ts";
import { DTYPES } from "../../spec.ts";
import { Tensor } from "../../tensor.ts";

/** Options of `searchsorted`. */
export interface SearchsortedOptions {
  /** `"left"`, the default, for the first place that keeps the order, `"right"` for the last. */
  readonly side?: "left" | "right";
}

/**
 * Where values would go in a sorted vector, by as many halvings as the logarithm of its length.
 *
 * @param sorted Vector in ascending order, NaN last.
 * @param values Tensor or number of any shape.
 * @param options `side`, `"left"` by default.
 * @returns int32 of the shape of `values`, in `[0, n]`; NaN goes where NaN is, at the end.
 * @throws {ShapeError} If `sorted` is no vector.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { searchsorted, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await searchsorted(tensor([1, 3, 3, 5]), tensor([3, 9])).data(), new Int32Array([1, 4]));
 * ```
 */
export function searchsorted(sorted: Tensor, values: TensorLike, options: SearchsortedOptions = {}): Tensor {
  requireOptions("searchsorted", options, { side: true });
  requireTensor("searchsorted", "sorted", sorted);
  const { side = "left" } = options;
  if (side !== "left" && side !== "right") {
    throw new RangeError(`Cannot searchsorted as side must be "left" or "right": current side is ${side}`);
  }
  if (sorted.shape.length !== 1) throw new ShapeError("searchsorted", "it must be a vector", [sorted.shape]);
  const count = sorted.shape[0]!;
  const dtype = values instanceof Tensor
    ? promoteTypes(sorted.dtype, values.dtype, "searchsorted")
    : alignOperands("searchsorted", [sorted, values])[0]!.dtype;
  const line = cast(sorted, dtype);
  const wanted = values instanceof Tensor ? cast(values, dtype) : constant([], values, dtype);
  const floating = DTYPES[dtype].floating;
  // Whether an element of the vector stands before the place of a value.
  const isBefore = (element: Tensor) => {
    const before = side === "left" ? less(element, wanted) : lessEqual(element, wanted);
    if (!floating) return before;
    const beforeNaN = side === "left" ? logicalAnd(isNaN(wanted), logicalNot(isNaN(element))) : isNaN(wanted);
    return logicalOr(before, beforeNaN);
  };
  let low = constant(wanted.shape, 0, "int32");
  let high = constant(wanted.shape, count, "int32");
  for (let left = count; left > 0; left >>= 1) {
    const middle = shiftRight(add(low, high), 1);
    const above = logicalAnd(less(low, high), isBefore(take(line, middle, { wrapNegativeIndices: false })));
    [low, high] = [where(above, add(middle, 1), low), where(logicalOr(above, equal(low, high)), high, middle)];
  }
  return low;
}
