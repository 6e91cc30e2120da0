/** @file The one table of operations on single values: what lowerings are written in. */
import { type DType, type DTypeInfo, DTYPES } from "../spec.ts";

/**
 * Which operands an operation takes, all of one dtype: floats; whole numbers; numbers, which are both; bits, which are
 * whole numbers and bool; any.
 */
export type Operands = "float" | "whole" | "number" | "bits" | "any";

/** What is known of an operation. */
export interface ScalarOperation {
  /** How many operands it has. */
  readonly arity: 1 | 2 | 3;
  /** Which operands it takes; those of `select` and `rarely` after a bool. */
  readonly takes: Operands;
  /** True if it tells bools instead of values of the dtype of its operands. */
  readonly tells?: boolean;
  /** Rough time of one value on one core, in nanoseconds. */
  readonly cost: number;
  /**
   * Whether a result that is read twice is worth its memory: never; if what it is made of reads no more than one buffer;
   * always. For those in between, to write a result and read it again costs as much.
   */
  readonly repeat: "cheap" | "dear" | "dearest";
  /** Dtypes of operands for which it is made of others, as its value in `expansions/composed.ts` says. A device writes the rest. */
  readonly composed?: readonly DType[];
}

/**
 * Operations by name. `div` and `mod` of integers truncate as C does; `not`, `and`, `or`, `xor` are bitwise on integers,
 * logical on bool. `max` and `min` give NaN if either operand is; `lesser` and `greater` are one comparison and a choice:
 * `y < x ? y : x`, `x < y ? y : x`. `round` takes the even one of two, and so does `roundToInt`,
 * an int32, of floats between -2^22 and 2^22; of others it is any int32. `rarely` is a `select` whose second operand is
 * computed only if it is needed. `half` is the nearest float16.
 */
