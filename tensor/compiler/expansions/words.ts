import type { DType } from "../../spec.ts";
import type { ScalarOp } from "../operations.ts";

/**
 * What functions of scalars are written in, so that each stands once for all devices: operations of one value that every
 * device writes itself, and a few functions made of them. `T` is a value: a node of an expression, or a number in tests.
 */
export interface Words<T> {
  /** A float32 literal. */
  float(value: number): T;
  /** An int32 literal. */
  int(value: number): T;
  /** A uint32 literal. */
  uint(value: number): T;
  /** Sum; integers wrap. */
  add(x: T, y: T): T;
  /** Difference; integers wrap. */
  sub(x: T, y: T): T;
  /** Product; integers wrap. */
  mul(x: T, y: T): T;
  /** Quotient of floats. */
  div(x: T, y: T): T;
  /** The other sign. */
  neg(x: T): T;
  /** The distance from zero. */
  abs(x: T): T;
  /** The square root. */
  sqrt(x: T): T;
  /** The largest whole number not above. */
  floor(x: T): T;
  /** The nearest whole number, the even one of two. */
  round(x: T): T;
  /** The nearest int32, the even one of two, between -2^22 and 2^22; of other floats any. */
  roundToInt(x: T): T;
  /** The whole number next to it towards zero. */
  trunc(x: T): T;
  /** `y < x ? y : x`: one instruction where `min`, which lets NaN win, is several. A NaN in `x` stays. */
  lesser(x: T, y: T): T;
  /** `x < y ? y : x`. A NaN in `x` stays. */
  greater(x: T, y: T): T;
  /** `x == y`, false for NaN. */
  eq(x: T, y: T): T;
  /** `x < y`, false for NaN. */
  lt(x: T, y: T): T;
  /** `x <= y`, false for NaN. */
  le(x: T, y: T): T;
  /** True for NaN. */
  isNaN(x: T): T;
  /** Bits of both, or both of two bools. */
  and(x: T, y: T): T;
  /** Bits of either, or one or both of two bools. */
  or(x: T, y: T): T;
  /** Bits of one alone. */
  xor(x: T, y: T): T;
  /** The other bits, or the other bool. */
  not(x: T): T;
  /** Bits moved up. */
  shiftLeft(x: T, y: T): T;
  /** Bits moved down; the sign of int32 stays. */
  shiftRight(x: T, y: T): T;
  /** `x` where the condition holds, else `y`. */
  select(condition: T, x: T, y: T): T;
  /** As `select`, but `x` costs nothing where no lane needs it. */
  rarely(condition: T, x: T, y: T): T;
  /** int32 or uint32 to the nearest float32. */
  toFloat(x: T): T;
  /** float32 to int32, towards zero. */
  toInt(x: T): T;
  /** float32 of these bits. */
  asFloat(x: T): T;
  /** Bits as int32. */
  asInt(x: T): T;
  /** Bits as uint32. */
  asUint(x: T): T;
  /** e^x. */
  exp(x: T): T;
  /** The natural logarithm. */
  log(x: T): T;
  /** ln(1 + x). */
  log1p(x: T): T;
  /** The sine. */
  sin(x: T): T;
  /** The tangent. */
  tan(x: T): T;
  /** Sine by the long reduction. */
  sinFar(x: T): T;
  /** Cosine by the long reduction. */
  cosFar(x: T): T;
  /** Remainder of uint32. */
  mod(x: T, y: T): T;
  /** Remainder of positive floats by the long division. */
  modFar(x: T, y: T): T;
}

/** A function of one or two values, written in words. */
export type Expansion = <T>(w: Words<T>, x: T, y: T) => T;

/** An operation that is made of others. */
export interface ComposedOp {
  /** Its name in the table of operations. */
  readonly name: ScalarOp;
  /** How it is made, by the dtype of its operands. */
  readonly expand: Readonly<Partial<Record<DType, Expansion>>>;
  /** Composed operations that these name. */
  readonly calls?: readonly ComposedOp[];
}

/** Horner's rule, highest coefficient first. Separate multiply and add: the same bits on every engine. */
export function polynomial<T>(w: Words<T>, x: T, coefficients: readonly number[]): T {
  const [first, ...rest] = coefficients;
  return rest.reduce((sum, c) => w.add(w.mul(sum, x), w.float(c)), w.float(first!));
}

/** `x`, which is not negative or has the sign of `y`, with that sign. */
export function withSign<T>(w: Words<T>, x: T, y: T): T {
  const sign = w.and(w.asUint(y), w.uint(0x80000000));
  return w.asFloat(w.or(w.asUint(x), sign));
}

/** A float without the lower half of its bits: products of two such are exact. */
export function upper<T>(w: Words<T>, x: T): T {
  return w.asFloat(w.and(w.asUint(x), w.uint(0xfffff000)));
}
