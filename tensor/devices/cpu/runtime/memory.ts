/** @file One memory of a cpu device, and which parts of it are taken. */

/** Bytes of a page. */
export const PAGE = 65536;
/** Blocks begin at multiples of it. */
export const ALIGNMENT = 64;
/** Pages of 4 GiB. */
export const MAX_PAGES = 65536;
/** A small memory grows to twice its size, a large one by so many pages: those that nobody touches cost addresses only. */
const SMALL_PAGES = 256;
const LARGE_STEP = 4096;

/** A memory that blocks are taken from, of which only the size matters here. */
export interface Room {
  /** Bytes. */
  size(): number;
  /** Adds pages; throws if the host has no addresses for them. */
  grow(pages: number): void;
}

/** Blocks of one shared WebAssembly memory. Their places are unsigned byte offsets below 4 GiB. */
export interface Zone {
  /** Upper bound of its size. */
  readonly maxBytes: number;
  /** Takes a block; null if there is none. */
  allocate(bytes: number): number | null;
  /** Gives a block back. */
  free(place: number): void;
  /** Bytes of a block that is taken. */
  bytesOf(place: number): number;
  /** Bytes that are taken. */
  readonly used: () => number;
  /** Blocks that are taken. */
  readonly count: () => number;
}

interface Gap {
  place: number;
  bytes: number;
}

/** What a zone keeps. */
interface ZoneState {
  readonly room: Room;
  readonly maxBytes: number;
  /** Free ranges, sorted by place, never adjacent. */
  readonly gaps: Gap[];
  /** Size of each taken block, by place. */
  readonly taken: Map<number, number>;
  used: number;
}

/**
 * Makes a zone that grows as it is used. A block comes from the smallest gap that holds it.
 *
 * @param room The memory.
 * @param options `maxBytes`: upper bound, 4 GiB at most; `first`: bytes at the start that are never handed out.
 * @returns The zone.
 */
export function makeZone(
  room: Room,
  { maxBytes, first }: { readonly maxBytes: number; readonly first: number },
): Zone {
  const state: ZoneState = { room, maxBytes, gaps: [], taken: new Map(), used: 0 };
  if (room.size() > first) addGap(state.gaps, first, room.size() - first);
  return {
    maxBytes,
    used: () => state.used,
    count: () => state.taken.size,
    allocate: (bytes) => allocate(state, Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT)),
    free: (place) => free(state, place),
    bytesOf: (place) => bytesOf(state, place),
  };
}

function allocate(state: ZoneState, bytes: number): number | null {
  const { gaps, taken } = state;
  const gap = bestFit(gaps, bytes) ?? (grow(state, bytes) ? bestFit(gaps, bytes) : null);
  if (!gap) return null;
  const { place } = gap;
  gap.place += bytes;
  gap.bytes -= bytes;
  if (gap.bytes === 0) gaps.splice(gaps.indexOf(gap), 1);
  taken.set(place, bytes);
  state.used += bytes;
  return place;
}

function bytesOf({ taken }: ZoneState, place: number): number {
  const bytes = taken.get(place);
  if (bytes !== undefined) return bytes;
  throw new RangeError(`Cannot use a block as it must be taken: current place is ${place}`);
}

function free(state: ZoneState, place: number): void {
  const bytes = bytesOf(state, place);
  state.taken.delete(place);
  state.used -= bytes;
  addGap(state.gaps, place, bytes);
}

function bestFit(gaps: readonly Gap[], bytes: number): Gap | null {
  return gaps.reduce<Gap | null>(
    (best, gap) => gap.bytes >= bytes && (!best || gap.bytes < best.bytes) ? gap : best,
    null,
  );
}

/** Adds a free range and joins it with its neighbours. */
function addGap(gaps: Gap[], place: number, bytes: number): void {
  const found = gaps.findIndex((gap) => gap.place > place);
  const at = found < 0 ? gaps.length : found;
  gaps.splice(at, 0, { place, bytes });
  for (const i of [at, at - 1]) {
    const [gap, next] = [gaps[i], gaps[i + 1]];
    if (!gap || !next || gap.place + gap.bytes !== next.place) continue;
    gap.bytes += next.bytes;
    gaps.splice(i + 1, 1);
  }
}

/** Adds pages until the last gap holds so many bytes: many at once, so that a loop soon stops growing. False if there are none. */
function grow({ room, gaps, maxBytes }: ZoneState, bytes: number): boolean {
  const size = room.size();
  const last = gaps.at(-1);
  const atEnd = last && last.place + last.bytes === size ? last.bytes : 0;
  const needed = Math.ceil((bytes - atEnd) / PAGE);
  const left = Math.floor((maxBytes - size) / PAGE);
  if (needed > left) return false;
  const spare = Math.max(needed, Math.min(size < SMALL_PAGES * PAGE ? size / PAGE : LARGE_STEP, left));
  const pages = [spare, needed].find((count) => grows(room, count));
  if (pages === undefined) return false;
  addGap(gaps, size, pages * PAGE);
  return true;
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
