/**
 * A plain value that belongs to the form of a tree and not to its leaves, as the shape of a sparse tensor does: no
 * transformation traces, differentiates or maps it, and `jit` compiles anew where it differs. (A static field of a
 * registered node, in JAX's words.)
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual, equal } from "node:assert/strict";
 * import { jit, mul, Static, type Tensor, tensor, treeLeaves } from "@tessera/tessera/tensor";
 *
 * const scaled = { x: tensor([1, 2]), by: new Static(3) };
 * equal(treeLeaves(scaled).length, 1);
 * const f = jit(({ x, by }: { x: Tensor; by: Static<number> }) => mul(x, by.value));
 * deepStrictEqual(await f(scaled).data(), new Float32Array([3, 6]));
 * ```
 */
export class Static<Value = unknown> {
  /** Plain data: numbers, strings, arrays and records of them. Equal data is one form. */
  readonly value: Value;

  /**
   * Wraps a value.
   *
   * @param value Plain data.
   */
  constructor(value: Value) {
    this.value = value;
    Object.freeze(this);
  }
}
