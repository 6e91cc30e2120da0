/** @file Arithmetic and functions of one variable: each record beside the function that applies it. Broadcasting is explicit. */
import { op, type Scalar, type ScalarOp } from "../compiler/scalar.ts";
import type { Primitive } from "../primitive.ts";
import { DTYPES } from "../spec.ts";
import { bind, Tensor } from "../tensor.ts";
import { cast, wrap } from "./cast.ts";
import { equal, greater, less, where } from "./comparison.ts";
import { constant } from "./constant.ts";
import { alignOperands, sameSpec, type TensorLike } from "./operands.ts";

type VjpRule = (cotangent: Tensor, x: Tensor, y: Tensor, output: Tensor) => readonly [Tensor | null, Tensor | null];

function binary(name: string, scalar: ScalarOp, combine: (x: number, y: number) => number, vjp: VjpRule): Primitive {
  return {
    name,
    shapeRule: sameSpec(name),
    reference: ([x, y], _, { dtype }) => x!.data.map((value, i) => wrap(combine(value, y!.data[i]!), dtype)),
    vjpRule: (cotangent, output) => vjp(cotangent, output.inputs[0]!, output.inputs[1]!, output),
    lowering: { kind: "expression", expression: ([x, y]) => op(scalar, x!, y!) },
  };
}

function apply(primitive: Primitive, x: TensorLike, y: TensorLike): Tensor {
  return bind(primitive, alignOperands(primitive.name, [x, y]), {});
}

/** Half of the cotangent to each operand where they tie, as JAX does. */
const extremumVjp: VjpRule = (ct, x, y, output) => {
  const tied = where(equal(x, y), 0.5, cast(constant(ct.shape, 1, ct.dtype), ct.dtype));
  const share = (operand: Tensor) => where(equal(operand, output), mul(ct, tied), 0);
  return [share(x), share(y)];
};

const truncated = (x: number, y: number) => Math.trunc(x / y);
const nanMax = (x: number, y: number) => Math.max(x, y);
const nanMin = (x: number, y: number) => Math.min(x, y);

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
    x!.data.map((value, i) =>
      DTYPES[dtype].floating ? value / y!.data[i]! : wrap(truncated(value, y!.data[i]!), dtype)
    ),
};
const MOD = binary(
  "mod",
  "mod",
  (x, y) => x % y,
  (ct, x, y) => [ct, neg(mul(ct, cast(cast(div(x, y), "int32"), x.dtype)))],
);
const POW = binary("pow", "pow", Math.pow, (ct, x, y, out) => [
  mul(ct, where(equal(y, 0), 0, mul(y, pow(x, sub(y, 1))))),
  mul(ct, where(greater(x, 0), mul(out, log(where(greater(x, 0), x, 1))), 0)),
]);
const MAXIMUM = binary("maximum", "max", nanMax, extremumVjp);
const MINIMUM = binary("minimum", "min", nanMin, extremumVjp);

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
  return apply(ADD, x, y);
}

/** Subtracts element by element; as `add` otherwise. */
export function sub(x: TensorLike, y: TensorLike): Tensor {
  return apply(SUB, x, y);
}

/** Multiplies element by element; as `add` otherwise. */
export function mul(x: TensorLike, y: TensorLike): Tensor {
  return apply(MUL, x, y);
}

/** Divides element by element; integers truncate towards zero. As `add` otherwise. */
export function div(x: TensorLike, y: TensorLike): Tensor {
  return apply(DIV, x, y);
}

/** The remainder, with the sign of `x` as in C; as `add` otherwise. */
export function mod(x: TensorLike, y: TensorLike): Tensor {
  return apply(MOD, x, y);
}

/** `x` to the power `y`; NaN for negative `x` unless `y` is whole. As `add` otherwise. */
export function pow(x: TensorLike, y: TensorLike): Tensor {
  return apply(POW, x, y);
}

/** The larger of two elements, NaN if either is; ties share the cotangent. As `add` otherwise. */
export function maximum(x: TensorLike, y: TensorLike): Tensor {
  return apply(MAXIMUM, x, y);
}

/** The smaller of two elements, NaN if either is; ties share the cotangent. As `add` otherwise. */
export function minimum(x: TensorLike, y: TensorLike): Tensor {
  return apply(MINIMUM, x, y);
}

type UnaryVjp = (cotangent: Tensor, x: Tensor, output: Tensor) => Tensor | null;

function unary(
  name: string,
  scalar: (x: Scalar) => Scalar,
  f: (x: number) => number,
  vjp: UnaryVjp,
  integers = false,
): Primitive {
  return {
    name,
    shapeRule: ([x]) => {
      if (integers || DTYPES[x!.dtype].floating) return { shape: x!.shape, dtype: x!.dtype };
      throw new TypeError(
        `Cannot ${name} as the operand must be floating: current dtype is ${x!.dtype}; cast it to float32`,
      );
    },
    reference: ([x], _, { dtype }) => x!.data.map((value) => wrap(f(value), dtype)),
    vjpRule: (cotangent, output) => [vjp(cotangent, output.inputs[0]!, output)],
    lowering: { kind: "expression", expression: ([x]) => scalar(x!) },
  };
}

