/**
 * Sparse tensors of any shape in coordinates, with the names of `torch.sparse` and JAX's `BCOO`: construction with
 * duplicates, arithmetic, products, softmax, sums, rows. Each operation is what the dense one is of `toDense`; it works inside
 * `jit` too, where the number of entries, `nse`, is static and entries outside of the shape are padding.
 *
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { coo } from "@tessera/tessera/sparse";
 * import { grad, jit, square, sum, type Tensor, tensor } from "@tessera/tessera/tensor";
 *
 * const a = coo.cooTensor([[0, 1], [1, 0], [0, 1]], [2, 3, 4], [2, 2]); // [[0, 6], [3, 0]]
 * const x = tensor([[1, 0], [0, 1]]);
 * const f = jit((a: coo.CooTensor, x: Tensor) => coo.matmul(coo.coalesce(a), x));
 * deepStrictEqual(await f(a, x).data(), new Float32Array([0, 6, 3, 0]));
 * const loss = (values: Tensor) => sum(square(coo.matmul({ ...a, values }, x)));
 * deepStrictEqual(await grad(loss)(a.values).data(), new Float32Array([12, 6, 12]));
 * ```
 *
 * @module
 */
export { type CooForm, type CooTensor, cooTensor, mapValues, shapeOf } from "./coo_tensor.ts";
export { coalesce, compact } from "./coalesce.ts";
export { extract, fromDense, type FromDenseOptions, toDense } from "./dense.ts";
export { add, mul, sub } from "./combine.ts";
export { concat, slice, transpose } from "./structure.ts";
export { matmul, sddmm, type SparseMatmulOptions } from "./products.ts";
export { softmax, type SparseSumOptions, sum } from "./reduce.ts";
export { type CsrMatrix, type CsrParts, fromCsr, toCsr } from "./csr.ts";
export { fromVoxels, toVoxels } from "./voxels.ts";
export type { NseOption } from "./settle.ts";
