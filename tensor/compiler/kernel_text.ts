/** @file Kernels as text for each device: what a primitive, or a user, writes. */
import type { OuterContraction, RowsContraction, RowsProduct } from "../contraction/contraction.ts";
import type { TileKind } from "../contraction/tile.ts";
import type { TensorSpec } from "../spec.ts";

/** Choices of a cpu device that its kernels follow. */
export interface WatOptions {
  /** False to compute every convolution by its definition, without Winograd's method. */
  readonly winograd: boolean;
  /** How many sums products keep in registers: asked for products alone, as finding out takes time. */
  readonly tiles: () => TileKind;
  /** True to refuse texts of others: nothing checks the addresses that they use. */
  readonly ownKernels?: boolean;
}

/**
 * One pass of a cpu kernel. `code` is the inside of a WAT module (no memory import: the device adds
 * `(import "env" "memory" (memory 1 65536 shared))`) that exports `run` with i32 parameters
 * `inputs… outputs… scratch local begin end`: byte addresses, then the range of work items to do.
 * Items are independent of each other and the result must not depend on how they are split into ranges.
 */
export interface WatPass {
  /** The text. */
  readonly code: string;
  /** How many work items there are. */
  readonly items: number;
  /** Rough cost of one item in nanoseconds, to choose how many threads to wake. */
  readonly itemCost: number;
}

/** A cpu kernel: passes with a barrier between them. Addresses are 16-byte aligned. */
export interface WatKernel {
  /** In order. */
  readonly passes: readonly WatPass[];
  /** Bytes of scratch shared by all passes and threads. */
  readonly scratchBytes: number;
  /** Bytes of scratch private to each thread. */
  readonly localBytes: number;
}

/** What WGSL templates may rely on. */
export interface WgslLimits {
  /** Invocations of a group. */
  readonly maxInvocations: number;
  /** Bytes of memory that a group shares. */
  readonly maxWorkgroupBytes: number;
  /** Buffers of one pass. */
  readonly maxStorageBuffers: number;
  /** Bytes of one binding; what every device allows if left out. */
  readonly maxBindingBytes?: number;
  /** True to compute convolutions by Winograd's method where that is faster. */
  readonly winograd?: boolean;
  /** True if a processor stands in for the GPU. */
  readonly software?: boolean;
  /** Vendor as the adapter tells it: a name in lower case or a PCI number. */
  readonly vendor?: string;
  /** Set if invocations of a group can read each other's registers, as a trial has shown. */
  readonly subgroup?: WgslSubgroup;
  /** Tiles to use instead of the chosen ones, by class of shape: what tuning found, or a pin. */
  readonly tiles?: Readonly<Record<string, TileVariant>>;
}

/** Invocations that run together: those of a group in runs of `size` by their local index. */
export interface WgslSubgroup {
  /** How many. */
  readonly size: number;
  /** Directives that a shader that uses them begins with; may be empty. */
  readonly enable: string;
}

/**
 * How a contraction is cut, or windows of single channels: what one invocation holds, how a group is laid out, and how its
 * invocations share. What does not fit a device or a shape is passed over.
 */
export interface TileVariant {
  /**
   * `registers`: each invocation loads what it needs; `workgroup`: a group shares blocks in its memory; `subgroup`:
   * invocations that run together hand each other the factor that they have in common.
   */
  readonly kind: "registers" | "workgroup" | "subgroup";
  /** Rows of the result that an invocation holds: of a shared contraction a multiple of four, and in a subgroup of `across`. */
  readonly rows: number;
  /** Columns of the result that an invocation holds: of a contraction a multiple of four. */
  readonly columns: number;
  /** Invocations of a group side by side along the columns: of a contraction a power of two. */
  readonly across: number;
  /** Invocations of a group along the rows: of a contraction a power of two. */
  readonly down: number;
  /** Depth of a block in workgroup memory: of a contraction a multiple of four, of windows how many loads of channels. */
  readonly depth: number;
}

/** A buffer of a pass of a webgpu kernel. */
export interface WgslBuffer {
  /** Name in the text. */
  readonly name: string;
  /** Type of its elements as the text computes with them; in memory they may be narrower. */
  readonly type: "f32" | "i32" | "u32" | "vec4f" | "atomic<u32>";
  /** Position in `[...inputs, ...outputs, scratch]`. */
  readonly buffer: number;
}

/**
 * How a pass reads and writes its buffers: it asks for the text of each access and writes none itself, so that a map may be
 * computed where an operand is read or a result written, and memory may hold float16.
 */
export interface WgslMemory {
  /** Expression of an element, of the type of its buffer; the index is an i32 or u32 expression. */
  load(name: string, index: string): string;
  /** Statement that writes an element. */
  store(name: string, index: string, value: string): string;
  /** The element as such, for atomic functions: of buffers that nothing joins. */
  place(name: string, index: string): string;
}

/** What a pass is made of beside its buffers. */
export interface WgslText {
  /** Texts at module scope: functions, constants, memory of a group. Equal ones are written once. */
  readonly functions?: readonly string[];
  /**
   * Statements of one invocation. It knows `group`, `groups` (vec3u) and `local` (u32): groups above 65,535 are split over x
   * and y, so that the linear number of a group is `group.x + group.y * groups.x`; those at or past `workgroups` must do
   * nothing.
   */
  readonly body: string;
}

/** One pass of a webgpu kernel: a shader that is written once it is known how its buffers lie in memory. */
export interface WgslPass {
  /** What is bound, in the order of the bindings; every name and every position once. */
  readonly buffers: readonly WgslBuffer[];
  /** How many groups run. */
  readonly workgroups: number;
  /** Invocations of a group. */
  readonly workgroupSize: number;
  /** Directives at the top. */
  readonly enable?: string;
  /** Writes the text. */
  readonly write: (memory: WgslMemory) => WgslText;
}

/** A webgpu kernel: passes that see each other's writes. */
export interface WgslKernel {
  /** In order. */
  readonly passes: readonly WgslPass[];
  /** Bytes of scratch shared by all passes. */
  readonly scratchBytes: number;
}

/**
 * Faster ways to compute convolutions on a GPU, each `null` where it has none. An entry brings them, as they are much text
 * that small pages do without.
 */
export interface ConvolutionTexts {
  /** All products of rows at once. */
  rows(contraction: RowsContraction, limits: WgslLimits): WgslKernel | null;
  /** One of them. */
  phase(contraction: RowsContraction, phase: RowsProduct, limits: WgslLimits): WgslPass | null;
  /** The sum of outer products. */
  outer(contraction: OuterContraction, limits: WgslLimits): WgslKernel | null;
}

/** Writes the text of a kernel for the cpu. */
export type WatWriter<P> = (
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  params: P,
  options: WatOptions,
) => WatKernel;

/** Writes the text of a kernel for a GPU. */
export type WgslWriter<P> = (
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  params: P,
  limits: WgslLimits,
) => WgslKernel;

/** Texts of a kernel by the name of the device; one is enough to compute there. */
export interface KernelTexts<P> {
  /** For the cpu. */
  readonly cpu?: WatWriter<P>;
  /** For a GPU. */
  readonly webgpu?: WgslWriter<P>;
  /** For a device that was registered from outside. */
  readonly [device: string]:
    | ((inputs: readonly TensorSpec[], output: TensorSpec, params: P, options: never) => unknown)
    | undefined;
}
