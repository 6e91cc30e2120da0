/** @file Comparisons. They have no derivative, but decide where others flow. */
import { op } from "../compiler/scalar.ts";
import type { Primitive } from "../primitive.ts";
import { type DType, DTYPES, holds } from "../spec.ts";
import { bind, Tensor } from "../tensor.ts";
import { requireTensor } from "../require_tensor.ts";
import { cast } from "./cast.ts";
import { constant } from "./constant.ts";
import { alignOperands, sameSpec, type TensorLike } from "./operands.ts";

type Comparison = "eq" | "ne" | "lt" | "le";

function comparison(name: string, scalar: Comparison, compare: (x: number, y: number) => boolean): Primitive {
  return {
    name,
    shapeRule: (inputs) => ({ ...sameSpec(name)(inputs), dtype: "bool" }),
    reference: ([x, y]) => x!.data.map((value, i) => Number(compare(value, y!.data[i]!))),
    vjpRule: () => [null, null],
    lowering: { kind: "expression", expression: ([x, y]) => op(scalar, x!, y!) },
  };
}

const EQUAL = /* @__PURE__ */ comparison("equal", "eq", (x, y) => x === y);
const NOT_EQUAL = /* @__PURE__ */ comparison("notEqual", "ne", (x, y) => x !== y);
const LESS = /* @__PURE__ */ comparison("less", "lt", (x, y) => x < y);
const LESS_EQUAL = /* @__PURE__ */ comparison("lessEqual", "le", (x, y) => x <= y);

/**
 * A bound of whole numbers, made a whole number that asks the same: `x < 2.5` is `x < 3`, `x <= 2.5` is `x <= 2`. True or
 * false where all numbers of the dtype are on one side of it, or none.
 */
function wholeBound(name: string, dtype: DType, bound: number, isLeft: boolean): number | boolean {
  const [least, largest] = DTYPES[dtype].limits;
  if (name === "equal" || name === "notEqual") return holds(dtype, bound) ? bound : name === "notEqual";
  if (Number.isNaN(bound)) return false;
  const whole = (name === "less") === isLeft ? Math.floor(bound) : Math.ceil(bound);
  if (whole > largest) return !isLeft;
  if (whole < least) return isLeft;
  return whole;
}

/** Compares whole numbers with a number that they need not hold: exactly, at any bound. */
function compareWhole(primitive: Primitive, x: Tensor, bound: number, isLeft: boolean): Tensor {
  const whole = wholeBound(primitive.name, x.dtype, bound, isLeft);
  if (typeof whole === "boolean") return constant(x.shape, Number(whole), "bool");
  const other = constant(x.shape, whole, x.dtype);
  return bind(primitive, isLeft ? [other, x] : [x, other], {});
}

function compare(primitive: Primitive, x: TensorLike, y: TensorLike): Tensor {
  const [tensor, bound] = x instanceof Tensor ? [x, y] : [y, x];
  if (!(tensor instanceof Tensor) || typeof bound !== "number" || DTYPES[tensor.dtype].floating) {
    return bind(primitive, alignOperands(primitive.name, [x, y]), {});
  }
  const whole = tensor.dtype === "bool" ? cast(tensor, "int32") : tensor;
  return compareWhole(primitive, whole, bound, tensor === y);
}

/**
 * Where elements are equal.
 *
 * @param x Tensor or number.
 * @param y Tensor or number that broadcasts with `x`.
 * @returns Bool tensor of the broadcast shape. NaN equals nothing.
 * @throws {ShapeError} If the shapes do not broadcast.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { equal, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await equal(tensor([1, 2, 3]), 2).data(), new Uint8Array([0, 1, 0]));
 * ```
 */
export function equal(x: TensorLike, y: TensorLike): Tensor {
  return compare(EQUAL, x, y);
}

/**
 * Where elements differ.
 *
 * @param x Tensor or number.
 * @param y Tensor or number that broadcasts with `x`.
 * @returns Bool tensor of the broadcast shape. NaN differs from all.
 * @throws {ShapeError} If the shapes do not broadcast.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { notEqual, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await notEqual(tensor([1, 2, 3]), 2).data(), new Uint8Array([1, 0, 1]));
 * ```
 */
export function notEqual(x: TensorLike, y: TensorLike): Tensor {
  return compare(NOT_EQUAL, x, y);
}

/**
 * Where `x < y`.
 *
 * @param x Tensor or number.
 * @param y Tensor or number that broadcasts with `x`.
 * @returns Bool tensor of the broadcast shape. False for NaN.
 * @throws {ShapeError} If the shapes do not broadcast.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { less, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await less(tensor([1, 2, 3]), 2).data(), new Uint8Array([1, 0, 0]));
 * ```
 */
export function less(x: TensorLike, y: TensorLike): Tensor {
  return compare(LESS, x, y);
}

/**
 * Where `x <= y`.
 *
 * @param x Tensor or number.
 * @param y Tensor or number that broadcasts with `x`.
 * @returns Bool tensor of the broadcast shape. False for NaN.
 * @throws {ShapeError} If the shapes do not broadcast.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { lessEqual, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await lessEqual(tensor([1, 2, 3]), 2).data(), new Uint8Array([1, 1, 0]));
 * ```
 */
export function lessEqual(x: TensorLike, y: TensorLike): Tensor {
  return compare(LESS_EQUAL, x, y);
}

/**
 * Where `x > y`.
 *
 * @param x Tensor or number.
 * @param y Tensor or number that broadcasts with `x`.
 * @returns Bool tensor of the broadcast shape. False for NaN.
 * @throws {ShapeError} If the shapes do not broadcast.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { greater, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await greater(tensor([1, 2, 3]), 2).data(), new Uint8Array([0, 0, 1]));
 * ```
 */
export function greater(x: TensorLike, y: TensorLike): Tensor {
  return compare(LESS, y, x);
}

/**
 * Where `x >= y`.
 *
 * @param x Tensor or number.
 * @param y Tensor or number that broadcasts with `x`.
 * @returns Bool tensor of the broadcast shape. False for NaN.
 * @throws {ShapeError} If the shapes do not broadcast.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { greaterEqual, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await greaterEqual(tensor([1, 2, 3]), 2).data(), new Uint8Array([0, 1, 1]));
 * ```
 */
export function greaterEqual(x: TensorLike, y: TensorLike): Tensor {
  return compare(LESS_EQUAL, y, x);
}

const IS_NAN: Primitive = {
  name: "isNaN",
  shapeRule: ([x]) => ({ shape: x!.shape, dtype: "bool" }),
  reference: ([x]) => x!.data.map((value) => Number(Number.isNaN(value))),
  vjpRule: () => [null],
  lowering: { kind: "expression", expression: ([x]) => op("isNaN", x!) },
};

/**
 * Where elements are no numbers.
 *
 * @param x Tensor of any shape.
 * @returns Bool tensor of its shape; all false of integers and bools.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { isNaN, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await isNaN(tensor([1, NaN])).data(), new Uint8Array([0, 1]));
 * ```
 */
export function isNaN(x: Tensor): Tensor {
  requireTensor("isNaN", "x", x);
  return DTYPES[x.dtype].floating ? bind(IS_NAN, [x], {}) : constant(x.shape, 0, "bool");
}
