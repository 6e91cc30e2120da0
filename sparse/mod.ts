/**
 * Explicit sparse tensors: hybrid COO with dense blocks, of which voxel COO is the case of blocks of one pixel, on grids of
 * 1, 2 or 3 axes: lines, images, volumes. What an
 * operation computes is what the dense one computes of `toDense(x)`, at the sites of the output pattern; each active
 * site is gathered, nothing is scattered, and results are the same to the bit at every run.
 *
 * Coordinates are values, and not differentiable; gradients flow to values and weights.
 *
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { conv2d, gather, patternFromMask, toDense } from "@tessera/tessera/sparse";
 * import { ones } from "@tessera/tessera/tensor";
 *
 * const pattern = patternFromMask([[[1, 0], [0, 1]]]); // 2 of 4 cells of one image
 * const x = gather(ones([1, 8, 8, 3]), pattern); // blocks [2, 4, 4, 3]
 * const y = conv2d(x, ones([3, 3, 3, 16]), { stride: 2, padding: 1 }); // blocks [2, 2, 2, 16]
 * deepStrictEqual(toDense(y).shape, [1, 4, 4, 16]);
 * ```
 *
 * @module
 */
export {
  type Coordinates,
  fullPattern,
  type GridShape,
  type HostMask,
  patternFromIndices,
  patternFromMask,
  samePattern,
  type SparsePattern,
} from "./pattern.ts";
export { concretePattern } from "./concrete.ts";
export { lookupTable, neighbourTable } from "./lookup.ts";
export { type KernelMap, kernelMap, type KernelMapOptions } from "./kernel_map.ts";
export type { WindowOptions } from "./conv_window.ts";
export { type Coverage, coverageOf } from "./coverage.ts";
export type { OutputPattern } from "./output_pattern.ts";
export { mapValues, shapeOf, type SparseTensor, sparseTensor } from "./sparse_tensor.ts";
export { coalesce, type CoalesceOptions } from "./coalesce.ts";
export { gather, toDense } from "./gather.ts";
export { add, mul } from "./combine.ts";
export { conv, conv2d, type SparseConvOptions } from "./conv.ts";
export {
  avgPool,
  avgPool2d,
  maxPool,
  maxPool2d,
  type SparseAvgPoolOptions,
  type SparseMaxPoolOptions,
  type SparsePoolOptions,
} from "./pool.ts";
export { toBlocks, toVoxels } from "./views.ts";
export * as coo from "./coo/mod.ts";
