/** @file The one table of operations on single values: what lowerings are written in. */
import type { DType } from "../spec.ts";
import { erfinvOf, erfOf } from "./expansions/error_function.ts";
import { acosOf, asinOf, atan2Of, atanOf, tanOf } from "./expansions/angles.ts";
import { expOf, logOf } from "./expansions/exponential.ts";
import { digammaOf, lgammaOf } from "./expansions/gamma.ts";
import { acoshOf, asinhOf, atanhOf, coshOf, exp2Of, expm1Of, sinhOf } from "./expansions/hyperbolic.ts";
import { log10Of, log1pOf, log2Of } from "./expansions/logarithms.ts";
import { cbrtOf, hypotOf } from "./expansions/roots.ts";
import { intPowOf, powOf, uintPowOf } from "./expansions/power.ts";
import { modFarOf, modOf } from "./expansions/remainder.ts";
import { sigmoidOf, tanhOf } from "./expansions/sigmoid.ts";
import { cosFarOf, cosOf, sinFarOf, sinOf } from "./expansions/wave.ts";
import type { Expansion } from "./expansions/words.ts";

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
  /** How it is made of others, by the dtype of its operands. A device writes what has no expansion. */
  readonly expand?: Readonly<Partial<Record<DType, Expansion>>>;
}

/**
 * Operations by name. `div` and `mod` of integers truncate as C does; `not`, `and`, `or`, `xor` are bitwise on integers,
 * logical on bool. `max` and `min` give NaN if either operand is; `lesser` and `greater` are one comparison and a choice:
 * `y < x ? y : x`, `x < y ? y : x`. `round` takes the even one of two. `rarely` is a `select` whose second operand is
 * computed only if it is needed.
 */
