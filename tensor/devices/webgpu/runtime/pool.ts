/** @file Buffers of a WebGPU device, used again after they are given back. */
import { allocate, type Refused } from "./allocate.ts";

/** Buffers by size. */
export interface BufferPool {
  /** Takes a buffer of at least this many bytes. */
  take(bytes: number): GPUBuffer;
  /** Gives a buffer back; the queue's order keeps earlier work safe. */
  give(buffer: GPUBuffer): void;
  /** Bytes of all buffers that exist. */
  bytes(): number;
  /** Destroys every buffer. */
  destroy(): void;
}

/** Bytes of free buffers that are kept. */
const MAX_FREE = 256 * 2 ** 20;

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

/**
 * Makes a pool.
 *
 * @param device Where the buffers lie.
 * @param refused Called when the device had no memory for a buffer, which is then forgotten.
 * @returns The pool. Free buffers beyond 256 MiB are destroyed.
 */
export function makePool(device: GPUDevice, refused: Refused): BufferPool {
  const free = new Map<number, GPUBuffer[]>();
  const kept = { bytes: 0 };
  const { all, sum, forget, make } = makeLedger(device, refused);
  return {
    bytes: () => sum.bytes,
    take(bytes) {
      const size = Math.min(rounded(bytes), Math.floor(device.limits.maxBufferSize / 16) * 16);
      const known = free.get(size)?.pop();
      if (!known) return make(size);
      kept.bytes -= size;
      return known;
    },
    give(buffer) {
      if (!all.has(buffer)) return;
      if (kept.bytes + buffer.size > MAX_FREE) {
        forget(buffer);
        buffer.destroy();
        return;
      }
      kept.bytes += buffer.size;
      const known = free.get(buffer.size);
      if (known) known.push(buffer);
      else free.set(buffer.size, [buffer]);
    },
    destroy() {
      all.forEach((buffer) => buffer.destroy());
      all.clear();
      free.clear();
    },
  };
}
