/** @file One operation is one record; a tensor is a record applied to inputs. Nothing is computed here. */
import type { KernelTexts } from "./compiler/kernel_text.ts";
import type { KernelForm } from "./compiler/kernel_forms.ts";
import type { MatrixLoops } from "./compiler/kernel_loops.ts";
import type { Scalar } from "./compiler/scalar.ts";
import type { Contraction } from "./contraction/contraction.ts";
import type { Collective } from "./collective.ts";
import type { Program } from "./device.ts";
import type { DenseArray, Shape, TensorSpec } from "./spec.ts";
import type { Tensor } from "./tensor.ts";

/**
 * Compile-time settings of one application, such as an axis. Plain data (numbers, strings, arrays, records): equal settings
 * make equal nodes one. A function or an object of a class among them is equal to itself only.
 */
export type Params = object;

/** How an output index becomes an input index. Views cost nothing: consumers read through them. */
export type ViewMove =
  /** Same elements, other sizes. */
  | { readonly move: "reshape"; readonly shape: Shape }
  /** Axis `i` of the result is axis `permutation[i]` of the input. */
  | { readonly move: "transpose"; readonly permutation: readonly number[] }
  /** Sizes of 1 repeat; leading axes are added. */
  | { readonly move: "broadcast"; readonly shape: Shape }
  /** Element `start + step·i` for `i` in `[0, size)` on each axis; a negative step walks backwards. */
  | {
    readonly move: "slice";
    readonly start: readonly number[];
    readonly size: Shape;
    readonly step: readonly number[];
  }
  /** `before` and `after` elements of `value` around each axis. */
  | {
    readonly move: "pad";
    readonly before: readonly number[];
    readonly after: readonly number[];
    readonly value: number;
  };

/** What all kernels may say. */
export interface AnyKernelLowering<P> {
  /** Tells lowerings apart. */
  readonly kind: "kernel";
  /** How many of the first inputs are read, all by default; further ones matter to gradients only. */
  readonly reads?: number;
  /** Floating point operations by the definition, a multiply-add being two; 0 by default. Benchmarks count with it. */
  flops?(inputs: readonly TensorSpec[], output: TensorSpec, params: P): number;
  /**
   * True if a map can finish the output on `webgpu`, false by default: the WGSL text stores each of its float32 elements
   * once, with the index in u32, and loads none.
   */
  readonly finishes?: boolean;
  /**
   * Positions of the inputs that a map can make on `webgpu`, none by default: the WGSL text loads them with the index in
   * u32, and not tap by tap, as the map is computed anew wherever an element is read.
   */
  computes?(params: P, inputs: readonly TensorSpec[]): readonly number[];
}

/**
 * A kernel of the library; or whose texts the record brings, of which those of one device are enough to compute there; or
 * loops over matrices, for which `matrixLoops` brings what turns them into the text of a device.
 */
export type KernelLowering<P> =
  & AnyKernelLowering<P>
  & (
    | { readonly form: KernelForm<P>; readonly texts?: never; readonly loops?: never }
    | { readonly texts: KernelTexts<P>; readonly form?: never; readonly loops?: never }
    | { readonly loops: MatrixLoops<P>; readonly form?: never; readonly texts?: never }
  );

/**
 * A program that runs again and again. What goes from one run to the next, and what is read or written row by row, are vectors
 * whose lengths are multiples of 64, so that each row begins where a device can bind it.
 */
export interface Loop {
  /**
   * The body. Inputs: constants, which are tensors from outside; then carries; then a row of each operand that is read by rows.
   * Outputs: the next carries, then a row of each result that is written by rows.
   */
  readonly program: Program;
  /** How many of its inputs are constants. */
  readonly constants: number;
  /** How many are carried on. */
  readonly carries: number;
  /** How often it runs; at least once. Infinite where only `stops` tells. */
  readonly length: number;
  /** True to begin at the last row. */
  readonly reverse: boolean;
  /**
   * Position of an int32 input, a constant or what is carried: once all of its elements are 0, further runs change nothing that
   * is carried, and write rows of zeros. Devices whose host can read it leave these runs out.
   */
  readonly stops?: number | undefined;
}

/** What processes do together with operands that all of them have. */
export interface Exchange {
  /** `sum`: each operand becomes its sum over all; `gather`: the one operand becomes those of all, one after the other. */
  readonly kind: "sum" | "gather";
  /** The processes. */
  readonly collective: Collective;
  /**
   * Bytes after which the operands of a sum, in the order in which they are made, are cut into parts: of the first part and of
   * the others. Each part is exchanged while what comes after it is computed. One part if not given.
   */
  readonly buckets?: readonly [first: number, others: number];
}

