/**
 * @file Which program comes next. While a command starts, and while its first state is computed, its engine waits for a second
 * and more, and then the step's kernels would be compiled while nothing computes. Where an earlier process has kept what
 * followed, that is done meanwhile.
 */
import { listsOf, type ProgramImage } from "../../../tensor/devices/cpu/image.ts";
import type { KernelStore, Modules } from "../../../tensor/devices/cpu/runtime/assemble.ts";

/** Kernels of a program that is worth to be looked ahead to: fewer are compiled in no time. */
const LEAST = 64;

/** The way to the process that compiles. */
interface Way {
  /** Lets it compile modules that may come, the last first, when threads have nothing to do. They take the place of those of before. */
  send(modules: Modules): void;
  /** Settles when all that was sent is written. */
  written(): Promise<unknown>;
}

/**
 * Watches what is loaded. What this command began with in an earlier process, and what came after that, is sent at once.
 *
 * @param kernels Where it is kept what came next.
 * @param way Where modules go.
 * @returns To be told of each program that was loaded.
 */
export function lookAhead(kernels: KernelStore | undefined, way: Way): (image: ProgramImage) => void {
  const after = (program: Modules) => kernels?.next?.(program) ?? [];
  let before: Modules = [];
  let isSent = false;
  const send = (modules: Modules) => {
    if (modules.length > 0 || isSent) way.send(modules);
    isSent = modules.length > 0;
  };
  const first = after([]);
  send(first.length > 0 ? [...new Set([...after(first), ...first])] : []);
  return (image) => {
    const passes = listsOf(image).flatMap((list) => list.passes);
    const [last, program] = [before, [...new Set(passes.map(({ kernel }) => kernel.binary))]];
    const isFirst = last.length === 0;
    before = program;
    send(after(program));
    if (!isFirst && program.length < LEAST) return;
    void way.written().then(() => kernels?.setNext?.(last, program)); // not before it is on its way
  };
}