export const OPERATIONS = {
  add: { arity: 2, takes: "number", cost: 0.3, repeat: "cheap" },
  sub: { arity: 2, takes: "number", cost: 0.3, repeat: "cheap" },
  mul: { arity: 2, takes: "number", cost: 0.3, repeat: "cheap" },
  div: { arity: 2, takes: "number", cost: 3, repeat: "dear" },
  mod: { arity: 2, takes: "number", cost: 3, repeat: "dearest", composed: ["float32"] },
  neg: { arity: 1, takes: "number", cost: 0.3, repeat: "cheap" },
  abs: { arity: 1, takes: "number", cost: 0.3, repeat: "cheap" },
  max: { arity: 2, takes: "number", cost: 0.3, repeat: "cheap" },
  min: { arity: 2, takes: "number", cost: 0.3, repeat: "cheap" },
  lesser: { arity: 2, takes: "float", cost: 0.3, repeat: "cheap" },
  greater: { arity: 2, takes: "float", cost: 0.3, repeat: "cheap" },
  floor: { arity: 1, takes: "float", cost: 0.3, repeat: "cheap" },
  round: { arity: 1, takes: "float", cost: 0.3, repeat: "cheap" },
  roundToInt: { arity: 1, takes: "float", cost: 0.3, repeat: "cheap" },
  trunc: { arity: 1, takes: "float", cost: 0.3, repeat: "cheap" },
  sqrt: { arity: 1, takes: "float", cost: 3, repeat: "dear" },
  rsqrt: { arity: 1, takes: "float", cost: 3, repeat: "dear" },
  pow: {
    arity: 2,
    takes: "number",
    cost: 3,
    repeat: "dearest",
    composed: ["float32", "int32", "uint32"],
  },
  exp: { arity: 1, takes: "float", cost: 3, repeat: "dear", composed: ["float32"] },
  log: { arity: 1, takes: "float", cost: 3, repeat: "dearest", composed: ["float32"] },
  tanh: { arity: 1, takes: "float", cost: 3, repeat: "dear", composed: ["float32"] },
  half: { arity: 1, takes: "float", cost: 3, repeat: "dear", composed: ["float32"] },
  sigmoid: { arity: 1, takes: "float", cost: 3, repeat: "dear", composed: ["float32"] },
  erf: { arity: 1, takes: "float", cost: 3, repeat: "dear", composed: ["float32"] },
  erfinv: { arity: 1, takes: "float", cost: 8, repeat: "dearest", composed: ["float32"] },
  sin: { arity: 1, takes: "float", cost: 3, repeat: "dearest", composed: ["float32"] },
  cos: { arity: 1, takes: "float", cost: 3, repeat: "dearest", composed: ["float32"] },
  log1p: { arity: 1, takes: "float", cost: 6, repeat: "dearest", composed: ["float32"] },
  expm1: { arity: 1, takes: "float", cost: 6, repeat: "dearest", composed: ["float32"] },
  log2: { arity: 1, takes: "float", cost: 4, repeat: "dearest", composed: ["float32"] },
  log10: { arity: 1, takes: "float", cost: 4, repeat: "dearest", composed: ["float32"] },
  exp2: { arity: 1, takes: "float", cost: 4, repeat: "dearest", composed: ["float32"] },
  cbrt: { arity: 1, takes: "float", cost: 10, repeat: "dearest", composed: ["float32"] },
  tan: { arity: 1, takes: "float", cost: 6, repeat: "dearest", composed: ["float32"] },
  asin: { arity: 1, takes: "float", cost: 6, repeat: "dearest", composed: ["float32"] },
  acos: { arity: 1, takes: "float", cost: 6, repeat: "dearest", composed: ["float32"] },
  atan: { arity: 1, takes: "float", cost: 6, repeat: "dearest", composed: ["float32"] },
  sinh: { arity: 1, takes: "float", cost: 6, repeat: "dearest", composed: ["float32"] },
  cosh: { arity: 1, takes: "float", cost: 6, repeat: "dearest", composed: ["float32"] },
  asinh: { arity: 1, takes: "float", cost: 12, repeat: "dearest", composed: ["float32"] },
  acosh: { arity: 1, takes: "float", cost: 12, repeat: "dearest", composed: ["float32"] },
  atanh: { arity: 1, takes: "float", cost: 12, repeat: "dearest", composed: ["float32"] },
  lgamma: { arity: 1, takes: "float", cost: 40, repeat: "dearest", composed: ["float32"] },
  digamma: { arity: 1, takes: "float", cost: 40, repeat: "dearest", composed: ["float32"] },
  atan2: { arity: 2, takes: "float", cost: 8, repeat: "dearest", composed: ["float32"] },
  hypot: { arity: 2, takes: "float", cost: 6, repeat: "dearest", composed: ["float32"] },
  sinFar: { arity: 1, takes: "float", cost: 30, repeat: "dearest", composed: ["float32"] },
  cosFar: { arity: 1, takes: "float", cost: 30, repeat: "dearest", composed: ["float32"] },
  modFar: { arity: 2, takes: "float", cost: 100, repeat: "dearest", composed: ["float32"] },
  eq: { arity: 2, takes: "any", tells: true, cost: 0.3, repeat: "cheap" },
  ne: { arity: 2, takes: "any", tells: true, cost: 0.3, repeat: "cheap" },
  lt: { arity: 2, takes: "any", tells: true, cost: 0.3, repeat: "cheap" },
  le: { arity: 2, takes: "any", tells: true, cost: 0.3, repeat: "cheap" },
  isNaN: { arity: 1, takes: "float", tells: true, cost: 0.3, repeat: "cheap" },
  and: { arity: 2, takes: "bits", cost: 0.3, repeat: "cheap" },
  or: { arity: 2, takes: "bits", cost: 0.3, repeat: "cheap" },
  xor: { arity: 2, takes: "bits", cost: 0.3, repeat: "cheap" },
  not: { arity: 1, takes: "bits", cost: 0.3, repeat: "cheap" },
  shiftLeft: { arity: 2, takes: "whole", cost: 0.3, repeat: "cheap" },
  shiftRight: { arity: 2, takes: "whole", cost: 0.3, repeat: "cheap" },
  select: { arity: 3, takes: "any", cost: 0.3, repeat: "cheap" },
  rarely: { arity: 3, takes: "any", cost: 0.3, repeat: "cheap" },
  cast: { arity: 1, takes: "any", cost: 0.3, repeat: "cheap" },
  bitcast: { arity: 1, takes: "any", cost: 0.3, repeat: "cheap" },
} as const;

/** Name of an operation on single values. */
export type ScalarOp = keyof typeof OPERATIONS;

/** Name of an operation that devices write for every dtype. */
export type PlainOp = {
  [Name in ScalarOp]: (typeof OPERATIONS)[Name] extends { readonly composed: readonly DType[] } ? never : Name;
}[ScalarOp];

/**
 * Looks an operation up.
 *
 * @param name Its name.
 * @returns What is known of it.
 */
export function operationOf(name: ScalarOp): ScalarOperation {
  return OPERATIONS[name];
}

/** Tells whether an operation takes operands of a dtype. */
export function takes(name: ScalarOp, dtype: DType): boolean {
  const taken: Readonly<Record<Operands, readonly DTypeInfo["kind"][]>> = {
    float: ["float"],
    whole: ["whole"],
    number: ["float", "whole"],
    bits: ["whole", "bool"],
    any: ["float", "whole", "bool"],
  };
  return taken[operationOf(name).takes].includes(DTYPES[dtype].kind);
}
