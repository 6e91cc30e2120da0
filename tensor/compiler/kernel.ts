/** @file What devices run: kernels as data. The compiler makes loops, primitives bring templates, devices turn both into text. */
import type { Contraction } from "../contraction/contraction.ts";
import type { Exchange } from "../primitive.ts";
import type { Shape, TensorSpec } from "../spec.ts";
import type { Graph } from "./graph.ts";
import type { KernelForm } from "./kernel_forms.ts";
import type { KernelTexts } from "./kernel_text.ts";
import type { Scalar } from "./scalar.ts";

/** A fused elementwise kernel: one loop over `shape`; output i holds `values[i]` at every index, row-major. */
export interface MapKernel {
  /** Tells kernels apart. */
  readonly kind: "map";
  /** Iteration axes, outermost first. */
  readonly shape: Shape;
  /** One expression per output. */
  readonly values: readonly Scalar[];
}

/** One of the results of a reduction. */
export interface Reduced {
  /** How two values become one. */
  readonly op: "sum" | "max" | "min";
  /** What is reduced, over the iteration axes `[...shape, ...reduceShape]`. */
  readonly value: Scalar;
}

/** What a reduction stores at every index on its way. */
export interface Store {
  /** What is stored, over the iteration axes `[...shape, ...reduceShape]`. */
  readonly value: Scalar;
  /** Elements to step in the output for each iteration axis: those of a dense tensor in any order of axes. */
  readonly strides: readonly number[];
}

/** A map over the results of a kernel, applied to each as it is written. */
export interface Epilogue {
  /** The map and what is kept, as text. */
  readonly key: string;
  /** The map. The first buffers of its loads are the results at hand, the others are the inputs from `reads` on. */
  readonly map: MapKernel;
  /** Inputs before those of the map: of the kernel, and of its prologues. */
  readonly reads: number;
  /** Positions of the results that are written too: they are the first outputs, before those of the map. */
  readonly keeps: readonly number[];
  /** Of a reduction, positions of inputs over which outputs of the map may be written. */
  readonly replaces?: readonly number[];
}

/**
 * Fused reductions side by side: for each index of `shape`, combines each result's value over all indices of `reduceShape`.
 * Outputs are the results, then what is stored; with an epilogue the results that it keeps, what its map makes, what is stored.
 */
export interface ReduceKernel {
  /** Tells kernels apart. */
  readonly kind: "reduce";
  /** Kept axes, outermost first. They come first among the iteration axes. */
  readonly shape: Shape;
  /** Reduced axes; they come last among the iteration axes. */
  readonly reduceShape: Shape;
  /** At least one. */
  readonly results: readonly Reduced[];
  /** Often none. */
  readonly stores: readonly Store[];
  /** What becomes of the results; only on devices whose limits offer it. */
  readonly epilogue?: Epilogue;
}

/** The expressions of a kernel that is not a template, without its epilogue. */
export function scalarsOf(kernel: MapKernel | ReduceKernel): readonly Scalar[] {
  if (kernel.kind === "map") return kernel.values;
  return [...kernel.results, ...kernel.stores].map(({ value }) => value);
}

/** A map that makes an operand of a template, applied to each element as it is read. */
export interface Prologue {
  /** The map. Buffer 0 of its loads takes the place of the operand among the inputs, the others come after all inputs so far. */
  readonly map: MapKernel;
  /** How many buffers it reads. */
  readonly sources: number;
  /** Position of the operand. */
  readonly operand: number;
  /** Inputs before the further ones of the map: of the template, and of prologues before this one. */
  readonly reads: number;
}

/** A kernel whose text a device or a primitive holds: who writes it is found by `textWriter`. */
export interface TextBody {
  /** Tells bodies apart. */
  readonly kind: "text";
  /** A kernel of the library; else the primitive brings texts. */
  readonly form?: KernelForm | undefined;
  /** Texts of its own, by name of the device. */
  readonly texts?: KernelTexts<never> | undefined;
  /** What it reads. */
  readonly inputs: readonly TensorSpec[];
  /** What it writes. */
  readonly output: TensorSpec;
  /** Settings of the primitive. */
  readonly params: object;
}

