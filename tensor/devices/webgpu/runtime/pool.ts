/** @file Buffers of a WebGPU device, used again after they are given back. */
import { HOW_MEMORY_COMES_BACK } from "../../../compiler/pressure.ts";
import { DeviceError } from "../../../errors.ts";
import { allocate, type Refused } from "./allocate.ts";

/** Buffers by size. */
export interface BufferPool {
  /** Takes a buffer of at least this many bytes. */
  take(bytes: number): GPUBuffer;
  /** Gives a buffer back; the queue's order keeps earlier work safe. */
  give(buffer: GPUBuffer): void;
  /** Bytes of all buffers that exist. */
  bytes(): number;
  /** Bytes of those that are not free. */
  readonly bytesInUse: () => number;
  /** How many those are. */
  readonly countInUse: () => number;
  /** Destroys every buffer. */
  destroy(): void;
}

/** Bytes of free buffers that are kept. */
const MAX_FREE = 256 * 2 ** 20;

/** What a pool asks and tells. */
export interface PoolOptions {
  /** Called when the device had no memory for a buffer, which is then forgotten. */
  readonly refused: Refused;
  /** Bytes of all buffers together; only the driver's bound if left out. */
  readonly maxBytes?: number;
  /** Does something after all that is queued; at once if left out. */
  readonly inOrder?: (task: () => void) => void;
}

function rounded(bytes: number): number {
  const step = bytes < 65536 ? 256 : 65536;
  return Math.max(256, Math.ceil(bytes / step) * step);
}

/** All buffers that exist. */
function makeLedger(device: GPUDevice, refused: Refused) {
  const all = new Set<GPUBuffer>();
  const sum = { bytes: 0 };
  const forget = (buffer: GPUBuffer) => {
    if (all.delete(buffer)) sum.bytes -= buffer.size;
  };
  return {
    all,
    sum,
    forget,
    make(size: number): GPUBuffer {
      const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
      const buffer = allocate(device, { size, usage }, (message) => {
        forget(buffer);
        refused(message);
      });
      all.add(buffer);
      sum.bytes += size;
      return buffer;
    },
  };
}

/** Free buffers by size, and what they are together. */
function makeShelf() {
  const bySize = new Map<number, GPUBuffer[]>();
  const kept = { bytes: 0, count: 0 };
  const count = (buffers: 1 | -1, size: number) => {
    kept.count += buffers;
    kept.bytes += buffers * size;
  };
  return {
    kept,
    take(size: number): GPUBuffer | undefined {
      const found = bySize.get(size)?.pop();
      if (found) count(-1, size);
      return found;
    },
    put(buffer: GPUBuffer): void {
      const known = bySize.get(buffer.size);
      if (known) known.push(buffer);
      else bySize.set(buffer.size, [buffer]);
      count(1, buffer.size);
    },
    /** Takes all. */
    clear(): readonly GPUBuffer[] {
      const all = [...bySize.values()].flat();
      bySize.clear();
      Object.assign(kept, { bytes: 0, count: 0 });
      return all;
    },
  };
}

/**
 * Makes a pool.
 *
 * @param device Where the buffers lie.
 * @param options Bound, and whom to tell.
 * @returns The pool. Free buffers beyond 256 MiB are destroyed.
 */
export function makePool(device: GPUDevice, options: PoolOptions): BufferPool {
  const { refused, maxBytes = Infinity, inOrder = (task) => task() } = options;
  const free = makeShelf();
  const { all, sum, forget, make } = makeLedger(device, refused);
  const destroy = (buffer: GPUBuffer) => {
    forget(buffer);
    inOrder(() => buffer.destroy());
  };
  return {
    bytes: () => sum.bytes,
    bytesInUse: () => sum.bytes - free.kept.bytes,
    countInUse: () => all.size - free.kept.count,
    take(bytes) {
      const size = Math.min(rounded(bytes), Math.floor(device.limits.maxBufferSize / 16) * 16);
      const known = free.take(size);
      if (known) return known;
      if (sum.bytes + size > maxBytes) free.clear().forEach(destroy);
      if (sum.bytes + size > maxBytes) throw tooMuch(size, maxBytes);
      return make(size);
    },
    give(buffer) {
      if (!all.has(buffer)) return;
      if (free.kept.bytes + buffer.size > MAX_FREE) destroy(buffer);
      else free.put(buffer);
    },
    destroy() {
      all.forEach((buffer) => buffer.destroy());
      all.clear();
      free.clear();
    },
  };
}

function tooMuch(asked: number, maxBytes: number): DeviceError {
  const mib = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;
  return new DeviceError(
    "webgpu",
    `Cannot allocate on webgpu as all tensors must fit into ${mib(maxBytes)}: current request is ${mib(asked)} more; ` +
      HOW_MEMORY_COMES_BACK,
  );
}
