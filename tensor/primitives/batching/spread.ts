/** @file Operands of a batch brought to one form. */
import type { Batch } from "../../primitive.ts";
import type { Tensor } from "../../tensor.ts";
import { broadcastTo } from "../sum.ts";

/** A tensor repeated along a new axis 0, unless it has `rank` axes already: then it is mapped. */
export function spreadOne(x: Tensor, size: number, rank: number): Tensor {
  return x.shape.length === rank ? x : broadcastTo(x, [size, ...x.shape]);
}

/** The operands of a batch, what is the same for all examples repeated. A view: nothing is copied where it is fused. */
export function spread({ inputs, mapped, size }: Batch): readonly Tensor[] {
  return inputs.map((x, i) => mapped[i] ? x : broadcastTo(x, [size, ...x.shape]));
}
