/** @file The one memory of a cpu device, and who holds which part of it. */
import { HOW_MEMORY_COMES_BACK } from "../../../compiler/pressure.ts";
import { DeviceError } from "../../../errors.ts";

const PAGE = 65536;
const ALIGNMENT = 64;
/** Pages of 4 GiB. */
export const MAX_PAGES = 65536;
/** A small heap grows to twice its size, a large one by so many pages: those that nobody touches cost addresses only. */
const SMALL_PAGES = 256;
const LARGE_STEP = 4096;

/** A memory that blocks are taken from, of which only the size matters here. */
export interface Room {
  /** Bytes. */
  size(): number;
  /** Adds pages; throws if the host has no addresses for them. */
  grow(pages: number): void;
}

/** Blocks of one shared WebAssembly memory. Addresses are unsigned byte offsets below 4 GiB. */
export interface Heap {
  /** Upper bound of its size. */
  readonly maxBytes: number;
  /** Takes a block. Throws `DeviceError` if there is none. */
  allocate(bytes: number): number;
  /** Gives a block back. */
  free(address: number): void;
  /** Bytes that are taken. */
  readonly used: () => number;
  /** Blocks that are taken. */
  readonly count: () => number;
}

interface Gap {
  address: number;
  bytes: number;
}

/** What a heap keeps. */
interface HeapState {
  readonly room: Room;
  readonly maxBytes: number;
  /** Free ranges, sorted by address, never adjacent. */
  readonly gaps: Gap[];
  /** Size of each taken block, by address. */
  readonly taken: Map<number, number>;
  used: number;
}

/**
 * Makes a heap that grows as it is used. A block comes from the smallest gap that holds it.
 *
 * @param room The memory.
 * @param options `maxBytes`: upper bound, 4 GiB at most; `first`: bytes at the start that are never handed out.
 * @returns The heap.
 */
export function makeHeap(
  room: Room,
  { maxBytes = MAX_PAGES * PAGE, first = ALIGNMENT }: { readonly maxBytes?: number; readonly first?: number } = {},
): Heap {
  const gaps = [{ address: first, bytes: room.size() - first }];
  const state: HeapState = { room, maxBytes, gaps, taken: new Map(), used: 0 };
  return {
    maxBytes,
    used: () => state.used,
    count: () => state.taken.size,
    allocate: (bytes) => allocate(state, Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT)),
    free: (address) => free(state, address),
  };
}

function allocate(state: HeapState, bytes: number): number {
  const { gaps, taken } = state;
  const gap = bestFit(gaps, bytes) ?? (grow(state, bytes), bestFit(gaps, bytes)!);
  const { address } = gap;
  gap.address += bytes;
  gap.bytes -= bytes;
  if (gap.bytes === 0) gaps.splice(gaps.indexOf(gap), 1);
  taken.set(address, bytes);
  state.used += bytes;
  return address;
}

function free(state: HeapState, address: number): void {
  const bytes = state.taken.get(address);
  if (bytes === undefined) {
    throw new RangeError(`Cannot free as the block must be taken: current address is ${address}`);
  }
  state.taken.delete(address);
  state.used -= bytes;
  addGap(state.gaps, address, bytes);
}

function bestFit(gaps: readonly Gap[], bytes: number): Gap | null {
  return gaps.reduce<Gap | null>(
    (best, gap) => gap.bytes >= bytes && (!best || gap.bytes < best.bytes) ? gap : best,
    null,
  );
}

/** Adds a free range and joins it with its neighbours. */
function addGap(gaps: Gap[], address: number, bytes: number): void {
  const found = gaps.findIndex((gap) => gap.address > address);
  const at = found < 0 ? gaps.length : found;
  gaps.splice(at, 0, { address, bytes });
  for (const i of [at, at - 1]) {
    const [gap, next] = [gaps[i], gaps[i + 1]];
    if (!gap || !next || gap.address + gap.bytes !== next.address) continue;
    gap.bytes += next.bytes;
    gaps.splice(i + 1, 1);
  }
}

/** Adds pages until the last gap holds so many bytes: many at once, so that a loop soon stops growing. */
function grow(state: HeapState, bytes: number): void {
  const { room, gaps, maxBytes } = state;
  const size = room.size();
  const last = gaps.at(-1);
  const atEnd = last && last.address + last.bytes === size ? last.bytes : 0;
  const needed = Math.ceil((bytes - atEnd) / PAGE);
  const left = Math.floor((maxBytes - size) / PAGE);
  if (needed > left) throw outOfMemory(state, bytes);
  const spare = Math.max(needed, Math.min(size < SMALL_PAGES * PAGE ? size / PAGE : LARGE_STEP, left));
  const pages = [spare, needed].find((count) => grows(room, count));
  if (pages === undefined) throw outOfMemory(state, bytes);
  addGap(gaps, size, pages * PAGE);
}

/** Adds pages. False if the host has no addresses for them. */
function grows(room: Room, pages: number): boolean {
  try {
    room.grow(pages);
    return true;
  } catch {
    return false;
  }
}

function outOfMemory({ used, maxBytes }: HeapState, asked: number): DeviceError {
  const mib = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;
  return new DeviceError(
    "cpu",
    `Cannot allocate ${mib(asked)} on cpu as all of it must fit into ${mib(maxBytes)}: current use is ${mib(used)}; ` +
      HOW_MEMORY_COMES_BACK,
  );
}
