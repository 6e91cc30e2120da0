/** @file The one memory of a cpu device, and who holds which part of it. */
import { DeviceError } from "../../errors.ts";

const PAGE = 65536;
const ALIGNMENT = 64;
const MAX_PAGES = 65536;

/** Blocks of one shared WebAssembly memory. Addresses are unsigned byte offsets below 4 GiB. */
export interface Heap {
  readonly memory: WebAssembly.Memory;
  /** Takes a block. Throws `DeviceError` if there is none. */
  allocate(bytes: number): number;
  /** Gives a block back. */
  free(address: number): void;
  /** Bytes that are taken. */
  used(): number;
}

interface Gap {
  address: number;
  bytes: number;
}

/**
 * Makes a heap that grows as it is used.
 *
 * @param maxBytes Upper bound, 4 GiB at most.
 * @returns The heap. Its first 64 bytes are never handed out.
 */
export function makeHeap(maxBytes: number = MAX_PAGES * PAGE): Heap {
  const memory = new WebAssembly.Memory({ initial: 16, maximum: MAX_PAGES, shared: true });
  const gaps: Gap[] = [{ address: ALIGNMENT, bytes: 16 * PAGE - ALIGNMENT }]; // sorted by address, never adjacent
  const taken = new Map<number, number>();
  let used = 0;
  const release = (address: number, bytes: number) => {
    let at = gaps.findIndex((gap) => gap.address > address);
    if (at < 0) at = gaps.length;
    gaps.splice(at, 0, { address, bytes });
    for (const i of [at, at - 1]) {
      const [gap, next] = [gaps[i], gaps[i + 1]];
      if (gap && next && gap.address + gap.bytes === next.address) {
        gap.bytes += next.bytes;
        gaps.splice(i + 1, 1);
      }
    }
  };
  const grow = (bytes: number) => {
    const size = memory.buffer.byteLength;
    const last = gaps.at(-1);
    const atEnd = last && last.address + last.bytes === size ? last.bytes : 0;
    const pages = Math.ceil((bytes - atEnd) / PAGE);
    if (size + pages * PAGE > maxBytes) throw outOfMemory(bytes, used, maxBytes);
    try {
      memory.grow(pages);
    } catch (cause) {
      throw outOfMemory(bytes, used, maxBytes, cause);
    }
    release(size, pages * PAGE);
  };
  const bestFit = (bytes: number) =>
    gaps.reduce<Gap | null>((best, gap) => gap.bytes >= bytes && (!best || gap.bytes < best.bytes) ? gap : best, null);
  return {
    memory,
    used: () => used,
    allocate(bytes) {
      const size = Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);
      if (!bestFit(size)) grow(size);
      const gap = bestFit(size)!;
      const { address } = gap;
      gap.address += size;
      gap.bytes -= size;
      if (gap.bytes === 0) gaps.splice(gaps.indexOf(gap), 1);
      taken.set(address, size);
      used += size;
      return address;
    },
    free(address) {
      const bytes = taken.get(address);
      if (bytes === undefined) {
        throw new RangeError(`Cannot free as the block must be taken: current address is ${address}`);
      }
      taken.delete(address);
      used -= bytes;
      release(address, bytes);
    },
  };
}

function outOfMemory(asked: number, used: number, limit: number, cause?: unknown): DeviceError {
  const mib = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;
  return new DeviceError(
    "cpu",
    `Cannot allocate ${mib(asked)} on cpu as all of it must fit into ${mib(limit)}: current use is ${mib(used)}; ` +
      "use a smaller batch or a smaller input size",
    { cause },
  );
}
