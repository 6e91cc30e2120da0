import { DTYPES, sizeOf } from "../spec.ts";
import type { Schedule } from "./kernel.ts";

/** Where each temporary of a schedule lies in one arena. */
export interface MemoryPlan {
  /** Byte offset of each temporary value, by number. */
  readonly offsets: ReadonlyMap<number, number>;
  /** Size of the arena. */
  readonly bytes: number;
}

/**
 * Plans the memory of all temporaries, so that the peak is known before the first run. Values whose lifetimes
 * overlap do not share bytes. Large ones are placed first, each at the lowest offset that is free for its lifetime.
 *
 * @param schedule The steps.
 * @param alignment Of every offset, in bytes.
 * @returns Offsets and arena size.
 */
export function planMemory({ values, steps }: Schedule, alignment: number): MemoryPlan {
  const lives = new Map<number, { value: number; bytes: number; from: number; to: number }>();
  steps.forEach((step, i) => {
    for (const value of step.outputs) {
      const { role, shape, dtype } = values[value]!;
      if (role !== "temporary") continue;
      const bytes = Math.ceil(Math.max(sizeOf(shape) * DTYPES[dtype].bytes, 1) / alignment) * alignment;
      lives.set(value, { value, bytes, from: i, to: i });
    }
    for (const value of step.inputs) if (lives.has(value)) lives.get(value)!.to = i;
  });
  const placed: { offset: number; end: number; from: number; to: number }[] = [];
  const offsets = new Map<number, number>();
  let bytes = 0;
  for (const life of [...lives.values()].sort((a, b) => b.bytes - a.bytes || a.from - b.from)) {
    let offset = 0;
    for (const other of placed) { // sorted by offset
      if (other.to < life.from || other.from > life.to || other.end <= offset) continue;
      if (other.offset >= offset + life.bytes) break;
      offset = other.end;
    }
    offsets.set(life.value, offset);
    const at = placed.findIndex((other) => other.offset > offset);
    const entry = { offset, end: offset + life.bytes, from: life.from, to: life.to };
    placed.splice(at < 0 ? placed.length : at, 0, entry);
    bytes = Math.max(bytes, entry.end);
  }
  return { offsets, bytes };
}
