/**
 * Immutable lazy tensors, their primitives, transformations over trees of them, and the devices that compute them.
 *
 * ```ts
 * import { jit, matmul, mean, square, sub, type Tensor, tensor, valueAndGrad } from "@tessera/tessera/tensor";
 *
 * const loss = (w: Tensor, x: Tensor, y: Tensor) => mean(square(sub(matmul(x, w), y)));
 * const step = jit(valueAndGrad(loss));
 * const [value, gradient] = step(tensor([[0], [0]]), tensor([[1, 2], [3, 4]]), tensor([[1], [2]]));
 * await value.item(); // 2.5
 * gradient.shape; // [2, 1]
 * ```
 *
 * @module
 */
export * from "./spec.ts";
export * from "./errors.ts";
export type * from "./compiler/kernel.ts";
export type { ScalarOp } from "./compiler/operations.ts";
export type { Access, Bound, Scalar } from "./compiler/scalar.ts";
export type * from "./contraction/contraction.ts";
export type { ConvParams } from "./contraction/convolution.ts";
export type { MatmulParams } from "./contraction/matrix_product.ts";
export type { KernelMapConvParams } from "./contraction/table_product.ts";
export type * from "./compiler/kernel_forms.ts";
export * from "./compiler/profile.ts";
export type * from "./primitive.ts";
export { bind, bufferOf, leaf, type LeafSource, leafSource, realize, requireTensor, Tensor } from "./tensor.ts";
export { inputsIn } from "./order.ts";
export * from "./device.ts";
export {
  type IsTree,
  type LeafOf,
  type Mapped,
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
export { identity, stopGradient } from "./primitives/identity.ts";
export { cast } from "./primitives/cast.ts";
export * from "./primitives/arithmetic.ts";
export * from "./primitives/division.ts";
export * from "./primitives/transcendental.ts";
export * from "./primitives/error_function.ts";
export * from "./primitives/trigonometric.ts";
export * from "./primitives/rounding.ts";
export * from "./primitives/comparison.ts";
export * from "./primitives/logic.ts";
export { where } from "./primitives/where.ts";
export { promoteTypes, type TensorLike } from "./primitives/operands.ts";
export { reshape, transpose } from "./primitives/layout.ts";
export { broadcastTo, type ReduceOptions, sum } from "./primitives/sum.ts";
export { argmax, argmin, max, min } from "./primitives/extremum.ts";
export { pad, slice, type SliceOptions } from "./primitives/window.ts";
export { scatterAdd, take, takeAlongAxis, type TakeOptions } from "./primitives/gather.ts";
export type { Indices } from "./primitives/indices.ts";
export type { Nested } from "./host_values.ts";
export { argsort } from "./primitives/argsort.ts";
export { matmul } from "./primitives/matmul.ts";
export { kernelMapConv, type KernelMaps } from "./primitives/kernel_map.ts";
export * from "./functions/statistics.ts";
export * from "./functions/axes.ts";
export * from "./functions/conv.ts";
export type { Conv2dOptions, ConvOptions } from "./functions/conv_options.ts";
export * from "./functions/pool.ts";
export * from "./functions/window_map.ts";
export * from "./functions/first_not_finite.ts";
export * from "./functions/ring.ts";
export * from "./functions/to_device.ts";
export * as random from "./functions/random/mod.ts";
export { checkpoint } from "./transform/checkpoint.ts";
export { customVjp } from "./transform/custom_vjp.ts";
export { grad, type GradOptions, valueAndGrad } from "./transform/grad.ts";
export { jit, type JitOptions, type Jitted } from "./transform/jit.ts";
export { vjp } from "./transform/vjp.ts";
export type { Cotangent, Given, Gradient, GradientsAt, NotTraced, TracedAt, TracedBut } from "./transform/arguments.ts";
export { referenceDevice } from "./devices/reference/device.ts";
export { cpuDevice, type CpuOptions } from "./devices/cpu/cpu_device.ts";
export { webgpuDevice, type WebgpuOptions } from "./devices/webgpu/webgpu_device.ts";
export type { Backlog } from "./devices/webgpu/runtime/queue.ts";
export { adapterName, parseTuning, type TuningTable, tuningText } from "./devices/webgpu/tuning/table.ts";
export { tuneWebgpu, type TuningResult } from "./devices/webgpu/tuning/tune_webgpu.ts";
