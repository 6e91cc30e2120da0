/** @file Scalar expressions by plain numbers, over whole arrays. */
import { expanded, expansionName } from "../../tensor/compiler/expansions/expanded.ts";
import type { ScalarOp } from "../../tensor/compiler/operations.ts";
import { operandsOf, type Scalar } from "../../tensor/compiler/scalar.ts";
import { orderBy } from "../../tensor/order.ts";
import type { DType } from "../../tensor/spec.ts";

type Values = ArrayLike<number>;

/** The value of a dtype that a number is: whole numbers wrap. */
export function roundedTo(value: number, dtype: DType): number {
  if (dtype === "float32") return Math.fround(value);
  if (dtype === "int32") return value | 0;
  return dtype === "uint32" ? value >>> 0 : dtype === "bool" ? Number(value !== 0) : value;
}

type Rule = (x: number, y: number, z: number, dtype: DType) => number;

function isFloat(dtype: DType): boolean {
  return dtype.startsWith("float");
}

function roundHalfEven(x: number): number {
  const [low, over] = [Math.floor(x), x - Math.floor(x)];
  return over === 0.5 ? 2 * Math.round(low / 2) : Math.round(x);
}

/** Numbers of an operation; `dtype` is that of the operands, results are rounded afterwards. Others follow from their expansion. */
const RULES: Readonly<Partial<Record<ScalarOp, Rule>>> = {
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y, _, dtype) => isFloat(dtype) ? x * y : Math.imul(x, y),
  div: (x, y, _, dtype) => isFloat(dtype) ? x / y : Math.trunc(x / y),
  mod: (x, y) => x % y,
  neg: (x) => -x,
  abs: Math.abs,
  max: (x, y) => Math.max(x, y),
  min: (x, y) => Math.min(x, y),
  lesser: (x, y) => y < x ? y : x,
  greater: (x, y) => x < y ? y : x,
  floor: Math.floor,
  round: roundHalfEven,
  roundToInt: roundHalfEven,
  trunc: Math.trunc,
  sqrt: Math.sqrt,
  rsqrt: (x) => 1 / Math.sqrt(x),
  exp: Math.exp,
  log: Math.log,
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  sin: Math.sin,
  cos: Math.cos,
  eq: (x, y) => Number(x === y),
  ne: (x, y) => Number(x !== y),
  lt: (x, y) => Number(x < y),
  le: (x, y) => Number(x <= y),
  isNaN: (x) => Number(Number.isNaN(x)),
  and: (x, y) => x & y,
  or: (x, y) => x | y,
  xor: (x, y) => x ^ y,
  not: (x, _y, _z, dtype) => dtype === "bool" ? 1 - x : ~x,
  shiftLeft: (x, y) => y > 31 ? 0 : x << y,
  shiftRight: (x, y, _, dtype) => dtype === "int32" ? x >> Math.min(y, 31) : y > 31 ? 0 : x >>> y,
  select: (x, y, z) => x !== 0 ? y : z,
  rarely: (x, y, z) => x !== 0 ? y : z,
};

/** A number of another dtype; floats beyond what it holds become its bounds, NaN zero. */
function converted(value: number, from: DType, to: DType): number {
  if (!isFloat(from) || isFloat(to) || to === "bool") return value;
  const [low, high] = to === "int32" ? [-(2 ** 31), 2 ** 31 - 1] : [0, 2 ** 32 - 1];
  return Number.isNaN(value) ? 0 : Math.trunc(Math.min(Math.max(value, low), high));
}

const BITS = new DataView(new ArrayBuffer(4));

/** The value of another dtype that has the same bits. */
function sameBits(value: number, from: DType, to: DType): number {
  if (from === "float32") BITS.setFloat32(0, value);
  else BITS.setInt32(0, value);
  return to === "float32" ? BITS.getFloat32(0) : to === "int32" ? BITS.getInt32(0) : BITS.getUint32(0);
}

/**
 * The numbers of an operation that is no expansion of others.
 *
 * @param x The operation.
 * @returns Told three operands, of which those that are not there count for nothing, the result in its dtype; `null` if
 * it is made of others.
 */
export function ruleOf(x: Scalar & { kind: "op" }): ((a: number, b: number, c: number) => number) | null {
  const of = x.args.at(-1)!.dtype;
  if (x.op === "cast") return (a) => roundedTo(converted(a, of, x.dtype), x.dtype);
  if (x.op === "bitcast") return (a) => sameBits(a, of, x.dtype);
  const rule = RULES[x.op];
  return rule ? (a, b, c) => roundedTo(rule(a, b, c, of), x.dtype) : null;
}

/** Values of an operation from those of its operands. */
function operate(x: Scalar & { kind: "op" }, args: readonly Values[], size: number): Float64Array {
  const rule = ruleOf(x);
  if (rule) {
    const operand = (at: number, i: number) => args[at]?.[i] ?? 0;
    return Float64Array.from({ length: size }, (_, i) => rule(operand(0, i), operand(1, i), operand(2, i)));
  }
  const { parameters, result } = expanded(expansionName(x.op, x.args.at(-1)!.dtype)!);
  return evaluateScalar(result, [], size, new Map(parameters.map((parameter, i) => [parameter, args[i]!])));
}

/**
 * Computes an expression for every element of arrays of one size.
 *
 * @param root The expression; it loads whole buffers in order.
 * @param buffers Their values.
 * @param size Elements.
 * @param known Values of expressions that are given.
 * @returns Values of its dtype.
 */
export function evaluateScalar(
  root: Scalar,
  buffers: readonly Values[],
  size: number,
  known: ReadonlyMap<Scalar, Values> = new Map(),
): Float64Array {
  const values = new Map(known);
  for (const x of orderBy([root], operandsOf)) {
    if (!values.has(x)) values.set(x, valuesOf(x, buffers, size, values));
  }
  return Float64Array.from(values.get(root)!);
}

function valuesOf(x: Scalar, buffers: readonly Values[], size: number, values: ReadonlyMap<Scalar, Values>): Values {
  if (x.kind === "const") return new Float64Array(size).fill(roundedTo(x.value, x.dtype));
  if (x.kind === "load") return buffers[x.access.buffer]!;
  if (x.kind === "op") return operate(x, x.args.map((arg) => values.get(arg)!), size);
  throw new TypeError(`Cannot evaluate an expression as it must have no positions: current kind is ${x.kind}`);
}
