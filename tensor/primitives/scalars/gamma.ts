/** @file The logarithm of the gamma function, and its derivatives. */
import { DIGAMMA_OP, LGAMMA_OP } from "../../compiler/expansions/composed.ts";
import { literal, op, type Scalar } from "../../compiler/scalar.ts";
import type { Primitive } from "../../primitive.ts";
import { requireTensor } from "../../require_tensor.ts";
import { bind, type Tensor } from "../../tensor.ts";
import { add, mul, neg, sub } from "../arithmetic.ts";
import { asFloating } from "../cast.ts";
import { less } from "../comparison.ts";
import { div } from "../division.ts";
import type { TensorLike } from "../operands.ts";
import { applyFloat, unary } from "../records.ts";
import { round } from "../rounding.ts";
import { pow } from "../transcendental.ts";
import { cos, sin } from "../trigonometric.ts";
import { where } from "../where.ts";
import { digammaOf, lgammaOf, polygammaOf } from "./gamma_of.ts";

const LGAMMA = /* @__PURE__ */ unary("lgamma", (x) => op(LGAMMA_OP, x), lgammaOf, (ct, x) => mul(ct, digamma(x)));
const DIGAMMA = /* @__PURE__ */ unary(
  "digamma",
  (x) => op(DIGAMMA_OP, x),
  digammaOf,
  (ct, x) => mul(ct, polygamma(1, x)),
);

interface PolygammaParams {
  readonly n: number;
}

/** Terms that are added up before the series, which then begins at no less. */
const TERMS = 8;
/** B2k / (2k)!, of the series of Euler and Maclaurin. */
const SERIES = [1 / 12, -1 / 720, 1 / 30240, -1 / 1209600];

function factorial(n: number): number {
  return n < 2 ? 1 : n * factorial(n - 1);
}

function power(x: Scalar, n: number): Scalar {
  return n === 1 ? x : op("mul", power(x, n - 1), x);
}

/** Σ (x + j)^-(n + 1) times ± n!, for x above 0. */
function polygammaScalar(x: Scalar, n: number): Scalar {
  const value = (number: number) => literal(number, x.dtype);
  const inverse = (y: Scalar) => op("div", value(1), y);
  let sum = value(0);
  for (let j = 0; j < TERMS; j++) sum = op("add", sum, power(inverse(op("add", x, value(j))), n + 1));
  const r = inverse(op("add", x, value(TERMS)));
  const r2 = op("mul", r, r);
  const terms = SERIES.map((b, i) => b * factorial(n + 2 * i + 1) / factorial(n));
  const tail = terms.reduceRight<Scalar>((rest, c) => op("add", op("mul", rest, r2), value(c)), value(0));
  const end = op("add", op("add", value(1 / n), op("mul", value(0.5), r)), op("mul", tail, r2));
  const total = op("mul", op("add", sum, op("mul", power(r, n), end)), value((-1) ** (n + 1) * factorial(n)));
  return op("select", op("le", value(0), x), total, value(NaN));
}

const POLYGAMMA: Primitive<PolygammaParams> = {
  name: "polygamma",
  shapeRule: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  reference: ([x], { n }) => x!.data.map((value) => polygammaOf(n, value)),
  vjpRule: (ct, { inputs: [x] }, { n }) => [mul(ct, polygamma(n + 1, x!))],
  lowering: { kind: "expression", expression: ([x], { n }) => polygammaScalar(x!, n) },
};

/**
 * The natural logarithm of the absolute value of the gamma function.
 *
 * @param x Tensor of any shape, or a number; integers and bools are taken as float32.
 * @returns Floating tensor of the shape of `x`; Infinity at 0 and at negative whole numbers.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { lgamma, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(Array.from(await lgamma(tensor([3, 0])).data(), (y) => y.toFixed(4)), ["0.6931", "Infinity"]); // log 2!
 * ```
 */
export function lgamma(x: TensorLike): Tensor {
  return applyFloat(LGAMMA, x);
}

/**
 * The derivative of `lgamma`.
 *
 * @param x Tensor of any shape, or a number; integers and bools are taken as float32.
 * @returns Floating tensor of the shape of `x`; -Infinity at 0, NaN at negative whole numbers.
 *
 * @example Usage
 * ```ts
 * import { ok } from "node:assert/strict";
 * import { digamma } from "@tessera/tessera/tensor";
 *
 * ok(Math.abs(await digamma(1).item() + 0.5772157) < 1e-6); // Euler's constant
 * ```
 */
export function digamma(x: TensorLike): Tensor {
  return applyFloat(DIGAMMA, x);
}

/**
 * The derivative of order `n` of `digamma`.
 *
 * @param n Order, at least 1.
 * @param x Tensor of any shape; integers and bools are taken as float32.
 * @returns Floating tensor of the shape of `x`. Below zero it is known for orders up to 3, NaN of higher ones.
 * @throws {RangeError} If the order is not whole or below 1.
 *
 * @example Usage
 * ```ts
 * import { ok } from "node:assert/strict";
 * import { polygamma, tensor } from "@tessera/tessera/tensor";
 *
 * ok(Math.abs(await polygamma(1, tensor(1)).item() - Math.PI ** 2 / 6) < 1e-6);
 * ```
 */
export function polygamma(n: number, x: Tensor): Tensor {
  requireTensor("polygamma", "x", x);
  if (!(Number.isInteger(n) && n >= 1)) {
    throw new RangeError(`Cannot polygamma as the order must be whole and at least 1: current n is ${n}`);
  }
  const y = asFloating(x);
  const below = less(y, 0);
  const positive = bind(POLYGAMMA, [where(below, sub(1, y), y)], { n });
  return where(below, reflected(n, where(below, y, -0.5), positive), positive);
}

/** From polygamma of 1 - x to that of x, by the derivatives of the cotangent. */
function reflected(n: number, x: Tensor, other: Tensor): Tensor {
  if (n > 3) return add(mul(x, 0), NaN);
  const angle = mul(sub(x, round(x)), Math.PI);
  // The derivatives of cot(πx) depend on sin and cos through even powers and products, so whole turns do not matter.
  const [s, c] = [sin(angle), cos(angle)];
  const cotangent = [
    () => div(-(Math.PI ** 2), pow(s, 2)),
    () => div(mul(c, 2 * Math.PI ** 3), pow(s, 3)),
    () => div(mul(add(mul(pow(c, 2), 2), 1), -2 * Math.PI ** 4), pow(s, 4)),
  ][n - 1]!();
  return sub(n % 2 === 0 ? other : neg(other), cotangent);
}
