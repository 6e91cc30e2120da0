import { shown } from "./errors.ts";
import { Tensor } from "./tensor.ts";

/**
 * Checks an argument that must be a tensor.
 *
 * @param operation What is refused otherwise, for the error.
 * @param argument Name of the argument, for the error.
 * @param x What was given.
 * @throws {TypeError} If it is no tensor, saying what it is.
 *
 * @example Usage
 * ```ts
 * import { throws } from "node:assert/strict";
 * import { requireTensor } from "@tessera/tessera/tensor/kernel";
 *
 * throws(() => requireTensor("sum", "x", [1, 2]), /current x is an array of length 2; make one with tensor/);
 * ```
 */
export function requireTensor(operation: string, argument: string, x: unknown): asserts x is Tensor {
  if (x instanceof Tensor) return;
  const hint = typeof x === "number" || Array.isArray(x) || ArrayBuffer.isView(x) ? "; make one with tensor(…)" : "";
  throw new TypeError(`Cannot ${operation} as ${argument} must be a tensor: current ${argument} is ${shown(x)}${hint}`);
}
