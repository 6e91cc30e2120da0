import { DTYPES, sizeOf, type TensorSpec } from "../spec.ts";
import { type Kernel, scalarsOf, type ScheduledProgram, type Step } from "./kernel.ts";
import type { Scalar } from "./scalar.ts";

/** One launch of a program, as it was timed. */
export interface LaunchTime {
  /** The kernel, with the numbers of what it reads and writes. */
  readonly step: Step;
  /** Specs of what it reads, then of what it writes. */
  readonly specs: readonly TensorSpec[];
  /** Which pass of the kernel. */
  readonly pass: number;
  /** When it began, in milliseconds on the clock of `performance.now()`. */
  readonly start: number;
  /** From its start to the moment at which the last thread was done. */
  readonly milliseconds: number;
}

/** Called after each launch of a device that is profiled. */
export type LaunchListener = (time: LaunchTime) => void;

/**
 * Names the launches of a program to a listener.
 *
 * @param schedule The program.
 * @param passes Passes of each of its kernels, as the device runs them.
 * @param onLaunch The listener.
 * @returns Told the position of a launch among all passes, when it began and how long it took.
 */
export function launchTeller(
  { steps, values }: ScheduledProgram,
  passes: readonly { readonly length: number }[],
  onLaunch: LaunchListener,
): (index: number, start: number, milliseconds: number) => void {
  const launches = steps.flatMap((step, i) => {
    const specs = [...step.inputs, ...step.outputs].map((value) => values[value]!);
    return Array.from({ length: passes[i]!.length }, (_, pass) => ({ step, specs, pass }));
  });
  return (index, start, milliseconds) => onLaunch({ ...launches[index]!, start, milliseconds });
}

/** What a kernel computes and moves. */
export interface Work {
  /** Floating point operations; a multiply-add is two. Contractions count padding and absent rows as the textbooks do. */
  readonly flops: number;
  /** Bytes of everything read and written, each once. */
  readonly bytes: number;
}

/**
 * Counts the work of one launch of a kernel.
 *
 * @param kernel Any kernel.
 * @param specs What it reads, then what it writes.
 * @returns Operations and bytes. A map or reduction counts one operation for each scalar operation on each element.
 */
export function workOf(kernel: Kernel, specs: readonly TensorSpec[]): Work {
  const bytes = specs.reduce((sum, { shape, dtype }) => sum + sizeOf(shape) * DTYPES[dtype].bytes, 0);
  if (kernel.kind === "template") return { flops: kernel.flops, bytes };
  const each = operations(scalarsOf(kernel));
  if (kernel.kind === "map") return { flops: sizeOf(kernel.shape) * each, bytes };
  const after = kernel.epilogue ? sizeOf(kernel.shape) * operations(kernel.epilogue.map.values) : 0;
  return { flops: sizeOf([...kernel.shape, ...kernel.reduceShape]) * (each + kernel.results.length) + after, bytes };
}

/** How many operations expressions hold; shared ones count once, as they are computed once. */
function operations(roots: readonly Scalar[]): number {
  const seen = new Set<Scalar>();
  const count = (x: Scalar): number => {
    if (seen.has(x)) return 0;
    seen.add(x);
    if (x.kind === "op") return x.args.reduce((sum, arg) => sum + count(arg), 1);
    if (x.kind === "guard") return count(x.value);
    return x.kind === "gather" ? count(x.index) : 0;
  };
  return roots.reduce((sum, root) => sum + count(root), 0);
}