/** erf in float64 by its Taylor series near zero and the continued fraction of erfc beyond (Abramowitz, Stegun 7.1.5, 7.1.14). */
export function erfOf(x: number): number {
  const z = Math.abs(x);
  if (Number.isNaN(x)) return NaN;
  if (z > 6) return Math.sign(x);
  if (z < 2.5) {
    let term = x;
    let total = x;
    for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(total) && n < 200; n++) {
      term *= -x * x / n;
      total += term / (2 * n + 1);
    }
    return 2 / Math.sqrt(Math.PI) * total;
  }
  let fraction = 0;
  for (let n = 120; n > 0; n--) fraction = n / 2 / (z + fraction);
  return Math.sign(x) * (1 - Math.exp(-z * z) / (Math.sqrt(Math.PI) * (z + fraction)));
}

const NEG = unary("neg", (x) => op("neg", x), (x) => -x, (ct) => neg(ct), true);
const ABS = unary("abs", (x) => op("abs", x), Math.abs, (ct, x) => mul(ct, sign(x)), true);
const EXP = unary("exp", (x) => op("exp", x), Math.exp, (ct, _, out) => mul(ct, out)); // d(e^x) = e^x dx
const LOG = unary("log", (x) => op("log", x), Math.log, (ct, x) => div(ct, x));
const SQRT = unary("sqrt", (x) => op("sqrt", x), Math.sqrt, (ct, _, out) => div(mul(ct, 0.5), out));
const RSQRT = unary(
  "rsqrt",
  (x) => op("rsqrt", x),
  (x) => 1 / Math.sqrt(x),
  (ct, x, out) => mul(mul(ct, -0.5), div(out, x)),
);
const TANH = unary("tanh", (x) => op("tanh", x), Math.tanh, (ct, _, out) => mul(ct, sub(1, mul(out, out))));
const SIGMOID = unary(
  "sigmoid",
  (x) => op("sigmoid", x),
  (x) => 1 / (1 + Math.exp(-x)),
  (ct, _, out) => mul(ct, mul(out, sub(1, out))),
);
const ERF = unary(
  "erf",
  (x) => op("erf", x),
  erfOf,
  (ct, x) => mul(ct, mul(2 / Math.sqrt(Math.PI), exp(neg(mul(x, x))))),
);
const SIN = unary("sin", (x) => op("sin", x), Math.sin, (ct, x) => mul(ct, cos(x)));
const COS = unary("cos", (x) => op("cos", x), Math.cos, (ct, x) => neg(mul(ct, sin(x))));
const FLOOR = unary("floor", (x) => op("floor", x), Math.floor, () => null);

function applyUnary(primitive: Primitive, x: TensorLike): Tensor {
  return bind(primitive, [x instanceof Tensor ? x : constant([], x, "float32")], {});
}

/** Changes the sign of numbers of any dtype but bool. */
export function neg(x: TensorLike): Tensor {
  return applyUnary(NEG, x);
}

/** The distance from zero; its derivative at zero is 0. */
export function abs(x: TensorLike): Tensor {
  return applyUnary(ABS, x);
}

/**
 * Raises e to each element.
 *
 * @param x Floating tensor of any shape, or a number.
 * @returns Tensor of the shape of `x`; Infinity above about 88.7 in float32.
 * @throws {TypeError} If `x` is not floating.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { exp, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await exp(tensor([0])).data(), new Float32Array([1]));
 * ```
 */
export function exp(x: TensorLike): Tensor {
  return applyUnary(EXP, x);
}

/** The natural logarithm: -Infinity at 0, NaN below. As `exp` otherwise. */
export function log(x: TensorLike): Tensor {
  return applyUnary(LOG, x);
}

/** The square root, NaN below 0. As `exp` otherwise. */
export function sqrt(x: TensorLike): Tensor {
  return applyUnary(SQRT, x);
}

/** One over the square root, Infinity at 0. As `exp` otherwise. */
export function rsqrt(x: TensorLike): Tensor {
  return applyUnary(RSQRT, x);
}

/** The hyperbolic tangent, in [-1, 1]. As `exp` otherwise. */
export function tanh(x: TensorLike): Tensor {
  return applyUnary(TANH, x);
}

/** `1 / (1 + e^-x)`, in [0, 1]. As `exp` otherwise. */
export function sigmoid(x: TensorLike): Tensor {
  return applyUnary(SIGMOID, x);
}

/** The error function `2/√π ∫₀ˣ e^(-t²) dt`, in [-1, 1]. As `exp` otherwise. */
export function erf(x: TensorLike): Tensor {
  return applyUnary(ERF, x);
}

/** The sine of radians. As `exp` otherwise. */
export function sin(x: TensorLike): Tensor {
  return applyUnary(SIN, x);
}

/** The cosine of radians. As `exp` otherwise. */
export function cos(x: TensorLike): Tensor {
  return applyUnary(COS, x);
}

/** The largest whole number not above; a constant to gradients. As `exp` otherwise. */
export function floor(x: TensorLike): Tensor {
  return applyUnary(FLOOR, x);
}

/** `x · x`. */
export function square(x: Tensor): Tensor {
  return mul(x, x);
}

/** -1, 0 or 1 by the sign; a constant to gradients. */
export function sign(x: Tensor): Tensor {
  return where(
    greater(x, 0),
    constant(x.shape, 1, x.dtype),
    where(less(x, 0), constant(x.shape, -1, x.dtype), constant(x.shape, 0, x.dtype)),
  );
}

/** Limits elements to `[low, high]`, NaN stays; the cotangent flows where they are inside, ends included. */
export function clip(x: Tensor, low: number, high: number): Tensor {
  return where(less(x, low), low, where(greater(x, high), high, x));
}