export const OPERATIONS = {
  add: { arity: 2, takes: "number", cost: 0.3, repeat: "cheap" },
  sub: { arity: 2, takes: "number", cost: 0.3, repeat: "cheap" },
  mul: { arity: 2, takes: "number", cost: 0.3, repeat: "cheap" },
  div: { arity: 2, takes: "number", cost: 3, repeat: "dear" },
  mod: { arity: 2, takes: "number", cost: 3, repeat: "dearest", expand: { float32: modOf as Expansion } },
  neg: { arity: 1, takes: "number", cost: 0.3, repeat: "cheap" },
  abs: { arity: 1, takes: "number", cost: 0.3, repeat: "cheap" },
  max: { arity: 2, takes: "number", cost: 0.3, repeat: "cheap" },
  min: { arity: 2, takes: "number", cost: 0.3, repeat: "cheap" },
  lesser: { arity: 2, takes: "float", cost: 0.3, repeat: "cheap" },
  greater: { arity: 2, takes: "float", cost: 0.3, repeat: "cheap" },
  floor: { arity: 1, takes: "float", cost: 0.3, repeat: "cheap" },
  round: { arity: 1, takes: "float", cost: 0.3, repeat: "cheap" },
  trunc: { arity: 1, takes: "float", cost: 0.3, repeat: "cheap" },
  sqrt: { arity: 1, takes: "float", cost: 3, repeat: "dear" },
  rsqrt: { arity: 1, takes: "float", cost: 3, repeat: "dear" },
  pow: {
    arity: 2,
    takes: "number",
    cost: 3,
    repeat: "dearest",
    expand: { float32: powOf as Expansion, int32: intPowOf as Expansion, uint32: uintPowOf as Expansion },
  },
  exp: { arity: 1, takes: "float", cost: 3, repeat: "dear", expand: { float32: expOf as Expansion } },
  log: { arity: 1, takes: "float", cost: 3, repeat: "dearest", expand: { float32: logOf as Expansion } },
  tanh: { arity: 1, takes: "float", cost: 3, repeat: "dear", expand: { float32: tanhOf as Expansion } },
  sigmoid: { arity: 1, takes: "float", cost: 3, repeat: "dear", expand: { float32: sigmoidOf as Expansion } },
  erf: { arity: 1, takes: "float", cost: 3, repeat: "dear", expand: { float32: erfOf as Expansion } },
  erfinv: { arity: 1, takes: "float", cost: 8, repeat: "dearest", expand: { float32: erfinvOf as Expansion } },
  sin: { arity: 1, takes: "float", cost: 3, repeat: "dearest", expand: { float32: sinOf as Expansion } },
  cos: { arity: 1, takes: "float", cost: 3, repeat: "dearest", expand: { float32: cosOf as Expansion } },
  log1p: { arity: 1, takes: "float", cost: 6, repeat: "dearest", expand: { float32: log1pOf as Expansion } },
  expm1: { arity: 1, takes: "float", cost: 6, repeat: "dearest", expand: { float32: expm1Of as Expansion } },
  log2: { arity: 1, takes: "float", cost: 4, repeat: "dearest", expand: { float32: log2Of as Expansion } },
  log10: { arity: 1, takes: "float", cost: 4, repeat: "dearest", expand: { float32: log10Of as Expansion } },
  exp2: { arity: 1, takes: "float", cost: 4, repeat: "dearest", expand: { float32: exp2Of as Expansion } },
  cbrt: { arity: 1, takes: "float", cost: 10, repeat: "dearest", expand: { float32: cbrtOf as Expansion } },
  tan: { arity: 1, takes: "float", cost: 6, repeat: "dearest", expand: { float32: tanOf as Expansion } },
  asin: { arity: 1, takes: "float", cost: 6, repeat: "dearest", expand: { float32: asinOf as Expansion } },
  acos: { arity: 1, takes: "float", cost: 6, repeat: "dearest", expand: { float32: acosOf as Expansion } },
  atan: { arity: 1, takes: "float", cost: 6, repeat: "dearest", expand: { float32: atanOf as Expansion } },
  sinh: { arity: 1, takes: "float", cost: 6, repeat: "dearest", expand: { float32: sinhOf as Expansion } },
  cosh: { arity: 1, takes: "float", cost: 6, repeat: "dearest", expand: { float32: coshOf as Expansion } },
  asinh: { arity: 1, takes: "float", cost: 12, repeat: "dearest", expand: { float32: asinhOf as Expansion } },
  acosh: { arity: 1, takes: "float", cost: 12, repeat: "dearest", expand: { float32: acoshOf as Expansion } },
  atanh: { arity: 1, takes: "float", cost: 12, repeat: "dearest", expand: { float32: atanhOf as Expansion } },
  lgamma: { arity: 1, takes: "float", cost: 40, repeat: "dearest", expand: { float32: lgammaOf as Expansion } },
  digamma: { arity: 1, takes: "float", cost: 40, repeat: "dearest", expand: { float32: digammaOf as Expansion } },
  atan2: { arity: 2, takes: "float", cost: 8, repeat: "dearest", expand: { float32: atan2Of as Expansion } },
  hypot: { arity: 2, takes: "float", cost: 6, repeat: "dearest", expand: { float32: hypotOf as Expansion } },
  sinFar: { arity: 1, takes: "float", cost: 30, repeat: "dearest", expand: { float32: sinFarOf as Expansion } },
  cosFar: { arity: 1, takes: "float", cost: 30, repeat: "dearest", expand: { float32: cosFarOf as Expansion } },
  modFar: { arity: 2, takes: "float", cost: 100, repeat: "dearest", expand: { float32: modFarOf as Expansion } },
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
  const kind = dtype === "bool" ? "bool" : dtype.startsWith("float") ? "float" : "whole";
  const taken: Readonly<Record<Operands, readonly string[]>> = {
    float: ["float"],
    whole: ["whole"],
    number: ["float", "whole"],
    bits: ["whole", "bool"],
    any: ["float", "whole", "bool"],
  };
  return taken[operationOf(name).takes].includes(kind);
}
