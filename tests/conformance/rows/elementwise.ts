/** @file Functions of each element. */
import { t } from "../../support/public_calls.ts";
import { floats, integers, within } from "../../support/op_row.ts";
import { type ConformanceRow, known, op } from "../row.ts";

const whole = integers("int32", [-50, 50], [3, 5], [3, 5]);
/** Names whose NumPy's expression is a function of the one operand. */
const UNARY: readonly (readonly [name: string, truth: string])[] = [
  ["exp", "np.exp(a)"],
  ["log", "np.log(a)"],
  ["sqrt", "np.sqrt(a)"],
  ["rsqrt", "1 / np.sqrt(a)"],
  ["tanh", "np.tanh(a)"],
  ["sigmoid", "special.expit(a)"],
  ["erf", "special.erf(a)"],
  ["erfinv", "special.erfinv(a)"],
  ["sin", "np.sin(a)"],
  ["cos", "np.cos(a)"],
  ["tan", "np.tan(a)"],
  ["asin", "np.arcsin(a)"],
  ["acos", "np.arccos(a)"],
  ["atan", "np.arctan(a)"],
  ["sinh", "np.sinh(a)"],
  ["cosh", "np.cosh(a)"],
  ["asinh", "np.arcsinh(a)"],
  ["acosh", "np.arccosh(a)"],
  ["atanh", "np.arctanh(a)"],
  ["log1p", "np.log1p(a)"],
  ["expm1", "np.expm1(a)"],
  ["log2", "np.log2(a)"],
  ["log10", "np.log10(a)"],
  ["exp2", "np.exp2(a)"],
  ["cbrt", "np.cbrt(a)"],
  ["lgamma", "special.gammaln(a)"],
  ["digamma", "special.digamma(a)"],
  ["polygamma", "special.polygamma(1, a)"],
  ["sinc", "np.sinc(a)"],
  ["reciprocal", "1 / a"],
  ["abs", "np.abs(a)"],
  ["neg", "-a"],
  ["square", "np.square(a)"],
  ["floor", "np.floor(a)"],
  ["ceil", "np.ceil(a)"],
  ["trunc", "np.trunc(a)"],
  ["round", "np.round(a)"],
  ["sign", "np.sign(a)"],
  ["identity", "a"],
];

const BINARY: readonly (readonly [name: string, truth: string])[] = [
  ["add", "np.add(a, b)"],
  ["sub", "np.subtract(a, b)"],
  ["mul", "np.multiply(a, b)"],
  ["div", "np.true_divide(a, b)"],
  ["floorDivide", "np.floor_divide(a, b)"],
  ["remainder", "np.remainder(a, b)"],
  ["fmod", "np.fmod(a, b)"],
  ["pow", "np.power(a, b)"],
  ["atan2", "np.arctan2(a, b)"],
  ["hypot", "np.hypot(a, b)"],
  ["copysign", "np.copysign(a, b)"],
  ["logaddexp", "np.logaddexp(a, b)"],
  ["maximum", "np.maximum(a, b)"],
  ["minimum", "np.minimum(a, b)"],
  ["equal", "np.equal(a, b)"],
  ["notEqual", "np.not_equal(a, b)"],
  ["less", "np.less(a, b)"],
  ["lessEqual", "np.less_equal(a, b)"],
  ["greater", "np.greater(a, b)"],
  ["greaterEqual", "np.greater_equal(a, b)"],
  ["logicalAnd", "np.logical_and(a, b)"],
  ["logicalOr", "np.logical_or(a, b)"],
];

const awkward = { inputs: [{ shape: [5], values: [NaN, Infinity, -Infinity, 0, 1] }] };

/** Functions of each element. */
export const ELEMENTWISE: readonly ConformanceRow[] = [
  ...UNARY.map(([name, truth]) => known(name, truth)),
  ...BINARY.map(([name, truth]) => known(name, truth)),
  op("truncDivide", t.truncDivide, within([0.7, 9], [3, 5], [5]), "np.trunc(np.true_divide(a, b))"),
  op("logicalNot", (x) => t.logicalNot(x), integers("bool", [0, 2], [3, 5]), "np.logical_not(a)"),
  op("isNaN", (x) => t.isNaN(x), awkward, "np.isnan(a)"),
  op("isFinite", (x) => t.isFinite(x), awkward, "np.isfinite(a)"),
  op("isInf", (x) => t.isInf(x), awkward, "np.isinf(a)"),
  op("bitwiseAnd", t.bitwiseAnd, whole, "np.bitwise_and(a, b)"),
  op("bitwiseOr", t.bitwiseOr, whole, "np.bitwise_or(a, b)"),
  op("bitwiseXor", t.bitwiseXor, whole, "np.bitwise_xor(a, b)"),
  op("bitwiseNot", (x) => t.bitwiseNot(x), integers("int32", [-50, 50], [7]), "np.bitwise_not(a)"),
  op("shiftLeft", t.shiftLeft, integers("int32", [0, 9], [7], [7]), "np.left_shift(a, b)"),
  op("shiftRight", t.shiftRight, {
    inputs: [{ shape: [7], dtype: "int32", domain: [-99, 99] }, { shape: [7], dtype: "int32", domain: [0, 8] }],
  }, "np.right_shift(a, b)"),
  op("clip", (x) => t.clip(x, -0.5, 0.75), within([-2, 2], [3, 5]), "np.clip(a, -0.5, 0.75)"),
  op("where", (m, x, y) => t.where(m!, x!, y!), {
    inputs: [{ shape: [3, 5], dtype: "bool" }, { shape: [3, 5] }, { shape: [5] }],
  }, "np.where(a, b, c)"),
  op("cast", (x) => t.cast(x, "int32"), within([-9, 9], [3, 5]), "np.trunc(a).astype(np.int64)"),
  op("stopGradient", (x) => t.mul(t.stopGradient(x), 2), floats([3, 5]), "a * 2", { kind: "stopped" }),
];
