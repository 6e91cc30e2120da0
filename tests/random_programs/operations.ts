/** @file What random programs are made of: each operation with the operands that it takes and the settings that it may have. */
import * as t from "../../tensor/mod.ts";
import type { Shape, Tensor } from "../../tensor/mod.ts";
import type { Draws } from "./draws.ts";

/** Settings of a line: plain data. */
export type Settings = Readonly<Record<string, unknown>>;

/**
 * How rounding goes through an operation. `exact`: small whole numbers and halves stay exact in float32; `smooth`: the result
 * is rounded; `jumps`: a rounded operand may give another result, so that only exact ones are taken.
 */
export type Rounding = "exact" | "smooth" | "jumps";

/** One operation. */
export interface Operation {
  readonly arity: number;
  readonly rounding: Rounding;
  /** True if it is differentiable everywhere. */
  readonly differentiable: boolean;
  /** True if it takes operands of these specs. */
  accepts(...operands: readonly Tensor[]): boolean;
  settings(draws: Draws, ...operands: readonly Tensor[]): Settings;
  apply(operands: readonly Tensor[], settings: Settings): Tensor;
}

const floating = (x: Tensor) => t.DTYPES[x.dtype].floating;
const number = (x: Tensor) => x.dtype !== "bool";
const integer = (x: Tensor) => number(x) && !floating(x);
const alike = (a: Tensor, b: Tensor) => a.dtype === b.dtype;
const filled = (x: Tensor) => t.sizeOf(x.shape) > 0;
const ranked = (x: Tensor) => x.shape.length > 0;

/** True if two shapes broadcast. */
function broadcasts({ shape: a }: Tensor, { shape: b }: Tensor): boolean {
  const rank = Math.max(a.length, b.length);
  const at = (shape: Shape, i: number) => shape[shape.length - rank + i] ?? 1;
  return Array.from({ length: rank }, (_, i) => [at(a, i), at(b, i)]).every(([m, n]) => m === n || m === 1 || n === 1);
}

type Rest = Partial<Pick<Operation, "accepts" | "settings" | "differentiable">>;

function unary(f: (x: Tensor, settings: Settings) => Tensor, rounding: Rounding, rest: Rest = {}): Operation {
  return {
    ...{ arity: 1, rounding, differentiable: rounding !== "jumps", accepts: floating, settings: () => ({}) },
    ...rest,
    apply: ([x], settings) => f(x!, settings),
  };
}

function binary(f: (x: Tensor, y: Tensor) => Tensor, rounding: Rounding, rest: Rest = {}): Operation {
  const accepts = (a: Tensor, b: Tensor) => number(a) && alike(a, b) && broadcasts(a, b);
  return {
    ...{ arity: 2, rounding, differentiable: rounding !== "jumps", accepts, settings: () => ({}) },
    ...rest,
    apply: ([x, y]) => f(x!, y!),
  };
}

const KINKED = { differentiable: false } as const;
const INTEGERS: Rest = { accepts: (a, b) => integer(a!) && alike(a!, b!) && broadcasts(a!, b!), differentiable: false };
const BOOLS: Rest = {
  accepts: (a, b) => a!.dtype === "bool" && alike(a!, b!) && broadcasts(a!, b!),
  differentiable: false,
};

const axisOf = (draws: Draws, x: Tensor) => ({ axis: draws.whole(0, x.shape.length - 1) });
const axesOf = (draws: Draws, x: Tensor) => ({
  axis: [...x.shape.keys()].filter(() => draws.chance(0.5)),
  keepDims: draws.chance(0.5),
});
type Reduce = { readonly axis: readonly number[]; readonly keepDims: boolean };
const reduction = (
  f: (x: Tensor, options: Reduce) => Tensor,
  rounding: Rounding,
  accepts: Operation["accepts"],
  rest: Rest = {},
) => unary((x, settings) => f(x, settings as Reduce), rounding, { accepts, settings: axesOf, ...rest });

function sliceSettings(draws: Draws, x: Tensor): Settings {
  const step = x.shape.map(() => draws.pick([1, 1, 2, -1, -2]));
  const start = x.shape.map((size, i) => draws.whole(0, Math.max(0, size - 1)) * (step[i]! > 0 || size > 0 ? 1 : 0));
  const room = x.shape.map((size, i) => step[i]! > 0 ? size - start[i]! : Math.min(size, start[i]! + 1));
  return { start, step, size: room.map((n, i) => draws.whole(0, Math.ceil(Math.max(0, n) / Math.abs(step[i]!)))) };
}

function reshaped(draws: Draws, { shape }: Tensor): Settings {
  const size = t.sizeOf(shape);
  const factors = [1, 2, 3, 4, 5].filter((n) => size % n === 0);
  const first = draws.pick(factors);
  return { shape: size === 0 ? [0, 3] : draws.chance(0.3) ? [size] : [first, size / first, 1] };
}

function permuted(draws: Draws, { shape }: Tensor): Settings {
  return {
    permutation: [...shape.keys()].map((i) => [draws.unit(), i] as const).sort(([a], [b]) => a - b).map(([, i]) => i),
  };
}

