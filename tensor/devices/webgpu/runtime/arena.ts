/** @file Memory of temporaries: parts of few buffers that all programs share. */
import { bytesOf } from "../../../compiler/schedule/draft.ts";
import type { ScheduledProgram } from "../../../compiler/kernel.ts";
import { planMemory } from "../../../compiler/schedule/plan.ts";
import { allocate, type Refused } from "./allocate.ts";
import type { Queue } from "./queue.ts";

/** Every offset of a binding is a multiple of this on every device. */
export const ALIGNMENT = 256;

/** Exchanges with other processes copy out of it and into it. Asked for when it is used: Node, which imports this too, has no WebGPU. */
const usage = () => GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;

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
  /** By number of the value; the scratch of step i is number `values.length + i`. */
  readonly places: ReadonlyMap<number, Place>;
}

/** Plans some temporaries and scratches; the others count as if they were given. */
function planPart(schedule: ScheduledProgram, scratchBytes: readonly number[], belongs: ReadonlySet<number>) {
  const first = schedule.values.length;
  const values = schedule.values.map((value, number) =>
    value.role === "temporary" && !belongs.has(number) ? { ...value, role: "input" as const } : value
  );
  const { offsets, scratch } = planMemory({ ...schedule, values }, {
    alignment: ALIGNMENT,
    scratchBytes: scratchBytes.map((bytes, step) => belongs.has(first + step) ? bytes : 0),
  });
  return new Map([...offsets, ...[...scratch].map(([step, offset]) => [first + step, offset] as const)]);
}

/**
 * Plans the memory of a program: one buffer where it is large enough, more where a buffer may not be so large.
 *
 * @param schedule The program; no value of it is larger than a buffer may be.
 * @param scratchBytes Scratch of each step, no larger either.
 * @param maxBytes Largest buffer that the device allows.
 * @returns Sizes and places.
 */
export function planArena(schedule: ScheduledProgram, scratchBytes: readonly number[], maxBytes: number): ArenaPlan {
  const places = new Map<number, Place>();
  const chunks: number[] = [];
  const sizes = [...schedule.values.map(bytesOf), ...scratchBytes].map(aligned);
  let left = new Set([
    ...schedule.values.keys().filter((number) => schedule.values[number]!.role === "temporary"),
    ...scratchBytes.keys().filter((step) => scratchBytes[step]! > 0).map((step) => schedule.values.length + step),
  ]);
  do {
    const offsets = planPart(schedule, scratchBytes, left);
    const end = (number: number) => offsets.get(number)! + sizes[number]!;
    // What lies below the bound is a plan of its own; the rest goes to the next buffer.
    const fits = [...offsets.keys()].filter((number) => end(number) <= maxBytes);
    fits.forEach((number) => places.set(number, { chunk: chunks.length, offset: offsets.get(number)! }));
    chunks.push(fits.reduce((most, number) => Math.max(most, end(number)), ALIGNMENT));
    left = new Set([...offsets.keys()].filter((number) => !places.has(number)));
    if (fits.length === 0) break;
  } while (left.size > 0);
  return { chunks, places };
}

function aligned(bytes: number): number {
  return Math.ceil(Math.max(bytes, 1) / ALIGNMENT) * ALIGNMENT;
}

/**
 * Makes the buffers of the arena at least so large; old contents are lost.
 *
 * @param queue Of the device.
 * @param arena The buffers; changed.
 * @param chunks Bytes of each.
 * @param refused Called when the device had no memory for a buffer, which is then forgotten.
 */
export function growArena(
  { gpu, inOrder }: Queue,
  arena: GPUBuffer[],
  chunks: readonly number[],
  refused: Refused,
): void {
  chunks.forEach((size, chunk) => {
    const old = arena[chunk];
    if (old && old.size >= size) return;
    if (old) inOrder(() => old.destroy()); // what is queued still runs
    const buffer = allocate(gpu, { size, usage: usage() }, (message) => {
      arena.splice(0).forEach((each) => each.destroy());
      refused(message);
    });
    arena[chunk] = buffer;
  });
}
