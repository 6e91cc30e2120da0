/** @file Comparisons. They have no derivative, but decide where others flow. */
import { op } from "../compiler/scalar.ts";
import type { Primitive } from "../primitive.ts";
import { bind, type Tensor } from "../tensor.ts";
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

const EQUAL = comparison("equal", "eq", (x, y) => x === y);
const NOT_EQUAL = comparison("notEqual", "ne", (x, y) => x !== y);
const LESS = comparison("less", "lt", (x, y) => x < y);
const LESS_EQUAL = comparison("lessEqual", "le", (x, y) => x <= y);

function compare(primitive: Primitive, x: TensorLike, y: TensorLike): Tensor {
  return bind(primitive, alignOperands(primitive.name, [x, y]), {});
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
