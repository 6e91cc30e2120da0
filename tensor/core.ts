/**
 * Everything of `tensor` but the cpu and the reference device: what a page that computes on WebGPU alone has to load. Where
 * a device is not named, the one that `setDefaultDevice` was given computes.
 *
 * ```ts no-assert
 * import { matmul, setDefaultDevice, tensor, webgpuDevice } from "@tessera/tessera/core";
 *
 * const start = async () => { // rejects where there is no adapter
 *   setDefaultDevice(await webgpuDevice());
 *   return await matmul(tensor([[1, 2]]), tensor([[3], [4]])).data(); // Float32Array [ 11 ]
 * };
 * ```
 *
 * @module
 */
export { type DType, DTYPES, type Shape, sizeOf, type TensorSpec, type TypedArray } from "./spec.ts";
export { DeviceError, ShapeError } from "./errors.ts";
export { Tensor } from "./tensor.ts";
export {
  defaultDevice,
  type Device,
  type DeviceCounters,
  type ExecutableStats,
  openDevice,
  setDefaultDevice,
} from "./device.ts";
export { Static } from "./static.ts";
export {
  type IsTree,
  type KnownLeafOf,
  type KnownMapped,
  type Leaf,
  type LeafOf,
  type Mapped,
  type StructureNode,
  type Tree,
  treeFlatten,
  treeLeaves,
  treeMap,
  type TreePath,
  treePaths,
  type TreeStructure,
  treeUnflatten,
} from "./tree.ts";
export * from "./functions/creation.ts";
export { checkpointName, identity, stopGradient } from "./primitives/identity.ts";
export { cast } from "./primitives/cast.ts";
export * from "./primitives/arithmetic.ts";
export * from "./primitives/division.ts";
export * from "./primitives/transcendental.ts";
export * from "./primitives/error_function.ts";
export * from "./primitives/trigonometric.ts";
export * from "./primitives/rounding.ts";
export * from "./primitives/scalars/angles.ts";
export * from "./primitives/scalars/floats.ts";
export * from "./primitives/scalars/gamma.ts";
export * from "./primitives/scalars/hyperbolic.ts";
export * from "./primitives/scalars/logarithms.ts";
export * from "./primitives/scalars/roots.ts";
export * from "./primitives/comparison.ts";
export * from "./primitives/logic.ts";
export { where } from "./primitives/where.ts";
export { promoteTypes, type TensorLike } from "./primitives/operands.ts";
export { reshape, transpose } from "./primitives/layout.ts";
export { broadcastTo, type ReduceOptions, sum } from "./primitives/sum.ts";
export { argmax, argmin, max, min } from "./primitives/extremum.ts";
export { pad, slice, type SliceOptions } from "./primitives/window.ts";
export { scatterAdd, take, takeAlongAxis, type TakeOptions } from "./primitives/gather.ts";
export { scatterMax, scatterMin, type ScatterOptions } from "./primitives/indexing/scatter_max.ts";
export { type At, at } from "./functions/indexing/at.ts";
export type { Index, IndexEntry, IndexRange } from "./functions/indexing/index_plan.ts";
export * from "./functions/indexing/host_only.ts";
export * from "./functions/indexing/segments.ts";
export type { Indices } from "./primitives/indices.ts";
export type { Nested } from "./host_values.ts";
export { argsort } from "./primitives/argsort.ts";
export { matmul } from "./primitives/matmul.ts";
export * from "./functions/statistics.ts";
export * from "./functions/axes.ts";
export { associativeScan, type AssociativeScanOptions } from "./functions/associative_scan.ts";
export * from "./functions/cumulative.ts";
export * from "./functions/diagonals.ts";
export * from "./functions/filled_like.ts";
export * from "./functions/grids.ts";
export * from "./functions/linspace.ts";
export * from "./functions/order/histogram.ts";
export * from "./functions/order/quantile.ts";
export * from "./functions/order/searchsorted.ts";
export * from "./functions/products/einsum.ts";
export type { PathStep } from "./functions/products/einsum_path.ts";
export * from "./functions/products/tensordot.ts";
export * from "./functions/reductions.ts";
export * from "./functions/matrices.ts";
export * from "./functions/pieces.ts";
export * from "./functions/softmax.ts";
export * from "./functions/sort.ts";
export * from "./functions/conv.ts";
export type { Conv2dOptions, ConvOptions } from "./functions/conv_options.ts";
export { avgPool2d, maxPool2d, type PoolOptions } from "./functions/pool.ts";
export * from "./functions/to_device.ts";
export * from "./functions/checks/all_close.ts";
export * from "./functions/checks/check_grads.ts";
export * from "./functions/checks/debug_nans.ts";
export * from "./functions/checks/evaluate.ts";
export * as fft from "./functions/fft/mod.ts";
export { resize, type ResizeOptions } from "./functions/images/resize.ts";
export { adaptiveAvgPool2d, adaptiveMaxPool2d } from "./functions/images/adaptive_pool.ts";
export * as linalg from "./functions/linalg/mod.ts";
export * as random from "./functions/random/mod.ts";
export { checkpoint, type CheckpointOptions } from "./transform/checkpoint.ts";
export { checkpointPolicies, type CheckpointPolicy, type CheckpointValue } from "./transform/checkpoint_policies.ts";
export { customJvp } from "./transform/custom_jvp.ts";
export { customVjp } from "./transform/custom_vjp.ts";
export { evalShape } from "./transform/eval_shape.ts";
export { hessian, jacfwd, type Jacobian, type JacobianOptions, jacrev } from "./transform/jacobian.ts";
export { cond, switchCase } from "./transform/loops/cond.ts";
export { foriLoop } from "./transform/loops/fori_loop.ts";
export { scan, type ScanOptions } from "./transform/loops/scan.ts";
export { whileLoop, type WhileLoopOptions } from "./transform/loops/while_loop.ts";
export { makeProgram, type TracedProgram } from "./transform/make_program.ts";
export { grad, type GradOptions, valueAndGrad } from "./transform/grad.ts";
export { jit, type JitOptions, type Jitted } from "./transform/jit.ts";
export { jvp, linearize, type Tangents } from "./transform/jvp.ts";
export { type Residual, type Residuals, savedResiduals } from "./transform/saved_residuals.ts";
export { vjp } from "./transform/vjp.ts";
export { type Axes, vmap, type VmapOptions } from "./transform/vmap.ts";
export type {
  Cotangent,
  Given,
  Gradient,
  GradientsAt,
  KeysOf,
  KnownCotangent,
  KnownGiven,
  KnownGradient,
  NotTraced,
  TracedAt,
  TracedBut,
} from "./transform/arguments.ts";
export { type Collective, CollectiveError, type Exchanged, type Pending } from "./collective.ts";
export { alone } from "./collectives/alone.ts";
export { allGather } from "./collectives/all_gather.ts";
export { allReduce, type AllReduceOptions } from "./collectives/all_reduce.ts";
export { joinThreads, threads, type ThreadSeat } from "./collectives/threads.ts";
export { webgpuDevice, type WebgpuOptions } from "./devices/webgpu/webgpu_device.ts";
