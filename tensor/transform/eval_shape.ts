import { requireFunction } from "../errors.ts";
import type { TensorSpec } from "../spec.ts";
import { Tensor } from "../tensor.ts";
import { type Mapped, treeUnflatten } from "../tree.ts";
import { traceOf } from "./trace.ts";

/**
 * Tells shapes and dtypes of what a function would return; nothing is computed, and no memory taken. As JAX's `eval_shape`.
 *
 * @param f A function of trees of tensors.
 * @param args Its arguments, which are not read: `zeros(shape)` of any size costs nothing here.
 * @returns A tree like the result, with `{ shape, dtype }` for each tensor; other leaves stay as they are.
 * @throws {TypeError} If arguments or results hold something else than tensors and plain values.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { evalShape, matmul, zeros } from "@tessera/tessera/tensor";
 *
 * const spec = evalShape(matmul, zeros([70000, 20000]), zeros([20000, 3]));
 * deepStrictEqual(spec, { shape: [70000, 3], dtype: "float32" });
 * ```
 */
export function evalShape<Args extends readonly unknown[], R>(
  f: (...args: Args) => R,
  ...args: Args
): Mapped<R, TensorSpec> {
  requireFunction("evalShape", "f", f);
  const { leaves, structure } = traceOf("evalShape", f, args);
  const specs = leaves.map(({ value }) => value instanceof Tensor ? { shape: value.shape, dtype: value.dtype } : value);
  return treeUnflatten(structure, specs) as Mapped<R, TensorSpec>;
}
