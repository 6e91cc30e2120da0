/**
 * @file Which program comes next. While a first state is computed a command plans its step, for a second or more, and then the
 * step's kernels are compiled while nothing computes. Where an earlier process has kept what followed, that is done meanwhile.
 */
import { listsOf, type ProgramImage } from "../../../tensor/devices/cpu/image.ts";
import type { KernelStore, Modules } from "../../../tensor/devices/cpu/runtime/assemble.ts";

/** Kernels of a program that is worth to be looked ahead to: fewer are compiled in no time. */
const LEAST = 64;

/** The way to the process that compiles. */
interface Way {
  /** Lets it compile modules that may come, after the next run. */
  send(modules: Modules): void;
  /** Settles when all that was sent is written. */
  written(): Promise<unknown>;
}

/**
 * Watches what is loaded.
 *
 * @param kernels Where it is kept what came next.
 * @param way Where modules go.
 * @returns To be told of each program that was loaded.
 */
export function lookAhead(kernels: KernelStore | undefined, way: Way): (image: ProgramImage) => void {
  let before: Modules = [];
  return (image) => {
    const passes = listsOf(image).flatMap((list) => list.passes);
    const [last, program] = [before, [...new Set(passes.map(({ kernel }) => kernel.binary))]];
    before = program;
    const next = kernels?.next?.(program) ?? [];
    if (next.length > 0) way.send(next);
    if (last.length === 0 || program.length < LEAST) return;
    void way.written().then(() => kernels?.setNext?.(last, program)); // not before it is on its way
  };
}
