/** @file Blocks in all memories of a cpu device: the first, where kernels compute, and those for what it has no room for. */
import { HOW_MEMORY_COMES_BACK } from "../../../compiler/pressure.ts";
import { DeviceError } from "../../../errors.ts";
import type { Engine } from "./engine.ts";
import { ALIGNMENT, makeZone, MAX_PAGES, PAGE, type Zone } from "./memory.ts";

/** Bytes that one memory can have. */
export const MEMORY_BYTES: number = MAX_PAGES * PAGE;
/** Memories that a device may have. */
export const MEMORIES = 4;
/** Bytes of all of them. */
export const MOST_BYTES: number = MEMORIES * MEMORY_BYTES;

/**
 * The number of the memory that an address is of: blocks begin at multiples of 64, and what an address has beyond such says
 * it. Those of the first memory are its byte offsets, as kernels take them.
 */
export function memoryOf(address: number): number {
  return address % ALIGNMENT;
}

/** Byte offset of an address in its memory. */
export function placeOf(address: number): number {
  return address - memoryOf(address);
}

/** Blocks of all memories, by address. */
export interface Heap {
  /** Upper bound of all memories together. */
  readonly maxBytes: number;
  /** Upper bound of the first. */
  readonly nearBytes: number;
  /** Takes a block, of the first memory if it has one. Throws `DeviceError` if none has. */
  allocate(bytes: number): number;
  /** Takes a block of the first memory; null if it has none. */
  allocateNear(bytes: number): number | null;
  /** Takes a block of another memory; null if none has one. */
  allocateFar(bytes: number): number | null;
  /** Gives a block back. */
  free(address: number): void;
  /** Bytes of a block that is taken. */
  bytesOf(address: number): number;
  /** Bytes that are taken. */
  readonly used: () => number;
  /** Blocks that are taken. */
  readonly count: () => number;
}

/**
 * Makes the heap of an engine.
 *
 * @param engine What has the memories.
 * @param options `maxBytes`: upper bound, 4 GiB if not given; `nearBytes`: of the first memory, 4 GiB if not given; `first`:
 * bytes at its start that are never handed out.
 * @returns The heap.
 */
export function makeHeap(
  engine: Pick<Engine, "size" | "grow">,
  { maxBytes = MEMORY_BYTES, nearBytes: most = MEMORY_BYTES, first = ALIGNMENT }: {
    readonly maxBytes?: number | undefined;
    readonly nearBytes?: number | undefined;
    readonly first?: number;
  } = {},
): Heap {
  const nearBytes = Math.min(maxBytes, most);
  const zoneOf = (memory: number, bytes: number, start: number) =>
    makeZone(
      { size: () => engine.size(memory), grow: (pages) => engine.grow(memory, pages) },
      { maxBytes: bytes, first: start },
    );
  const zones = Array.from({ length: MEMORIES }, (_, memory) => {
    if (memory === 0) return zoneOf(0, nearBytes, first);
    const left = maxBytes - nearBytes - (memory - 1) * MEMORY_BYTES;
    return zoneOf(memory, Math.min(MEMORY_BYTES, Math.max(0, left)), 0);
  });
  return heapOf(zones, { maxBytes, nearBytes });
}

/** The first memory of some that has a block of so many bytes gives it. */
function takeFrom(zones: readonly Zone[], bytes: number): number | null {
  for (const [memory, zone] of zones.entries()) {
    const place = zone.allocate(bytes);
    if (place !== null) return place + memory;
  }
  return null;
}

function heapOf(zones: readonly Zone[], bounds: Pick<Heap, "maxBytes" | "nearBytes">): Heap {
  const used = () => zones.reduce((sum, zone) => sum + zone.used(), 0);
  return {
    ...bounds,
    used,
    count: () => zones.reduce((sum, zone) => sum + zone.count(), 0),
    allocate(bytes) {
      const address = takeFrom(zones, bytes);
      if (address === null) throw outOfMemory(bytes, bounds.maxBytes, used());
      return address;
    },
    allocateNear: (bytes) => zones[0]!.allocate(bytes),
    allocateFar(bytes) {
      const address = takeFrom(zones.slice(1), bytes);
      return address === null ? null : address + 1;
    },
    free: (address) => zones[memoryOf(address)]!.free(placeOf(address)),
    bytesOf: (address) => zones[memoryOf(address)]!.bytesOf(placeOf(address)),
  };
}

/** The error of a block that no memory has. */
export function outOfMemory(asked: number, maxBytes: number, used: number): DeviceError {
  const mib = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;
  return new DeviceError(
    "cpu",
    `Cannot allocate ${mib(asked)} on cpu as all of it must fit into ${mib(maxBytes)}: current use is ${mib(used)}; ` +
      HOW_MEMORY_COMES_BACK,
  );
}
