import { DTYPES } from "../../spec.ts";
import type { Tensor } from "../../tensor.ts";
import { add } from "../arithmetic.ts";
import { logicalOr } from "../logic.ts";
import { pad } from "../window.ts";

/**
 * Lays tensors end to end.
 *
 * @param tensors At least one; of one dtype, and of one shape off the axis.
 * @param axis Along which they are laid, from the front.
 * @returns All of their elements.
 */
export function joinAlong(tensors: readonly Tensor[], axis: number): Tensor {
  const total = tensors.reduce((sum, x) => sum + x.shape[axis]!, 0);
  const nothing = DTYPES[tensors[0]!.dtype].floating ? -0 : 0; // added to -0 it leaves its sign, as 0 does not
  let before = 0;
  const padded = tensors.map((x) => {
    const start = before;
    before += x.shape[axis]!;
    return pad(x, x.shape.map((_, i) => i === axis ? [start, total - before] : [0, 0]), nothing);
  });
  // Halves, not a chain: the depth stays logarithmic. Each element is one value and zeros.
  const join = (parts: readonly Tensor[]): Tensor => {
    if (parts.length === 1) return parts[0]!;
    const half = parts.length >> 1;
    const [left, right] = [join(parts.slice(0, half)), join(parts.slice(half))];
    return left.dtype === "bool" ? logicalOr(left, right) : add(left, right);
  };
  return join(padded);
}
