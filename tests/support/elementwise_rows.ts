import { t } from "./public_calls.ts";
import type { Shape, Tensor } from "../../tensor/mod.ts";
import { floats, integers, type OpCase, type OpRow, row, within } from "./op_row.ts";

type Domain = readonly [number, number];

const SHAPES: readonly Shape[] = [[3, 5], [], [1], [0], [2, 0, 3], [7], [257], [33, 65], [1, 1, 9, 1]];
const LARGE: Shape = [65_537, 65];

function unary(name: string, f: (x: Tensor) => Tensor, domain: Domain, rest: Parameters<typeof row>[3] = {}): OpRow {
  return row(name, f, SHAPES.map((shape) => within(domain, shape)), rest);
}

const PAIRS: readonly (readonly [Shape, Shape])[] = [
  [[3, 5], [3, 5]],
  [[3, 1], [1, 4]],
  [[], [2, 3]],
  [[2, 3, 4], [4]],
  [[2, 1, 4], [3, 1]],
  [[0], [1]],
  [[2, 0], [2, 1]],
  [[257], [257]],
  [[5, 1, 67], [1, 66, 1]],
];

const rejectPair = (f: (x: Tensor, y: Tensor) => Tensor) => [
  () => f(t.ones([2]), t.ones([3])),
  () => f(t.ones([2, 3]), t.ones([2])),
];

function binary(
  name: string,
  f: (x: Tensor, y: Tensor) => Tensor,
  domain: Domain = [-2, 2],
  { order = 2, more = [] }: { readonly order?: number; readonly more?: readonly OpCase[] } = {},
): OpRow {
  const cases = PAIRS.map((pair) => within(domain, ...pair));
  return row(name, f, [...cases, ...more], { order, rejects: rejectPair(f) });
}

const signed = integers("int32", [-50, 50], [3, 5], [3, 5]);
const wide = integers("int32", [-(2 ** 31), 2 ** 31], [67], [67]);
const wideUnsigned = integers("uint32", [0, 2 ** 32], [67], [67]);
const mixed: OpCase = { inputs: [{ shape: [3, 4] }, { shape: [4], dtype: "int32", domain: [-9, 9] }] };
const large: OpCase = { ...floats(LARGE, [65]), large: true };
/** Equal values in both operands, infinities and zeros. */
const ties: OpCase = {
  inputs: [{ shape: [6], values: [1, 2, 0, -0, Infinity, -1] }, { shape: [6], values: [1, 1, 0, 0, Infinity, 2] }],
};

/** Quotients of mixed signs. */
const QUOTIENTS: readonly OpCase[] = [
  { inputs: [{ shape: [3, 5], domain: [-3, 3] }, { shape: [5], domain: [0.7, 2] }] },
  { inputs: [{ shape: [31], dtype: "int32", domain: [-99, 99] }, { shape: [31], dtype: "int32", domain: [1, 9] }] },
  { inputs: [{ shape: [31], dtype: "int32", domain: [-99, 99] }, { shape: [31], dtype: "int32", domain: [-9, -1] }] },
  integers("uint32", [1, 2 ** 32], [67], [67]),
];

/** Arithmetic on two operands. */
const ARITHMETIC: readonly OpRow[] = [
  binary("add", t.add, [-2, 2], { more: [signed, wide, wideUnsigned, mixed, large] }),
  binary("sub", t.sub, [-2, 2], { more: [signed, wide, wideUnsigned, mixed] }),
  binary("mul", t.mul, [-2, 2], { more: [signed, wide, wideUnsigned, mixed] }),
  binary("div", t.div, [0.5, 2], {
    more: [integers("int32", [-50, -1], [41], [41]), integers("uint32", [1, 2 ** 32], [67], [67])],
  }),
  row("truncDivide", t.truncDivide, QUOTIENTS, { order: 0, rejects: rejectPair(t.truncDivide) }),
  row("floorDivide", t.floorDivide, QUOTIENTS, { order: 0, rejects: rejectPair(t.floorDivide) }),
  row("fmod", t.fmod, QUOTIENTS, { rejects: rejectPair(t.fmod) }),
  row("remainder", t.remainder, QUOTIENTS, { rejects: rejectPair(t.remainder) }),
  binary("pow", t.pow, [0.3, 2]),
  row("pow of whole exponents", (x) => t.pow(x, 3), SHAPES.map((shape) => within([-2, 2], shape)), {}),
  row("atan2", t.atan2, [within([0.3, 2], [3, 5], [5]), floats([67], [67])], { rejects: rejectPair(t.atan2) }),
  row("hypot", t.hypot, [within([0.3, 2], [3, 5], [5])], { rejects: rejectPair(t.hypot) }),
  row("copysign", t.copysign, [within([0.3, 2], [3, 5], [5]), floats([67], [67])], { rejects: rejectPair(t.copysign) }),
  row("logaddexp", t.logaddexp, [within([-3, 3], [3, 5], [5])], { rejects: rejectPair(t.logaddexp) }),
  binary("maximum", t.maximum, [-2, 2], { more: [signed, ties] }),
  binary("minimum", t.minimum, [-2, 2], { more: [signed, ties] }),
  row("add a number", (x) => t.add(x, 1.5), [floats([3, 5]), integers("int32", [-9, 9], [5])], {}),
];

