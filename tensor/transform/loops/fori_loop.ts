import { requireFunction } from "../../errors.ts";
import { add } from "../../primitives/arithmetic.ts";
import { constant } from "../../primitives/constant.ts";
import type { Tensor } from "../../tensor.ts";
import type { Given } from "../arguments.ts";
import { scan } from "./scan.ts";

function requireBound(name: string, value: unknown): void {
  if (Number.isInteger(value) && Math.abs(value as number) <= 2 ** 31 - 1) return;
  throw new RangeError(
    `Cannot loop as ${name} must be a whole number that int32 holds: current ${name} is ${value}; it cannot depend on data`,
  );
}

/**
 * Runs a body once for each whole number from `lower` up to `upper`, which is left out, as JAX's `fori_loop`: traced once,
 * compiled once whatever the bounds differ by; differentiable, as `scan`.
 *
 * @param lower The first number.
 * @param upper The number after the last; what was given comes back if it is not above `lower`.
 * @param body From the number, an int32 scalar, and what is carried to what is carried on, of the same form.
 * @param init What is carried into the first run: a tree of tensors, numbers or `null`.
 * @returns What the last run carried on.
 * @throws {RangeError} If a bound is no whole number.
 * @throws {TypeError} If what is carried changes its form, naming the leaf.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { foriLoop, mul, type Tensor } from "@tessera/tessera/tensor";
 *
 * equal(await foriLoop(1, 6, (i, product: Tensor) => mul(product, i), 1).item(), 120);
 * ```
 */
export function foriLoop<Carry>(
  lower: number,
  upper: number,
  body: (i: Tensor, carry: Carry) => Carry,
  init: Given<NoInfer<Carry>>,
): Carry {
  requireBound("lower", lower);
  requireBound("upper", upper);
  requireFunction("foriLoop", "body", body);
  type Counted = readonly [Tensor, Carry];
  const step = ([i, carry]: Counted) => [[add(i, 1), body(i, carry)] as Counted, null] as const;
  const first = [constant([], lower, "int32"), init] as unknown as Given<NoInfer<Counted>>;
  const [[, last]] = scan(step, first, null, { length: Math.max(0, upper - lower) });
  return last;
}
