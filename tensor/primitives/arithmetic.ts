/** @file Arithmetic: what integers have too. */
import { op } from "../compiler/scalar.ts";
import type { Primitive } from "../primitive.ts";
import { type DType, DTYPES } from "../spec.ts";
import { bind, Tensor } from "../tensor.ts";
import { requireTensor } from "../require_tensor.ts";
import { wrap } from "./cast.ts";
import { equal, greater, less } from "./comparison.ts";
import { constant } from "./constant.ts";
import { bitwiseAnd, bitwiseOr } from "./logic.ts";
import { alignOperands, type TensorLike } from "./operands.ts";
import { applyBinary, applyUnary, binary, type BinaryVjp, unary } from "./records.ts";
import { where } from "./where.ts";

/** Applies a binary record; to bools what is its like in logic. */
function applyOrLogic(primitive: Primitive, logic: typeof bitwiseOr, x: TensorLike, y: TensorLike): Tensor {
  const [a, b] = alignOperands(primitive.name, [x, y]) as readonly [Tensor, Tensor];
  return a.dtype === "bool" ? logic(a, b) : bind(primitive, [a, b], {});
}

/** Half of the cotangent to each operand where they tie, as JAX does. */
const extremumVjp: BinaryVjp = (ct, x, y, output) => {
  const tied = where(equal(x, y), 0.5, constant(ct.shape, 1, ct.dtype));
  const share = (operand: Tensor) => where(equal(operand, output), mul(ct, tied), 0);
  return [share(x), share(y)];
};

const ADD = /* @__PURE__ */ binary("add", "add", (x, y) => x + y, (ct) => [ct, ct]);
const SUB = /* @__PURE__ */ binary("sub", "sub", (x, y) => x - y, (ct) => [ct, neg(ct)]);
const MUL: Primitive = {
  ...binary("mul", "mul", (x, y) => x * y, (ct, x, y) => [mul(ct, y), mul(ct, x)]),
  // Products of two 32-bit integers do not fit a float64.
  reference: ([x, y], _, { dtype }) =>
    x!.data.map((value, i) =>
      DTYPES[dtype].floating ? value * y!.data[i]! : wrap(Math.imul(value, y!.data[i]!), dtype)
    ),
};
const MAXIMUM = /* @__PURE__ */ binary("maximum", "max", (x, y) => Math.max(x, y), extremumVjp);
const MINIMUM = /* @__PURE__ */ binary("minimum", "min", (x, y) => Math.min(x, y), extremumVjp);
const NEG = /* @__PURE__ */ unary("neg", (x) => op("neg", x), (x) => -x, (ct) => neg(ct), true);
const ABS = /* @__PURE__ */ unary("abs", (x) => op("abs", x), Math.abs, (ct, x) => mul(ct, sign(x)), true);

/**
 * Adds element by element.
 *
 * @param x Tensor or number.
 * @param y Tensor or number that broadcasts with `x`.
 * @returns Tensor of the broadcast shape and promoted dtype; integers wrap, of bools it is logical or.
 * @throws {ShapeError} If the shapes do not broadcast.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { add, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await add(tensor([1, 2]), tensor([[3], [4]])).data(), new Float32Array([4, 5, 5, 6]));
 * ```
 */
export function add(x: TensorLike, y: TensorLike): Tensor {
  return applyOrLogic(ADD, bitwiseOr, x, y);
}

/**
 * Subtracts element by element.
 *
 * @param x Tensor or number.
 * @param y Tensor or number that broadcasts with `x`.
 * @returns Tensor of the broadcast shape and promoted dtype; integers wrap.
 * @throws {ShapeError} If the shapes do not broadcast.
 * @throws {TypeError} If both are bool.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { sub, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await sub(tensor([3, 5]), 1).data(), new Float32Array([2, 4]));
 * ```
 */
export function sub(x: TensorLike, y: TensorLike): Tensor {
  return applyBinary(SUB, x, y);
}

/**
 * Multiplies element by element.
 *
 * @param x Tensor or number.
 * @param y Tensor or number that broadcasts with `x`.
 * @returns Tensor of the broadcast shape and promoted dtype; integers wrap, of bools it is logical and.
 * @throws {ShapeError} If the shapes do not broadcast.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { mul, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await mul(tensor([3, 5]), 2).data(), new Float32Array([6, 10]));
 * ```
 */
export function mul(x: TensorLike, y: TensorLike): Tensor {
  return applyOrLogic(MUL, bitwiseAnd, x, y);
}

