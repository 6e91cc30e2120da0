/** @file Memory of temporaries: parts of few buffers that all programs share. */
import type { Schedule } from "../../compiler/kernel.ts";
import { type MemoryPlan, planMemory } from "../../compiler/plan.ts";

/** Every offset of a binding is a multiple of this on every device. */
const ALIGNMENT = 256;

/** Where a temporary lies. */
export interface Place {
  /** Number of the buffer. */
  readonly chunk: number;
  /** Offset in bytes. */
  readonly offset: number;
}

/** Where all temporaries of a program lie. */
export interface ArenaPlan {
  /** Bytes of each buffer. */
  readonly chunks: readonly number[];
  /** By number of the value; the scratch of kernels comes after all values. */
  readonly places: ReadonlyMap<number, Place>;
}

/** Plans the temporaries of some steps' results; the others count as if they were given. */
function planPart(schedule: Schedule, belongs: (value: number) => boolean): MemoryPlan {
  const values = schedule.values.map((value, number) =>
    value.role === "temporary" && !belongs(number) ? { ...value, role: "input" as const } : value
  );
  return planMemory({ ...schedule, values }, ALIGNMENT);
}

/**
 * Plans the memory of a program: one buffer where it is large enough, more where a buffer may not be so large.
 *
 * @param schedule The program.
 * @param scratchBytes Scratch that the steps share.
 * @param maxBytes Largest buffer that the device allows.
 * @returns Sizes and places.
 */
export function planArena(schedule: Schedule, scratchBytes: number, maxBytes: number): ArenaPlan {
  for (let count = 1;; count++) {
    const plans = [...Array(count).keys()].map((i) => planPart(schedule, (value) => value % count === i));
    if (count < schedule.values.length && plans.some(({ bytes }) => bytes > maxBytes)) continue;
    const places = new Map<number, Place>();
    plans.forEach(({ offsets }, chunk) => offsets.forEach((offset, value) => places.set(value, { chunk, offset })));
    places.set(schedule.values.length, { chunk: count, offset: 0 });
    const scratch = Math.ceil(Math.max(scratchBytes, 1) / ALIGNMENT) * ALIGNMENT;
    return { chunks: [...plans.map(({ bytes }) => Math.max(bytes, ALIGNMENT)), scratch], places };
  }
}

/**
 * Makes the buffers of the arena at least so large; old contents are lost.
 *
 * @param gpu Where they lie.
 * @param arena The buffers; changed.
 * @param chunks Bytes of each.
 */
export function growArena(gpu: GPUDevice, arena: GPUBuffer[], chunks: readonly number[]): void {
  chunks.forEach((size, chunk) => {
    const buffer = arena[chunk];
    if (buffer && buffer.size >= size) return;
    buffer?.destroy(); // what is queued still runs
    arena[chunk] = gpu.createBuffer({ size, usage: GPUBufferUsage.STORAGE });
  });
}