/** A program that runs again and again, as `Loop` says. */
export interface LoopBody {
  /** Tells bodies apart. */
  readonly kind: "loop";
  /** How many of the inputs are constants, which come first. */
  readonly constants: number;
  /** How many come next, and are carried on; the rest is read row by row. */
  readonly carries: number;
  /** How often the body runs. */
  readonly length: number;
  /** True to begin at the last row. */
  readonly reverse: boolean;
  /** Position of the input that tells when further runs change nothing. */
  readonly stops: number | undefined;
  /** Position among the results of the body of each output: of a carry its last value, of the others all rows. */
  readonly results: readonly number[];
  /** The body, before it is lowered. */
  readonly graph: Graph;
  /** The body, once it is lowered: each of its outputs is written by a step of it. */
  readonly schedule: ScheduledProgram | null;
}

/** An exchange with other processes, which the host makes between launches: output i is of input i. */
export interface ExchangeBody {
  /** Tells bodies apart. */
  readonly kind: "exchange";
  /** What is done, and by whom. */
  readonly exchange: Exchange;
}

/** A kernel that is no loop over expressions: what it computes, as data; devices turn it into text. */
export interface TemplateKernel {
  /** Tells kernels apart. */
  readonly kind: "template";
  /** Name of the primitive. */
  readonly name: string;
  /** Operation, settings and specs as text: templates of equal keys are equal. */
  readonly key: string;
  /** What it reads, then what it writes, in the shapes by which it was called: those of the values may differ. */
  readonly specs: readonly TensorSpec[];
  /** Floating point operations of one launch, a multiply-add being two; 0 if it is about moving values. */
  readonly flops: number;
  /** True if it writes each element of its one result once and does not read it, so that an epilogue can follow. */
  readonly finishes: boolean;
  /** Positions of operands that a prologue can make. */
  readonly computes: readonly number[];
  /** How operands come to be; only on devices whose limits offer it. */
  readonly prologues: readonly Prologue[];
  /** What becomes of the results; only on devices whose limits offer it. */
  readonly epilogue?: Epilogue;
  /** What it computes, without prologues and epilogue. */
  readonly body: Contraction | TextBody | LoopBody | ExchangeBody;
}

/**
 * The loop that a kernel is.
 *
 * @param kernel Any kernel, lowered.
 * @returns Its body with the schedule; `null` if it is none.
 */
export function loopOf(kernel: Kernel): (LoopBody & { readonly schedule: ScheduledProgram }) | null {
  if (kernel.kind !== "template" || kernel.body.kind !== "loop") return null;
  const { schedule } = kernel.body;
  if (schedule) return { ...kernel.body, schedule };
  throw new TypeError(`Cannot load ${kernel.name} as its body must be lowered: current schedule is null`);
}

/**
 * The exchange that a kernel is.
 *
 * @param kernel Any kernel.
 * @returns What is exchanged; `null` if it is none.
 */
export function exchangeOf(kernel: Kernel): Exchange | null {
  return kernel.kind === "template" && kernel.body.kind === "exchange" ? kernel.body.exchange : null;
}

/** Any kernel. */
export type Kernel = MapKernel | ReduceKernel | TemplateKernel;

/** One launch of a program: a kernel and the values it reads and writes, by number. */
export interface Step {
  /** What runs. */
  readonly kernel: Kernel;
  /** Numbers of the values read. */
  readonly inputs: readonly number[];
  /** Numbers of the values written. */
  readonly outputs: readonly number[];
  /** Neighbours of one turn depend on none of each other, and a device may run them in one launch; alone if left out. */
  readonly turn?: number;
}

/** How a value of a program comes to be. */
export interface Value extends TensorSpec {
  /** `input`: given at each run. `output` and `temporary` are written by steps. */
  readonly role: "input" | "output" | "temporary";
  /** True if a device keeps this float32 in memory as float16. */
  readonly half?: boolean;
}

/** The values of a program: what is given, what is handed out, and what takes whose place. */
export interface ProgramValues {
  /** Every value, by number. */
  readonly values: readonly Value[];
  /** Numbers of the input values, in call order. */
  readonly inputs: readonly number[];
  /** Numbers of the results, in order. A number may be that of an input. */
  readonly outputs: readonly number[];
  /** For each donated input that an output takes over: output value number → input value number. Shapes and dtypes agree and the output's step may run in place. */
  readonly aliases: ReadonlyMap<number, number>;
  /** Numbers of donated inputs that no output takes over: their memory is free after the run. */
  readonly spent: ReadonlySet<number>;
  /** What the narrow tensors are whose words are among the results, by number of the value. */
  readonly narrow?: ReadonlyMap<number, TensorSpec>;
}

/** A scheduled program: values by number, steps in order. What every compiling device takes. */
export interface ScheduledProgram extends ProgramValues {
  /** In the order of execution. */
  readonly steps: readonly Step[];
}