/**
 * The larger of two elements.
 *
 * @param x Tensor or number.
 * @param y Tensor or number that broadcasts with `x`.
 * @returns Tensor of the broadcast shape and promoted dtype. NaN if either is. Where they tie, each gets half of the cotangent.
 * @throws {ShapeError} If the shapes do not broadcast.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { maximum, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await maximum(tensor([-1, 2]), 0).data(), new Float32Array([0, 2]));
 * ```
 */
export function maximum(x: TensorLike, y: TensorLike): Tensor {
  return applyOrLogic(MAXIMUM, bitwiseOr, x, y);
}

/**
 * The smaller of two elements.
 *
 * @param x Tensor or number.
 * @param y Tensor or number that broadcasts with `x`.
 * @returns Tensor of the broadcast shape and promoted dtype. NaN if either is. Where they tie, each gets half of the cotangent.
 * @throws {ShapeError} If the shapes do not broadcast.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { minimum, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await minimum(tensor([-1, 2]), 0).data(), new Float32Array([-1, 0]));
 * ```
 */
export function minimum(x: TensorLike, y: TensorLike): Tensor {
  return applyOrLogic(MINIMUM, bitwiseAnd, x, y);
}

/**
 * Changes the sign.
 *
 * @param x Tensor of any shape, or a number.
 * @returns Tensor of the shape and dtype of `x`; unsigned integers wrap.
 * @throws {TypeError} If it is bool.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { neg, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await neg(tensor([1, -2])).data(), new Float32Array([-1, 2]));
 * ```
 */
export function neg(x: TensorLike): Tensor {
  return applyUnary(NEG, x);
}

/**
 * The distance from zero.
 *
 * @param x Tensor of any shape, or a number.
 * @returns Tensor of the shape and dtype of `x`; the least int32 stays. The derivative at zero is 0.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { abs, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await abs(tensor([1, -2])).data(), new Float32Array([1, 2]));
 * ```
 */
export function abs(x: TensorLike): Tensor {
  return x instanceof Tensor && x.dtype === "bool" ? x : applyUnary(ABS, x);
}

/**
 * Multiplies each element by itself.
 *
 * @param x Tensor of any shape.
 * @returns Tensor of the shape and dtype of `x`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { square, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await square(tensor([3, -2])).data(), new Float32Array([9, 4]));
 * ```
 */
export function square(x: Tensor): Tensor {
  requireTensor("square", "x", x);
  return mul(x, x);
}

/**
 * The sign of each element.
 *
 * @param x Tensor of any shape.
 * @returns -1, 0, 1 or NaN, in the shape and dtype of `x`; a constant to gradients.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { sign, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await sign(tensor([3, 0, -2])).data(), new Float32Array([1, 0, -1]));
 * ```
 */
export function sign(x: Tensor): Tensor {
  requireTensor("sign", "x", x);
  const value = (y: number) => constant(x.shape, y, x.dtype);
  const rest = DTYPES[x.dtype].floating ? where(equal(x, 0), value(0), value(NaN)) : value(0);
  return where(greater(x, 0), value(1), where(less(x, 0), value(-1), rest));
}

/** Whether a bound can change a number of a dtype: that beyond the least and largest integers cannot. */
function binds(dtype: DType, bound: number, end: 0 | 1): boolean {
  const { kind, limits: { [end]: last } } = DTYPES[dtype];
  if (kind !== "whole") return true;
  return end === 0 ? !(bound <= last) : !(bound >= last);
}

/**
 * Limits elements to an interval.
 *
 * @param x Tensor of any shape.
 * @param low Least value; -Infinity for none.
 * @param high Largest value; Infinity for none. Where it is below `low`, all become `high`, as in NumPy.
 * @returns Tensor of the shape of `x`; integers stay integers if a bound is one that the dtype holds or changes none of
 * its numbers, else they become float32. NaN stays, NaN as a bound makes all NaN; the cotangent flows where elements are
 * inside, ends included.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { clip, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await clip(tensor([-1, 0.5, 3]), 0, 1).data(), new Float32Array([0, 0.5, 1]));
 * ```
 */
export function clip(x: Tensor, low: number, high: number): Tensor {
  requireTensor("clip", "x", x);
  if (Number.isNaN(low) || Number.isNaN(high)) return add(x, NaN);
  const raised = binds(x.dtype, low, 0) ? where(less(x, low), low, x) : x;
  return binds(x.dtype, high, 1) ? where(greater(raised, high), high, raised) : raised;
}
