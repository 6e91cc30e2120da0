/** @file The memories of an engine of this process. */
import type { Engine } from "./engine.ts";
import { MEMORIES, memoryOf, placeOf } from "./heap.ts";
import { MAX_PAGES } from "./memory.ts";

/** Shared memories, and what is done with them. */
export interface Memories {
  /** The first, and all others as soon as one of them is needed. */
  readonly all: WebAssembly.Memory[];
  /** What holds an address. */
  bufferOf(address: number): ArrayBufferLike;
  /** What an engine does with them. */
  readonly access: Pick<Engine, "size" | "grow" | "write" | "copy" | "read">;
}

const makeMemory = (initial: number) => new WebAssembly.Memory({ initial, maximum: MAX_PAGES, shared: true });

/**
 * Makes the memories, of which there is one at first.
 *
 * @param pages Of the first.
 * @param more Told of all when there are others: kernels that copy between memories name them all.
 * @returns The memories.
 */
export function sharedMemories(pages: number, more: (all: readonly WebAssembly.Memory[]) => void): Memories {
  const all = [makeMemory(pages)];
  const bufferOf = (address: number) => all[memoryOf(address)]!.buffer;
  const words = (address: number, length: number) => new Uint32Array(bufferOf(address), placeOf(address), length);
  const bytes = (address: number, length: number) => new Uint8Array(bufferOf(address), placeOf(address), length);
  return {
    all,
    bufferOf,
    access: {
      size: (memory) => all[memory]?.buffer.byteLength ?? 0,
      grow(memory, pages) {
        if (memory >= all.length) {
          all.push(...Array.from({ length: MEMORIES - all.length }, () => makeMemory(0)));
          more(all);
        }
        all[memory]!.grow(pages);
      },
      write: (address, values) => words(address, values.length).set(values),
      copy: (from, to, length) => bytes(to, length).set(bytes(from, length)),
      read: (address, length) => words(address, length).slice(),
    },
  };
}
