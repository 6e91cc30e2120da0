import {
  argsort,
  cast,
  greater,
  isNaN,
  logicalAnd,
  logicalNot,
  sum,
  take,
  type Tensor,
  where,
} from "../../tensor/core.ts";
import { requireKind, requireOptions, requireTensor, suppress, type SuppressOptions } from "../../tensor/parts.ts";
import { columnsOf } from "./boxes.ts";

/** What is kept of N boxes. */
export interface KeptBoxes {
  /** int32 `[N]`: numbers of the boxes that are kept, the surest first; then -1. */
  readonly indices: Tensor;
  /** int32 scalar: how many are kept. */
  readonly count: Tensor;
}

/**
 * Greedy non-maximum suppression: the surest box is kept, those that it overlaps by **more** than the threshold are not, and
 * so on. Equal scores keep the order of the boxes. A box whose score or a corner is NaN is not kept and suppresses none. No
 * gradient flows.
 *
 * @param boxes `[N, 4]`: left, top, right, bottom.
 * @param scores `[N]`.
 * @param options `threshold`; `kind`: int32 `[N]`, boxes of different kinds (classes, levels) do not see each other.
 * @returns Which are kept. Sizes do not depend on the numbers, so that it runs in a compiled program.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { nonMaximumSuppression } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const boxes = tensor([[0, 0, 2, 2], [0, 0, 2, 1.9], [5, 5, 6, 6]]);
 * const { indices } = nonMaximumSuppression(boxes, tensor([0.5, 0.9, 0.1]), { threshold: 0.5 });
 * deepStrictEqual(await indices.data(), new Int32Array([1, 2, -1]));
 * ```
 */
export function nonMaximumSuppression(boxes: Tensor, scores: Tensor, options: SuppressOptions): KeptBoxes {
  requireOptions("nonMaximumSuppression", options, { threshold: true, kind: true });
  requireTensor("nonMaximumSuppression", "boxes", boxes);
  requireTensor("nonMaximumSuppression", "scores", scores);
  const order = argsort(scores, { descending: true });
  const isNumber = columnsOf(boxes).concat(scores).map((x) => logicalNot(isNaN(x))).reduce((a, b) => logicalAnd(a, b));
  const rows = (x: Tensor) => take(x, order, { wrapNegativeIndices: false });
  const { threshold, kind } = options;
  const fits = typeof threshold === "number" && threshold >= 0 && threshold <= 1;
  requireKind("nonMaximumSuppression", "threshold", threshold, fits, "a number in [0, 1]");
  const keep = suppress(rows(boxes), rows(cast(isNumber, "int32")), {
    threshold,
    ...(kind ? { kind: rows(kind) } : {}),
  });
  const first = argsort(keep, { descending: true }); // stable: those that are kept, in their order
  const sorted = take(keep, first, { wrapNegativeIndices: false });
  const numbers = take(order, first, { wrapNegativeIndices: false });
  return { indices: where(greater(sorted, 0), numbers, -1), count: sum(keep) };
}