/** Operations by name. Functions that grow fast stand with what keeps them in range. */
export const OPERATIONS: Readonly<Record<string, Operation>> = {
  add: binary(t.add, "exact"),
  sub: binary(t.sub, "exact"),
  mul: binary(t.mul, "exact"),
  maximum: binary(t.maximum, "exact", KINKED),
  minimum: binary(t.minimum, "exact", KINKED),
  bitwiseXor: binary(t.bitwiseXor, "exact", INTEGERS),
  bitwiseAnd: binary(t.bitwiseAnd, "exact", INTEGERS),
  logicalAnd: binary(t.logicalAnd, "exact", BOOLS),
  logicalOr: binary(t.logicalOr, "exact", BOOLS),
  less: binary(t.less, "jumps"),
  equal: binary(t.equal, "jumps"),
  greaterEqual: binary(t.greaterEqual, "jumps"),
  "div(x, 1 + y²)": binary((x, y) => t.div(x, t.add(t.square(y), 1)), "smooth", {
    accepts: (a, b) => floating(a!) && alike(a!, b!) && broadcasts(a!, b!),
  }),
  neg: unary(t.neg, "exact", { accepts: (x) => floating(x!) || x!.dtype === "int32" }),
  abs: unary(t.abs, "exact", KINKED),
  square: unary(t.square, "exact"),
  sign: unary(t.sign, "jumps"),
  floor: unary(t.floor, "jumps"),
  "mul 0.5": unary((x) => t.mul(x, 0.5), "exact"),
  "add 3": unary((x) => t.add(x, 3), "exact", { accepts: (x) => number(x!) }),
  clip: unary((x) => t.clip(x, -2, 3), "exact", { accepts: (x) => floating(x!) || x!.dtype === "int32", ...KINKED }),
  logicalNot: unary(t.logicalNot, "exact", { accepts: (x) => x!.dtype === "bool", ...KINKED }),
  "cast to float32": unary((x) => t.cast(x, "float32"), "exact", { accepts: (x) => !floating(x!), ...KINKED }),
  "cast to int32": unary((x) => t.cast(x, "int32"), "jumps", { accepts: (x) => x!.dtype !== "uint32" }),
  tanh: unary(t.tanh, "smooth"),
  sigmoid: unary(t.sigmoid, "smooth"),
  erf: unary(t.erf, "smooth"),
  sin: unary(t.sin, "smooth"),
  cos: unary(t.cos, "smooth"),
  "exp of tanh": unary((x) => t.exp(t.tanh(x)), "smooth"),
  "log(1 + x²)": unary((x) => t.log(t.add(t.square(x), 1)), "smooth"),
  "sqrt(1 + x²)": unary((x) => t.sqrt(t.add(t.square(x), 1)), "smooth"),
  sum: reduction(t.sum, "exact", (x) => number(x!)),
  mean: reduction(t.mean, "smooth", (x) => floating(x!) && filled(x!)),
  max: reduction(t.max, "exact", (x) => number(x!) && filled(x!), KINKED),
  min: reduction(t.min, "exact", (x) => number(x!) && filled(x!), KINKED),
  argmax: unary((x, { axis }) => t.argmax(x, { axis: axis as number }), "jumps", {
    accepts: (x) => number(x!) && ranked(x!) && filled(x!),
    settings: axisOf,
  }),
  "argsort along the last axis": unary((x) => t.argsort(x), "jumps", { accepts: (x) => floating(x!) && ranked(x!) }),
  slice: unary((x, settings) => t.slice(x, settings as never), "exact", {
    accepts: () => true,
    settings: sliceSettings,
  }),
  pad: unary((x, { widths }) => t.pad(x, widths as never), "exact", {
    accepts: (x) => t.sizeOf(x!.shape) < 200,
    settings: (draws, x) => ({ widths: x!.shape.map(() => [draws.whole(0, 2), draws.whole(0, 1)]) }),
  }),
  reshape: unary((x, { shape }) => t.reshape(x, shape as Shape), "exact", { accepts: () => true, settings: reshaped }),
  transpose: unary((x, { permutation }) => t.transpose(x, permutation as number[]), "exact", {
    accepts: () => true,
    settings: permuted,
  }),
  "broadcast to a new axis": unary((x) => t.broadcastTo(x, [2, ...x.shape]), "exact", {
    accepts: (x) => t.sizeOf(x!.shape) < 200 && x!.shape.length < 4,
  }),
  "take of rows": unary((x, { rows }) => t.take(x, t.tensor(rows as number[], { dtype: "int32" })), "exact", {
    accepts: (x) => ranked(x!) && x!.shape[0]! > 0,
    settings: (draws, x) => ({
      rows: Array.from({ length: draws.whole(1, 4) }, () => draws.whole(0, x!.shape[0]! - 1)),
    }),
  }),
  where: {
    ...{ arity: 3, rounding: "exact", differentiable: true, settings: () => ({}) },
    accepts: (m, a, b) =>
      m!.dtype === "bool" && alike(a!, b!) && broadcasts(a!, b!) && broadcasts(m!, a!) && broadcasts(m!, b!),
    apply: ([m, a, b]) => t.where(m!, a!, b!),
  },
  matmul: binary((x, y) => t.matmul(x, y), "exact", {
    accepts: (a, b) =>
      floating(a!) && alike(a!, b!) && a!.shape.length === 2 && b!.shape.length === 2 && a!.shape[1] === b!.shape[0],
  }),
  "matmul with its transpose": unary((x) => t.matmul(x, x, { transposeB: true }), "exact", {
    accepts: (x) => floating(x!) && x!.shape.length === 2,
  }),
};
