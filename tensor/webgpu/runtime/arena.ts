/** @file Memory of temporaries: parts of few buffers that all programs share. */
import { bytesOf } from "../../compiler/draft.ts";
import type { Schedule } from "../../compiler/kernel.ts";
import { type MemoryPlan, planMemory } from "../../compiler/plan.ts";
import { allocate, type Refused } from "./allocate.ts";

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

/** Plans some temporaries; the others count as if they were given. */
function planPart(schedule: Schedule, belongs: ReadonlySet<number>): MemoryPlan {
  const values = schedule.values.map((value, number) =>
    value.role === "temporary" && !belongs.has(number) ? { ...value, role: "input" as const } : value
  );
  return planMemory({ ...schedule, values }, { alignment: ALIGNMENT });
}

/**
 * Plans the memory of a program: one buffer where it is large enough, more where a buffer may not be so large.
 *
 * @param schedule The program; no value of it is larger than a buffer may be.
 * @param scratchBytes Scratch that the steps share.
 * @param maxBytes Largest buffer that the device allows.
 * @returns Sizes and places.
 */
export function planArena(schedule: Schedule, scratchBytes: number, maxBytes: number): ArenaPlan {
  const places = new Map<number, Place>();
  const chunks: number[] = [];
  let left = new Set(schedule.values.keys().filter((number) => schedule.values[number]!.role === "temporary"));
  do {
    const { offsets } = planPart(schedule, left);
    const end = (value: number) => offsets.get(value)! + sizeIn(schedule, value);
    // What lies below the bound is a plan of its own; the rest goes to the next buffer.
    const fits = [...offsets.keys()].filter((value) => end(value) <= maxBytes);
    fits.forEach((value) => places.set(value, { chunk: chunks.length, offset: offsets.get(value)! }));
    chunks.push(Math.max(ALIGNMENT, ...fits.map(end)));
    left = new Set([...offsets.keys()].filter((value) => !places.has(value)));
    if (fits.length === 0) break;
  } while (left.size > 0);
  places.set(schedule.values.length, { chunk: chunks.length, offset: 0 });
  return { chunks: [...chunks, aligned(scratchBytes)], places };
}

function sizeIn({ values }: Schedule, value: number): number {
  return aligned(bytesOf(values[value]!));
}

function aligned(bytes: number): number {
  return Math.ceil(Math.max(bytes, 1) / ALIGNMENT) * ALIGNMENT;
}

/**
 * Makes the buffers of the arena at least so large; old contents are lost.
 *
 * @param gpu Where they lie.
 * @param arena The buffers; changed.
 * @param chunks Bytes of each.
 * @param refused Called when the device had no memory for a buffer, which is then forgotten.
 */
export function growArena(gpu: GPUDevice, arena: GPUBuffer[], chunks: readonly number[], refused: Refused): void {
  chunks.forEach((size, chunk) => {
    const old = arena[chunk];
    if (old && old.size >= size) return;
    old?.destroy(); // what is queued still runs
    const buffer = allocate(gpu, { size, usage: GPUBufferUsage.STORAGE }, (message) => {
      arena.splice(0).forEach((each) => each.destroy());
      refused(message);
    });
    arena[chunk] = buffer;
  });
}
