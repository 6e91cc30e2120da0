import type { Tensor } from "../../tensor.ts";
import { add, mul } from "../arithmetic.ts";
import { greaterEqual, less } from "../comparison.ts";
import { iota } from "../constant.ts";
import { logicalOr } from "../logic.ts";
import { where } from "../where.ts";

/**
 * Positions in lines that are laid end to end. A position outside its line must not land in another: it becomes -1.
 *
 * @param positions int32 `[lines, ...]`, each in its own line.
 * @param size Elements of a line.
 * @returns int32 of the same shape.
 */
export function endToEnd(positions: Tensor, size: number): Tensor {
  const outside = logicalOr(less(positions, 0), greaterEqual(positions, size));
  return where(outside, -1, add(positions, mul(iota(positions.shape, 0), size)));
}
