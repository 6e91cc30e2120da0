/** @file What makes an element of a narrow dtype of what was computed in 32 bits. */
import { type DType, DTYPES } from "../../spec.ts";
import { HALF_OP } from "../expansions/composed.ts";
import { operationOf, type ScalarOp } from "../operations.ts";
import { cast, literal, mapScalars, op, type Scalar } from "../scalar.ts";

/**
 * The element of a narrow dtype: floats rounded, of whole numbers the lowest bits.
 *
 * @param x A value of the dtype that it is computed in.
 * @param dtype The narrow dtype.
 * @returns The expression, computed in the same dtype as `x`.
 */
export function rounded(x: Scalar, dtype: DType): Scalar {
  const { kind, bytes, limits: [least] } = DTYPES[dtype];
  if (kind === "float") return op(HALF_OP, x);
  const spare = literal(32 - 8 * bytes, x.dtype);
  return least < 0
    ? op("shiftRight", op("shiftLeft", x, spare), spare)
    : op("and", x, literal(2 ** (8 * bytes) - 1, x.dtype));
}

/** The nearest number that a dtype of whole numbers holds; floats stay. */
export function bounded(x: Scalar, dtype: DType): Scalar {
  const { kind, limits: [least, largest] } = DTYPES[dtype];
  if (kind === "float") return x;
  return op("min", op("max", x, literal(least, x.dtype)), literal(largest, x.dtype));
}

/** Rewrites what an expression says of narrow dtypes for those that they are computed in. */
export function computedWide(x: Scalar): Scalar {
  return mapScalars([x], (y) => {
    const { computed, round, kind } = DTYPES[y.dtype];
    if (computed === y.dtype) return y;
    if (y.kind === "const") return literal(round(y.value), computed);
    if (y.kind !== "op" || y.op !== "cast") return { ...y, dtype: computed } as Scalar;
    const [from] = y.args as [Scalar];
    const stops = kind === "whole" && DTYPES[from.dtype].floating;
    return stops ? bounded(cast(from, computed), y.dtype) : cast(from, computed);
  })[0]!;
}

/** Operations that make of elements of any dtype one that it has. */
const CHOICES: ReadonlySet<ScalarOp> = new Set(["select", "rarely", "max", "min", "lesser", "greater"]);
/** Those that do so of floats, and of whole numbers. */
const KEPT: Readonly<Record<"float" | "whole" | "bool", ReadonlySet<ScalarOp>>> = {
  float: new Set(["neg", "abs", "floor", "round", "trunc"]),
  whole: new Set(["and", "or", "xor"]),
  bool: new Set(),
};

/**
 * Tells whether the value of an expression is an element of a narrow dtype if what it loads is.
 *
 * @param x The expression, in the dtype that the narrow one is computed in.
 * @param dtype The narrow dtype.
 * @returns True if nothing is to be rounded.
 */
export function staysNarrow(x: Scalar, dtype: DType): boolean {
  const stack = [x];
  while (stack.length > 0) {
    const y = stack.pop()!;
    if (y.kind === "load" || (y.kind === "const" && Object.is(DTYPES[dtype].round(y.value), y.value))) continue;
    if (y.kind !== "op") return false;
    const choice = CHOICES.has(y.op);
    if (!choice && !KEPT[DTYPES[dtype].kind].has(y.op)) return false;
    stack.push(...operationOf(y.op).arity === 3 ? y.args.slice(1) : y.args);
  }
  return true;
}
