import { op } from "../compiler/scalar.ts";
import { ShapeError } from "../errors.ts";
import type { Primitive } from "../primitive.ts";
import { sameShape } from "../spec.ts";
import { bind, type Tensor } from "../tensor.ts";
import { requireTensor } from "../require_tensor.ts";
import { constant } from "./constant.ts";
import { alignOperands, broadcastShapes, sameSpec, type TensorLike } from "./operands.ts";
import { broadcastTo } from "./sum.ts";

const WHERE: Primitive = {
  name: "where",
  shapeRule: ([condition, x, y]) => {
    const spec = sameSpec("where")([x!, y!]);
    if (condition!.dtype !== "bool") {
      throw new TypeError(`Cannot where as the condition must be bool: current dtype is ${condition!.dtype}`);
    }
    if (sameShape(condition!.shape, spec.shape)) return spec;
    throw new ShapeError("where", "operands must have one shape", [condition!.shape, x!.shape, y!.shape]);
  },
  reference: ([condition, x, y]) => condition!.data.map((chosen, i) => chosen ? x!.data[i]! : y!.data[i]!),
  vjpRule: (cotangent, { inputs: [condition] }) => {
    const none = constant(cotangent.shape, 0, cotangent.dtype);
    return [null, bind(WHERE, [condition!, cotangent, none], {}), bind(WHERE, [condition!, none, cotangent], {})];
  },
  lowering: { kind: "expression", expression: ([condition, x, y]) => op("select", condition!, x!, y!) },
};

/**
 * Chooses between two tensors, element by element.
 *
 * @param condition Bool tensor.
 * @param x Taken where the condition holds; tensor or number.
 * @param y Taken elsewhere; tensor or number.
 * @returns Tensor of the broadcast shape. No cotangent flows to what is not taken, not even of NaN.
 * @throws {TypeError} If the condition is not bool.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { greater, tensor, where } from "@tessera/tessera/tensor";
 *
 * const x = tensor([-1, 2]);
 * deepStrictEqual(await where(greater(x, 0), x, 0).data(), new Float32Array([0, 2]));
 * ```
 */
export function where(condition: Tensor, x: TensorLike, y: TensorLike): Tensor {
  requireTensor("where", "condition", condition);
  const [a, b] = alignOperands("where", [x, y]) as readonly [Tensor, Tensor];
  const shape = broadcastShapes("where", [condition.shape, a.shape]);
  return bind(WHERE, [condition, a, b].map((operand) => broadcastTo(operand, shape)), {});
}
