/** @file Arithmetic: what integers have too. */
import { op } from "../compiler/scalar.ts";
import type { Primitive } from "../primitive.ts";
import { DTYPES } from "../spec.ts";
import type { Tensor } from "../tensor.ts";
import { cast, wrap } from "./cast.ts";
import { equal, greater, less } from "./comparison.ts";
import { constant } from "./constant.ts";
import type { TensorLike } from "./operands.ts";
import { applyBinary, applyUnary, binary, type BinaryVjp, unary } from "./records.ts";
import { where } from "./where.ts";

/** Half of the cotangent to each operand where they tie, as JAX does. */
const extremumVjp: BinaryVjp = (ct, x, y, output) => {
  const tied = where(equal(x, y), 0.5, constant(ct.shape, 1, ct.dtype));
  const share = (operand: Tensor) => where(equal(operand, output), mul(ct, tied), 0);
  return [share(x), share(y)];
};

const ADD = binary("add", "add", (x, y) => x + y, (ct) => [ct, ct]);
const SUB = binary("sub", "sub", (x, y) => x - y, (ct) => [ct, neg(ct)]);
const MUL: Primitive = {
  ...binary("mul", "mul", (x, y) => x * y, (ct, x, y) => [mul(ct, y), mul(ct, x)]),
  // Products of two 32-bit integers do not fit a float64.
  reference: ([x, y], _, { dtype }) =>
    x!.data.map((value, i) =>
      DTYPES[dtype].floating ? value * y!.data[i]! : wrap(Math.imul(value, y!.data[i]!), dtype)
    ),
};
const DIV: Primitive = {
  ...binary("div", "div", (x, y) => x / y, (ct, _, y, out) => [div(ct, y), neg(div(mul(ct, out), y))]),
  reference: ([x, y], _, { dtype }) =>
    x!.data.map((value, i) => {
      const quotient = value / y!.data[i]!;
      return DTYPES[dtype].floating ? quotient : wrap(Math.trunc(quotient), dtype);
    }),
};
const MOD = binary(
  "mod",
  "mod",
  (x, y) => x % y,
  (ct, x, y) => [ct, neg(mul(ct, cast(cast(div(x, y), "int32"), x.dtype)))],
);
const MAXIMUM = binary("maximum", "max", (x, y) => Math.max(x, y), extremumVjp);
const MINIMUM = binary("minimum", "min", (x, y) => Math.min(x, y), extremumVjp);
const NEG = unary("neg", (x) => op("neg", x), (x) => -x, (ct) => neg(ct), true);
const ABS = unary("abs", (x) => op("abs", x), Math.abs, (ct, x) => mul(ct, sign(x)), true);

/**
 * Adds element by element.
 *
 * @param x Tensor or number.
 * @param y Tensor or number that broadcasts with `x`.
 * @returns Tensor of the broadcast shape and promoted dtype.
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
  return applyBinary(ADD, x, y);
}

/**
 * Subtracts element by element.
 *
 * @param x Tensor or number.
 * @param y Tensor or number that broadcasts with `x`.
 * @returns Tensor of the broadcast shape and promoted dtype.
 * @throws {ShapeError} If the shapes do not broadcast.
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
 * @returns Tensor of the broadcast shape and promoted dtype.
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
  return applyBinary(MUL, x, y);
}

/**
 * Divides element by element.
 *
 * @param x Tensor or number.
 * @param y Tensor or number that broadcasts with `x`.
 * @returns Tensor of the broadcast shape and promoted dtype. Integers truncate towards zero; beware of dividing them by zero, which is undefined.
 * @throws {ShapeError} If the shapes do not broadcast.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { div, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await div(tensor([3, 5]), 2).data(), new Float32Array([1.5, 2.5]));
 * ```
 */
export function div(x: TensorLike, y: TensorLike): Tensor {
  return applyBinary(DIV, x, y);
}

/**
 * The remainder of a division.
 *
 * @param x Tensor or number.
 * @param y Tensor or number that broadcasts with `x`.
 * @returns Tensor of the broadcast shape and promoted dtype. It has the sign of `x`, as in C.
 * @throws {ShapeError} If the shapes do not broadcast.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { mod, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await mod(tensor([5, -5]), 3).data(), new Float32Array([2, -2]));
 * ```
 */
export function mod(x: TensorLike, y: TensorLike): Tensor {
  return applyBinary(MOD, x, y);
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
  return applyBinary(MAXIMUM, x, y);
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
  return applyBinary(MINIMUM, x, y);
}

/**
 * Changes the sign.
 *
 * @param x Tensor of any shape, or a number.
 * @returns Tensor of the shape and dtype of `x`; unsigned integers wrap.
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
 * @returns Tensor of the shape and dtype of `x`. The derivative at zero is 0.
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
  return applyUnary(ABS, x);
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
  const value = (y: number) => constant(x.shape, y, x.dtype);
  const rest = DTYPES[x.dtype].floating ? where(equal(x, 0), value(0), value(NaN)) : value(0);
  return where(greater(x, 0), value(1), where(less(x, 0), value(-1), rest));
}

/**
 * Limits elements to an interval.
 *
 * @param x Tensor of any shape.
 * @param low Least value.
 * @param high Largest value.
 * @returns Tensor of the shape of `x`. NaN stays; the cotangent flows where elements are inside, ends included.
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
  return where(less(x, low), low, where(greater(x, high), high, x));
}