/** Functions of one float where their derivatives are known well. */
const FLOAT_FUNCTIONS: readonly (readonly [name: string, f: (x: Tensor) => Tensor, domain: Domain])[] = [
  ["log1p", t.log1p, [-0.6, 3]],
  ["expm1", t.expm1, [-2, 2]],
  ["log2", t.log2, [0.5, 3]],
  ["log10", t.log10, [0.5, 3]],
  ["exp2", t.exp2, [-2, 2]],
  ["cbrt", t.cbrt, [0.5, 3]],
  ["tan", t.tan, [-1, 1]],
  ["asin", t.asin, [-0.8, 0.8]],
  ["acos", t.acos, [-0.8, 0.8]],
  ["atan", t.atan, [-2, 2]],
  ["sinh", t.sinh, [-2, 2]],
  ["cosh", t.cosh, [-2, 2]],
  ["asinh", t.asinh, [-2, 2]],
  ["acosh", t.acosh, [1.5, 3]],
  ["atanh", t.atanh, [-0.8, 0.8]],
  ["lgamma", t.lgamma, [0.5, 5]],
  ["digamma", t.digamma, [0.5, 5]],
  ["polygamma", (x) => t.polygamma(1, x), [-0.7, -0.3]],
  ["polygamma of order 2", (x) => t.polygamma(2, x), [0.5, 5]],
  ["sinc", t.sinc, [-1.5, 1.5]],
  ["sinc near 0", t.sinc, [-0.03, 0.03]],
  ["reciprocal", t.reciprocal, [0.5, 3]],
];

/** Functions of one variable. */
const UNARY: readonly OpRow[] = [
  unary("neg", t.neg, [-2, 2]),
  row("neg of integers", (x) => t.neg(x), [integers("int32", [-(2 ** 31), 2 ** 31], [9])], { order: 0 }),
  unary("abs", t.abs, [-2, 2]),
  row("abs of integers", (x) => t.abs(x), [integers("int32", [-99, 99], [9])], { order: 0 }),
  unary("exp", t.exp, [-2, 2]),
  row("exp of many", (x) => t.exp(x), [{ ...floats(LARGE), large: true }], { order: 0 }),
  row("exp far out", (x) => t.exp(x), [within([-100, 80], [129])], { order: 0 }),
  unary("log", t.log, [0.5, 3]),
  unary("sqrt", t.sqrt, [0.5, 3]),
  unary("rsqrt", t.rsqrt, [0.5, 3]),
  unary("square", t.square, [-2, 2]),
  unary("tanh", t.tanh, [-3, 3]),
  row("tanh far out", (x) => t.tanh(x), [within([-100, 100], [129])], { order: 0 }),
  unary("sigmoid", t.sigmoid, [-3, 3]),
  row("sigmoid far out", (x) => t.sigmoid(x), [within([-100, 100], [129])], { order: 0 }),
  unary("erf", t.erf, [-3, 3]),
  row("erf far out", (x) => t.erf(x), [within([-9, 9], [129])], { order: 0 }),
  unary("erfinv", t.erfinv, [-0.9, 0.9]),
  unary("floor", t.floor, [-3, 3]),
  unary("ceil", t.ceil, [-3, 3]),
  unary("trunc", t.trunc, [-3, 3]),
  unary("round", t.round, [-3, 3]),
  unary("sign", t.sign, [-2, 2]),
  unary("sin", t.sin, [-4, 4]),
  unary("cos", t.cos, [-4, 4]),
  ...FLOAT_FUNCTIONS.map(([name, f, domain]) => row(name, f, [within(domain, [3, 5]), within(domain, [67])])),
  row("functions of integers", (x) => t.add(t.exp(x), t.add(t.log1p(x), t.atan2(x, 2))), [
    integers("int32", [0, 9], [5]),
    integers("bool", [0, 2], [5]),
  ], { order: 0 }),
  unary("clip", (x) => t.clip(x, -0.5, 0.75), [-2, 2]),
  row("clip of NaN and infinities", (x) => t.clip(x, 0, 1), [
    { inputs: [{ shape: [4], values: [NaN, Infinity, -Infinity, -0] }] },
  ], { order: 0 }),
  unary("cast", (x) => t.cast(t.cast(x, "float32"), x.dtype), [-2, 2]),
  unary("cast to int32", (x) => t.cast(x, "int32"), [-9, 9], { order: 0 }),
  unary("cast to bool", (x) => t.cast(x, "bool"), [-2, 2], { order: 0 }),
  row("cast to int32 far out", (x) => t.cast(x, "int32"), [within([-4e9, 4e9], [67])], { order: 0 }),
  row("cast to uint32 far out", (x) => t.cast(x, "uint32"), [within([-1e9, 8e9], [67])], { order: 0 }),
  row("cast from int32 to uint32", (x) => t.cast(x, "uint32"), [integers("int32", [-99, 99], [67])], { order: 0 }),
  row("cast from uint32", (x) => t.cast(x, "float32"), [integers("uint32", [0, 2 ** 32], [67])], { order: 0 }),
  row("cast from bool", (x) => t.cast(x, "float32"), [integers("bool", [0, 2], [67])], { order: 0 }),
  unary("identity", t.identity, [-2, 2]),
  row("stopGradient", (x) => t.mul(t.stopGradient(x), 2), [floats([3, 5])], { order: 0 }),
];

