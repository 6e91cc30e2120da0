import { ShapeError, shown } from "../errors.ts";
import { type DType, DTYPES, holds, type Shape, type TensorSpec } from "../spec.ts";
import { Tensor } from "../tensor.ts";
import { cast } from "./cast.ts";
import { constant } from "./constant.ts";
import { broadcastTo } from "./sum.ts";

/** A tensor, or a number that takes the dtype of the tensors beside it where that holds it. */
export type TensorLike = Tensor | number;

/**
 * The dtype that holds the values of both, as in JAX: bool < int8 < int32, bool < uint8 < uint32 and int32, all of them <
 * float16 < float32 < float64; int8 beside uint8 is int32. Of whole numbers none holds those of int32 and uint32, or of int8
 * and uint32: one of them is to be cast.
 *
 * @param a Any dtype.
 * @param b Any dtype.
 * @param operation What is refused otherwise, for the error.
 * @returns The joint dtype.
 * @throws {TypeError} For uint32 beside int32 or int8.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { promoteTypes } from "@tessera/tessera/tensor";
 *
 * equal(promoteTypes("int32", "float32"), "float32");
 * ```
 */
export function promoteTypes(a: DType, b: DType, operation = "promote dtypes"): DType {
  const above = (dtype: DType) => [dtype, ...DTYPES[dtype].within];
  const joint = above(a).find((dtype) => above(b).includes(dtype))!;
  const bothWhole = DTYPES[a].kind === "whole" && DTYPES[b].kind === "whole";
  if (!bothWhole || DTYPES[joint].kind === "whole") return joint;
  throw new TypeError(
    `Cannot ${operation} as one dtype must hold the values of both: current dtypes are ${a} and ${b}; cast one of them`,
  );
}

/** The shape that two shapes broadcast to, by NumPy's rule; throws for `operation` if there is none. */
export function broadcastShapes(operation: string, shapes: readonly Shape[]): Shape {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, i) => {
    const sizes = shapes.map((shape) => shape[i - rank + shape.length] ?? 1).filter((size) => size !== 1);
    if (sizes.every((size) => size === sizes[0])) return sizes[0] ?? 1;
    throw new ShapeError(operation, "shapes must broadcast: sizes aligned at the end must be equal or 1", shapes);
  });
}

/** The dtype of numbers beside tensors of one: theirs if it holds them; int32 beside bool; else float32. */
function weakDType(joint: DType, numbers: readonly number[]): DType {
  if (DTYPES[joint].floating || numbers.length === 0) return joint;
  const whole = joint === "bool" ? "int32" : joint;
  return numbers.every((x) => holds(whole, x)) ? whole : "float32";
}

function dtypeOfAll(operation: string, operands: readonly TensorLike[]): DType {
  const dtypes = operands.filter((x) => x instanceof Tensor).map((x) => x.dtype);
  const joint = dtypes.length === 0 ? "float32" : dtypes.reduce((a, b) => promoteTypes(a, b, operation));
  return weakDType(joint, operands.filter((x) => typeof x === "number"));
}

/** Throws for `operation` unless what was given for an argument is a tensor or a number. */
export function requireOperand(operation: string, argument: string, x: unknown): asserts x is TensorLike {
  if (x instanceof Tensor || typeof x === "number") return;
  const hint = Array.isArray(x) || ArrayBuffer.isView(x) || typeof x === "boolean" ? "; make one with tensor(…)" : "";
  throw new TypeError(
    `Cannot ${operation} as ${argument} must be a tensor or a number: current ${argument} is ${shown(x)}${hint}`,
  );
}

const OPERANDS = ["x", "y"] as const;

/**
 * Operands of one operation, brought to one dtype and shape. A number beside integers is one if their dtype holds it,
 * else the operation is of float32.
 */
export function alignOperands(operation: string, operands: readonly TensorLike[], dtype?: DType): readonly Tensor[] {
  operands.forEach((x, i) => requireOperand(operation, OPERANDS[i] ?? `operand ${i}`, x));
  const common = dtype ?? dtypeOfAll(operation, operands);
  const shape = broadcastShapes(operation, operands.map((x) => x instanceof Tensor ? x.shape : []));
  return operands.map((x) => x instanceof Tensor ? broadcastTo(cast(x, common), shape) : constant(shape, x, common));
}

/** Throws for `operation` unless all operands have one floating dtype: kernels of contractions have no others. */
export function requireFloating(operation: string, operands: readonly TensorSpec[]): void {
  const dtypes = operands.map(({ dtype }) => dtype);
  if (dtypes.every((dtype) => DTYPES[dtype].floating && dtype === dtypes[0])) return;
  throw new TypeError(
    `Cannot ${operation} as operands must have one floating dtype: current dtypes are ${dtypes.join(" and ")}`,
  );
}

/** Shape rule of primitives whose inputs agree in everything. */
export function sameSpec(name: string): (inputs: readonly TensorSpec[]) => TensorSpec {
  return (inputs) => {
    const [x, ...rest] = inputs;
    if (!rest.every((y) => y.shape.join() === x!.shape.join())) {
      throw new ShapeError(name, "operands must have one shape", inputs.map((y) => y.shape));
    }
    const other = rest.find((y) => y.dtype !== x!.dtype);
    if (other) {
      throw new TypeError(
        `Cannot ${name} as operands must have one dtype: current dtypes are ${x!.dtype} and ${other.dtype}`,
      );
    }
    return { shape: x!.shape, dtype: x!.dtype };
  };
}
