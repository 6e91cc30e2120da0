import { requireList, shown } from "./errors.ts";
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

/**
 * Refuses what is no list of tensors.
 *
 * @param operation What is refused, for the error.
 * @param argument Name of the argument, for the error.
 * @param xs What was given.
 * @throws {TypeError} If it is no list, or holds something else.
 *
 * @example Usage
 * ```ts
 * import { throws } from "node:assert/strict";
 * import { requireTensors } from "@tessera/tessera/tensor/kernel";
 *
 * throws(() => requireTensors("concat", "tensors", [1]), /Cannot concat as tensors\[0\] must be a tensor: .* is 1/);
 * ```
 */
export function requireTensors(operation: string, argument: string, xs: unknown): asserts xs is readonly Tensor[] {
  requireList(operation, argument, xs);
  (xs as readonly unknown[]).forEach((x, i) => requireTensor(operation, `${argument}[${i}]`, x));
}
