/** @file Kernels of steps: written and assembled, or as an earlier process has kept them. */
import type { Kernel as AnyKernel, ScheduledProgram, Step } from "../../compiler/kernel.ts";
import { kernelKey } from "../../compiler/kernel_key.ts";
import type { WatKernel, WatOptions } from "../../compiler/kernel_text.ts";
import type { TensorSpec } from "../../spec.ts";
import { NUMBERED, textOf } from "../../text_of.ts";
import { emitMapWat } from "./emit/map.ts";
import { emitReduceWat } from "./emit/reduce.ts";
import { templateWat } from "./kernels/template.ts";
import { assemble, type AssembleOptions, type Kernel, kernelOf } from "./runtime/assemble.ts";

/** One pass of a step. */
export interface StepPass {
  readonly items: number;
  /** Rough cost of one of them in nanoseconds. */
  readonly itemCost: number;
  /** What runs it, assembled at the first call. */
  readonly kernel: () => Kernel;
}

/** What a step runs, and the memory that this takes, as of `WatKernel`. */
export interface StepKernel extends Pick<WatKernel, "scratchBytes" | "localBytes"> {
  readonly passes: readonly StepPass[];
}

/** Kernels of a program by their content; equal ones, of which a deep network has many, are one. */
export type StepKernels = Map<string, StepKernel>;

/** A function that computes its value at the first call. */
export function once<T>(compute: () => T): () => T {
  const made: { value?: T } = {};
  return () => made.value ??= compute();
}

/**
 * Makes the kernels of a program's steps.
 *
 * @param schedule The program.
 * @param options Choices of the device, and how kernels are assembled.
 * @param known Those that were made for another form of the program, to which others are added.
 * @returns The kernel of a step.
 */
export function kernelsOf(
  { values }: ScheduledProgram,
  options: WatOptions & AssembleOptions,
  known: StepKernels,
): (step: Step) => StepKernel {
  return ({ kernel, inputs, outputs }) => {
    const specs = (list: readonly number[]): readonly TensorSpec[] => list.map((value) => values[value]!);
    const [read, written] = [specs(inputs), specs(outputs)];
    const key = `${kernelKey(kernel)}<${read.map(nameOf).join(";")}>${written.map(nameOf).join(";")}`;
    const made = known.get(key) ?? stepKernel(options.store ? contentOf(kernel, key, options) : null, () => {
      if (kernel.kind === "template") return templateWat(kernel, options);
      return kernel.kind === "map" ? emitMapWat(kernel, read, written) : emitReduceWat(kernel, read);
    }, options);
    known.set(key, made);
    return made;
  };
}

const nameOf = ({ dtype, shape }: TensorSpec) => `${dtype}${shape}`;

/**
 * All that the modules of a kernel follow from but the source of this library, as text that is the same in each process; null of
 * those that are not plain data, which are few.
 */
function contentOf(kernel: AnyKernel, key: string, { winograd, tiles, relaxed }: WatOptions & AssembleOptions) {
  if (kernel.kind !== "template") return `${relaxed} ${key}`;
  const body = kernel.body.kind === "contraction" ? textOf(kernel.body) : NUMBERED;
  return body.includes(NUMBERED) ? null : `${relaxed} ${winograd} ${tiles()} ${body}`;
}

/** A kernel as it is kept, but for its modules, which are those of its passes. */
interface KeptKernel extends Pick<StepKernel, "scratchBytes" | "localBytes"> {
  readonly passes: readonly Pick<StepPass, "items" | "itemCost">[];
}

/** What was kept of a kernel, or else what is written. */
function stepKernel(content: string | null, write: () => WatKernel, options: AssembleOptions): StepKernel {
  const kept = content === null ? undefined : options.store?.find?.(content);
  if (kept) {
    const { passes, ...memory } = kept.data as KeptKernel;
    return {
      ...memory,
      passes: passes.map((pass, i) => ({ ...pass, kernel: once(() => kernelOf(kept.modules[i]!)) })),
    };
  }
  const { passes, ...memory } = write();
  const sizes = passes.map(({ items, itemCost }) => ({ items, itemCost }));
  const assembled = once(() => {
    const kernels = passes.map(({ code }) => assemble(code, options));
    const data: KeptKernel = { ...memory, passes: sizes };
    if (content !== null) options.store?.keep?.(content, { modules: kernels.map(({ binary }) => binary), data });
    return kernels;
  });
  return { ...memory, passes: sizes.map((pass, i) => ({ ...pass, kernel: () => assembled()[i]! })) };
}
