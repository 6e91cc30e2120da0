import { requireKind, requireOptions } from "../errors.ts";
import { add, mul } from "../primitives/arithmetic.ts";
import { cast } from "../primitives/cast.ts";
import { less } from "../primitives/comparison.ts";
import { constant, iota } from "../primitives/constant.ts";
import { where } from "../primitives/where.ts";
import { DTYPES } from "../spec.ts";
import type { Tensor } from "../tensor.ts";

/** Options of `linspace`. */
export interface LinspaceOptions {
  /** False to leave the end out. */
  readonly endpoint?: boolean;
  /** A floating one, float32 by default; float64 on the reference device. */
  readonly dtype?: "float32" | "float64" | "float16";
}

/**
 * Evenly spaced numbers.
 *
 * @param start The first.
 * @param stop The last, or the one after it without `endpoint`.
 * @param count How many; 50 by default, as in NumPy.
 * @param options Endpoint and dtype.
 * @returns Tensor `[count]`; both ends are exact.
 * @throws {RangeError} If ends are not finite, or the count is no whole number.
 * @throws {TypeError} If the dtype is not floating.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { linspace } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await linspace(0, 1, 5).data(), new Float32Array([0, 0.25, 0.5, 0.75, 1]));
 * ```
 */
export function linspace(
  start: number,
  stop: number,
  count: number = 50,
  options: LinspaceOptions = {},
): Tensor {
  requireOptions("linspace", options, { endpoint: true, dtype: true });
  const { endpoint = true, dtype = "float32" } = options;
  if (![start, stop].every(Number.isFinite) || !(Number.isInteger(count) && count >= 0)) {
    throw new RangeError(
      `Cannot space numbers as ends must be finite and the count whole: current ends are ${start}, ${stop}, count ${count}`,
    );
  }
  requireKind("linspace", "dtype", dtype, Boolean(DTYPES[dtype]?.floating), "a floating one");
  const { computed } = DTYPES[dtype];
  const gaps = endpoint ? count - 1 : count;
  const at = iota([count], 0);
  const spaced = add(mul(cast(at, computed), gaps > 0 ? (stop - start) / gaps : 0), start);
  return cast(endpoint && count > 1 ? where(less(at, count - 1), spaced, constant([], stop, computed)) : spaced, dtype);
}
