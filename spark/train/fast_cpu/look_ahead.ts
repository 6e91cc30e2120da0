/**
 * @file Which program comes next. What a command flushes begins to compute while it plans what follows, for a second or more, and
 * then kernels are compiled while nothing computes. Where an earlier process has kept what followed, they are compiled meanwhile.
 */
import { listsOf, type ProgramImage } from "../../../tensor/devices/cpu/image.ts";
import type { KernelStore, Modules } from "../../../tensor/devices/cpu/runtime/assemble.ts";

/** The way to the process that compiles. */
interface Way {
  /** Lets it compile modules that may come. */
  send(modules: Modules): void;
  /** Settles when all that was sent is written. */
  written(): Promise<unknown>;
}

/**
 * Watches what is loaded and flushed.
 *
 * @param kernels Where it is kept what came next.
 * @param way Where modules go.
 * @returns To be told of each program that was loaded, and of each flush.
 */
export function lookAhead(kernels: KernelStore | undefined, way: Way): {
  readonly loaded: (image: ProgramImage) => void;
  readonly flushed: () => void;
} {
  const state: { last: Modules; flushed: Modules } = { last: [], flushed: [] };
  return {
    loaded(image) {
      const { flushed } = state;
      const passes = listsOf(image).flatMap((list) => list.passes);
      const last = [...new Set(passes.map(({ kernel }) => kernel.binary))];
      Object.assign(state, { last, flushed: [] });
      if (flushed.length > 0) void way.written().then(() => kernels?.setNext?.(flushed, last)); // not before it is on its way
    },
    flushed() {
      if (state.flushed === state.last) return;
      state.flushed = state.last;
      const next = kernels?.next?.(state.last) ?? [];
      if (next.length > 0) way.send(next);
    },
  };
}