const bools = integers("bool", [0, 2], [3, 5], [5]);
const compare = (name: string, f: (x: Tensor, y: Tensor) => Tensor): OpRow =>
  binary(name, f, [-2, 2], { order: 0, more: [signed, ties, integers("int32", [0, 3], [67], [67]), wideUnsigned] });
const shifts: OpCase = {
  inputs: [{ shape: [67], dtype: "uint32", domain: [0, 2 ** 32] }, { shape: [67], dtype: "uint32", domain: [0, 32] }],
};
const signedShifts: OpCase = {
  inputs: [
    { shape: [67], dtype: "int32", domain: [-(2 ** 31), 2 ** 31] },
    { shape: [67], dtype: "int32", domain: [0, 32] },
  ],
};

/** Comparison, logic and choice. */
const LOGIC: readonly OpRow[] = [
  compare("equal", t.equal),
  compare("notEqual", t.notEqual),
  compare("less", t.less),
  compare("lessEqual", t.lessEqual),
  compare("greater", t.greater),
  compare("greaterEqual", t.greaterEqual),
  row("logicalAnd", t.logicalAnd, [bools, floats([4], [4])], { order: 0 }),
  row("logicalOr", t.logicalOr, [bools], { order: 0 }),
  row("logicalNot", (x) => t.logicalNot(x), [integers("bool", [0, 2], [3, 5])], { order: 0 }),
  row("bitwiseAnd", t.bitwiseAnd, [wide, wideUnsigned, bools], { order: 0 }),
  row("bitwiseOr", t.bitwiseOr, [wide, wideUnsigned, bools], { order: 0 }),
  row("bitwiseXor", t.bitwiseXor, [wide, wideUnsigned, bools], { order: 0 }),
  row("shiftLeft", t.shiftLeft, [shifts, signedShifts], { order: 0 }),
  row("shiftRight", t.shiftRight, [shifts, signedShifts], { order: 0 }),
  row("isNaN", (x) => t.isNaN(x), [
    { inputs: [{ shape: [5], values: [NaN, Infinity, -Infinity, 0, 1] }] },
    integers("int32", [0, 9], [5]),
  ], { order: 0 }),
  row("isFinite and isInf", (x) => t.logicalOr(t.isInf(x), t.logicalNot(t.isFinite(x))), [
    { inputs: [{ shape: [5], values: [NaN, Infinity, -Infinity, 0, 1] }] },
    integers("int32", [0, 9], [5]),
  ], { order: 0 }),
  row("bitwiseNot", (x) => t.bitwiseNot(x), [
    integers("int32", [-9, 9], [5]),
    integers("uint32", [0, 9], [5]),
    integers("bool", [0, 2], [5]),
  ], { order: 0 }),
  row("where", t.where, [
    { inputs: [{ shape: [3, 5], dtype: "bool" }, { shape: [3, 5] }, { shape: [5] }] },
    { inputs: [{ shape: [3, 1], dtype: "bool" }, { shape: [] }, { shape: [2, 1, 5] }] },
    { inputs: [{ shape: [0], dtype: "bool" }, { shape: [0] }, { shape: [0] }] },
    { inputs: [{ shape: [300], dtype: "bool" }, { shape: [300], dtype: "int32" }, { shape: [300], dtype: "int32" }] },
  ], { rejects: [() => t.where(t.full([2], 1, { dtype: "bool" }), t.ones([3]), 0)] }),
];

/** Operations that work element by element. */
export const ELEMENTWISE_ROWS: readonly OpRow[] = [...ARITHMETIC, ...UNARY, ...LOGIC];