/** How a primitive becomes device code. */
export type Lowering<P> =
  /** One expression per output element from the input elements at the same index; fused with its neighbours. All inputs have the output's shape. */
  | { readonly kind: "expression"; expression(args: readonly Scalar[], params: P, output: TensorSpec): Scalar }
  /** The position of each element along one axis, int32. */
  | { readonly kind: "iota"; axis(params: P): number }
  /** Input 0 seen through a view; further inputs, if any, matter to gradients only. */
  | {
    readonly kind: "view";
    /** True if equal views are not one common subexpression, nor an identity nothing: what is built on it is computed again. */
    readonly opaque?: true;
    view(params: P, output: TensorSpec): ViewMove;
  }
  /** Combines input 0 over axes (sorted, dropped from the shape); fused with its producers. */
  | { readonly kind: "reduction"; readonly op: "sum" | "max" | "min"; axes(params: P): readonly number[] }
  /**
   * Reads input 0 along one axis at positions input 1 (int32) tells; outside `[0, size)` reads `fill`.
   * `along: false`: take, output `[...x.shape[:axis], ...indices.shape, ...x.shape[axis+1:]]`;
   * `along: true`: takeAlongAxis, output has the shape of the indices, which agree with x off the axis.
   */
  | { readonly kind: "gather"; axis(params: P): number; along(params: P): boolean; fill(params: P): number }
  /** A product, a convolution, or one of their gradients, as data. It reads the first inputs; further ones matter to gradients only. */
  | {
    readonly kind: "contraction";
    contraction(params: P, inputs: readonly TensorSpec[], output: TensorSpec): Contraction;
  }
  /** Text for a device, of its own or brought along. */
  | KernelLowering<P>
  /** One of the results of a loop; those of one loop on the same operands are computed together. */
  | { readonly kind: "program"; loop(params: P): Loop; result(params: P): number }
  /** One of the results of an exchange; those of one exchange of the same operands are exchanged together. */
  | { readonly kind: "collective"; exchange(params: P): Exchange; result(params: P): number }
  /** A value that is there before the program runs: host data, a device buffer or a placeholder. */
  | { readonly kind: "leaf" };

/** Operands of one operation on a batch of examples. */
export interface Batch {
  /** Operands: what is mapped has the batch as its axis 0, the others are the same for all examples. */
  readonly inputs: readonly Tensor[];
  /** Which of them are mapped: at least one. */
  readonly mapped: readonly boolean[];
  /** How many examples. */
  readonly size: number;
}

/** Rules of an operation with several results. */
export interface GroupRules<P extends Params> {
  /** All results of the application that has these settings, in order. They were made one right after the other. */
  members(params: P): readonly Tensor[];
  /** Cotangent of each input from those of the results, `null` for zero. */
  vjpRule(cotangents: readonly (Tensor | null)[], members: readonly Tensor[], params: P): readonly (Tensor | null)[];
  /** The results on a batch, along a new axis 0. */
  batchRule(batch: Batch, params: P): readonly Tensor[];
}

/** Everything the library knows about one operation. */
export interface Primitive<P extends Params = Params> {
  /** Field-standard name, used in errors and kernel labels. */
  readonly name: string;
  /** Spec of the output; throws if the inputs do not fit. The only place shapes are checked. */
  shapeRule(inputs: readonly TensorSpec[], params: P): TensorSpec;
  /** Slow, obviously correct implementation in float64 that every lowering is tested against. */
  reference(inputs: readonly DenseArray[], params: P, output: TensorSpec): Float64Array;
  /** Cotangent of each input, or `null` where it is zero by definition. */
  vjpRule(cotangent: Tensor, output: Tensor, params: P): readonly (Tensor | null)[];
  /**
   * The operation on a batch, for `vmap`: a tensor `[size, ...output.shape]`, or `null` where the operands at hand have no
   * better way than one after the other. Expressions, views, reductions and gathers need none, as their lowering tells it; of
   * contractions and kernels that have none each example is computed by itself.
   */
  batchRule?(batch: Batch, params: P, output: TensorSpec): Tensor | null;
  /** Rules of results that come in groups, such as those of a loop: in place of `vjpRule` and `batchRule`. */
  readonly group?: GroupRules<P>;
  /** Device form. */
  readonly lowering: Lowering<P>;
}
