/** @file Buffers of a WebGPU device, used again after they are given back. */
import { DeviceError } from "../../errors.ts";

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

/**
 * Makes a pool.
 *
 * @param device Where the buffers lie.
 * @returns The pool. Free buffers beyond 256 MiB are destroyed.
 */
export function makePool(device: GPUDevice): BufferPool {
  const free = new Map<number, GPUBuffer[]>();
  const all = new Set<GPUBuffer>();
  const sum = { all: 0, free: 0 };
  const limit = Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize);
  return {
    bytes: () => sum.all,
    take(bytes) {
      if (bytes > limit) throw tooLarge(bytes, limit);
      const size = Math.min(rounded(bytes), Math.floor(limit / 4) * 4);
      const known = free.get(size)?.pop();
      if (known) {
        sum.free -= size;
        return known;
      }
      const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
      const buffer = device.createBuffer({ size, usage });
      all.add(buffer);
      sum.all += size;
      return buffer;
    },
    give(buffer) {
      if (!all.has(buffer)) return;
      if (sum.free + buffer.size > MAX_FREE) {
        all.delete(buffer);
        sum.all -= buffer.size;
        buffer.destroy();
        return;
      }
      sum.free += buffer.size;
      free.set(buffer.size, [...free.get(buffer.size) ?? [], buffer]);
    },
    destroy() {
      all.forEach((buffer) => buffer.destroy());
      all.clear();
      free.clear();
    },
  };
}

/** The error for a value that no binding can hold. */
export function tooLarge(bytes: number, limit: number): DeviceError {
  const mib = (n: number) => `${Math.ceil(n / 2 ** 20)} MiB`;
  return new DeviceError(
    "webgpu",
    `Cannot allocate on webgpu as one tensor must fit into a binding of ${mib(limit)}: current size is ${
      mib(bytes)
    }; ` +
      `a batch of at most ${(limit / bytes * 100).toFixed(0)} % of this one fits`,
  );
}
