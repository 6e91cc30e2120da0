/** @file A store of kernels in memory. */
import type { Kept, KernelStore } from "../../tensor/devices/cpu/runtime/assemble.ts";

/** A store, and what was asked of it. */
export interface MemoryStore {
  readonly store: KernelStore;
  /** Texts that were looked for, kernels and programs that were found by their content, and what was kept. */
  readonly count: { written: number; found: number; programs: number; kept: number };
  /** Contents of what is kept. */
  contents(): readonly string[];
}

/**
 * Makes a store that counts.
 *
 * @returns The store, which is empty. What it gives back went through JSON, as a file would.
 */
export function memoryStore(): MemoryStore {
  const [modules, made] = [new Map<string, Uint8Array<ArrayBuffer>>(), new Map<string, Kept>()];
  const count = { written: 0, found: 0, programs: 0, kept: 0 };
  const store: KernelStore = {
    get(text) {
      count.written++;
      return modules.get(text);
    },
    set: (text, module) => void modules.set(text, module),
    find(content) {
      const kept = made.get(content);
      if (kept && content.startsWith("program ")) count.programs++;
      else if (kept) count.found++;
      return kept;
    },
    keep(content, { modules, data }) {
      count.kept++;
      made.set(content, { modules, data: JSON.parse(JSON.stringify(data)) });
    },
  };
  return { store, count, contents: () => [...made.keys()] };
}
