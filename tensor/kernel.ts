/**
 * For those who write operations and kernels of their own, and for tools: primitives, lowerings, scalar expressions,
 * contractions, text of kernels, device memory, profiles and tuning. Nobody else needs it.
 *
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { grad, sum, type Tensor, tensor } from "@tessera/tessera/tensor";
 * import { bind, op, type Primitive } from "@tessera/tessera/tensor/kernel";
 *
 * const CUBE: Primitive = {
 *   name: "cube",
 *   shapeRule: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
 *   reference: ([x]) => x!.data.map((value) => value ** 3),
 *   vjpRule: (cotangent, { inputs: [x] }) => [x ? cotangent : null],
 *   lowering: { kind: "expression", expression: ([x]) => op("mul", op("mul", x!, x!), x!) },
 * };
 * deepStrictEqual(await bind(CUBE, [tensor([2, 3])], {}).data(), new Float32Array([8, 27])); // on every device
 * ```
 *
 * @module
 */
import "./mod.ts"; // brings the devices: what is made with this entry alone can be computed too
export * from "./spec.ts";
export { asFloating } from "./primitives/cast.ts";
export type { Expansion, Words } from "./compiler/expansions/words.ts";
export { inputsIn, type Node } from "./order.ts";
export { customKernel, type CustomKernelOptions, type ElementMemory } from "./functions/custom_kernel.ts";
export { CONV_OPTIONS } from "./functions/conv_options.ts";
export { type OptionNames, requireOptions, shown } from "./errors.ts";
export { textOf } from "./text_of.ts";
export { threefry } from "./functions/random/rounds.ts";
export type * from "./primitive.ts";
export { bind, bufferOf, leaf, leafSource, realize } from "./tensor.ts";
export { type LeafSource } from "./leaf_primitive.ts";
export { requireTensor } from "./require_tensor.ts";
export { type DeviceBuffer, type DeviceOpener, type Executable, type Program, registerDevice } from "./device.ts";
export type { Graph, GraphNode } from "./compiler/graph.ts";
export type * from "./compiler/kernel.ts";
export type * from "./compiler/kernel_text.ts";
export type * from "./compiler/kernel_forms.ts";
export type * from "./compiler/kernel_loops.ts";
export { type Operands, OPERATIONS, type ScalarOp, type ScalarOperation } from "./compiler/operations.ts";
export { type Access, type Bound, cast as castScalar, literal, op, type Scalar } from "./compiler/scalar.ts";
export type * from "./contraction/contraction.ts";
export type { ConvParams } from "./contraction/convolution.ts";
export type { MatmulParams } from "./contraction/matrix_product.ts";
export type { KernelMapConvParams } from "./contraction/table_product.ts";
export { type AxisSettings, type WindowAxis, windowCount } from "./contraction/window_axis.ts";
export * from "./compiler/profile.ts";
export * from "./primitives/detection/suppress.ts";
export { roiAlign, type RoiAlignOptions, type RoiPlaces } from "./primitives/detection/roi_align.ts";
export * from "./primitives/detection/mask_align.ts";
export { kernelMapConv, type KernelMaps } from "./primitives/kernel_map.ts";
export { convParams, onEach, requireWhole, type Sizes } from "./functions/conv_options.ts";
export { maxPoolByMap, sumPoolByMap } from "./functions/pool.ts";
export * from "./functions/window_map.ts";
export * from "./functions/first_not_finite.ts";
export * from "./functions/ring.ts";
export type { Backlog } from "./devices/webgpu/runtime/queue.ts";
export { adapterHere, adapterName, parseTuning, type TuningTable, tuningText } from "./devices/webgpu/tuning/table.ts";
export { tuneWebgpu, type TuningResult } from "./devices/webgpu/tuning/tune_webgpu.ts";
export { profile, type ProfileOptions, type ProgramProfile } from "./profiling/profile.ts";
export { tune, type TuneOptions } from "./profiling/tune.ts";
export type { HostSpan, TraceEvent } from "./profiling/chrome_trace.ts";
export type { MachineLimits } from "./profiling/machine_limits.ts";
export type { KernelTime } from "./profiling/profile_table.ts";
