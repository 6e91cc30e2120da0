import { cast as castScalar } from "../compiler/scalar.ts";
import type { Primitive } from "../primitive.ts";
import { shown } from "../errors.ts";
import { type DType, DTYPES, holds, requireDType } from "../spec.ts";
import { bind, type Tensor } from "../tensor.ts";
import { requireTensor } from "../require_tensor.ts";

/** Rounds a float64 to what a dtype can hold. float32 stays unrounded: the reference is exact. */
export function wrap(value: number, dtype: DType): number {
  return dtype === "float32" ? value : DTYPES[dtype].round(value);
}

/** The element nearest to a number that stands for what is not there: beyond the range of whole numbers the end, NaN 0. */
export function elementFor(value: number, dtype: DType): number {
  const { kind, limits: [least, largest] } = DTYPES[dtype];
  if (kind === "float") return wrap(value, dtype);
  return wrap(Math.min(Math.max(value, least), largest), dtype);
}

/** What is to stand where there is nothing: an element, or what is infinite or no number, for which the nearest one stands. */
export function fillOf(operation: string, argument: string, value: number, dtype: DType): number {
  if (typeof value === "number" && (!Number.isFinite(value) || holds(dtype, value))) return elementFor(value, dtype);
  throw new RangeError(
    `Cannot ${operation} as ${argument} must be a number of ${dtype}, NaN or infinite: current ${argument} is ${
      shown(value)
    }`,
  );
}

/** From float to integer: towards zero, beyond the range the nearest end, NaN 0, as WebAssembly does; else `wrap`. */
function convert(value: number, from: DType, to: DType): number {
  const { kind, limits: [least, largest] } = DTYPES[to];
  const stops = DTYPES[from].floating && kind === "whole";
  return wrap(stops ? Math.min(Math.max(value, least), largest) : value, to);
}

const CAST: Primitive<{ readonly dtype: DType }> = {
  name: "cast",
  shapeRule: ([x], { dtype }) => ({ shape: x!.shape, dtype }),
  reference: ([x], { dtype }) => x!.data.map((value) => convert(value, x!.dtype, dtype)),
  vjpRule: (cotangent, { inputs: [x] }) => [DTYPES[x!.dtype].floating ? cast(cotangent, x!.dtype) : null],
  lowering: { kind: "expression", expression: ([x], { dtype }) => castScalar(x!, dtype) },
};

/**
 * Converts elements to another dtype.
 *
 * @param x Any tensor.
 * @param dtype Float to integer rounds towards zero and stops at the ends of the range, NaN becomes 0; between
 * integers the lowest bits stay; float16 is rounded, infinite from 65520 on; anything to bool is `x != 0`.
 * @returns Tensor of the dtype; `x` itself if it has it.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { cast, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await cast(tensor([1.7, -1.7]), "int32").data(), new Int32Array([1, -1]));
 * ```
 */
export function cast(x: Tensor, dtype: DType): Tensor {
  requireTensor("cast", "x", x);
  requireDType("cast", dtype);
  return x.dtype === dtype ? x : bind(CAST, [x], { dtype });
}

/**
 * Numbers of any dtype as floating ones: integers and bools as float32.
 *
 * @param x Any tensor.
 * @returns `x` itself if it is floating.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { tensor } from "@tessera/tessera/tensor";
 * import { asFloating } from "@tessera/tessera/tensor/kernel";
 *
 * equal(asFloating(tensor([true])).dtype, "float32");
 * ```
 */
export function asFloating(x: Tensor): Tensor {
  return DTYPES[x.dtype].floating ? x : cast(x, "float32");
}

/** The terms of a sum or product over an axis, in the dtype of the result: bools are counted. */
export function asTerms(x: Tensor): Tensor {
  return cast(x, DTYPES[x.dtype].sums);
}

/** A function of many elements, computed in the dtype of 32 bits and rounded once: sums of float16 overflow early. */
export function inWider(x: Tensor, f: (wide: Tensor) => Tensor): Tensor {
  return cast(f(cast(x, DTYPES[x.dtype].computed)), x.dtype);
}
