/** @file Buffers of a WebGPU device, used again after they are given back. */
import { DeviceError } from "../../errors.ts";
import type { Shape } from "../../spec.ts";

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
  return {
    bytes: () => sum.all,
    take(bytes) {
      const size = Math.min(rounded(bytes), Math.floor(device.limits.maxBufferSize / 16) * 16);
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

/** What of the limits of a device bounds one tensor. */
type SizeLimits = Pick<GPUSupportedLimits, "maxStorageBufferBindingSize" | "maxBufferSize">;

/**
 * Throws if no binding can hold so many bytes.
 *
 * @param limits Of the device.
 * @param bytes How many.
 * @param shape Of the tensor that takes them; without it they are scratch of a kernel.
 * @throws {DeviceError} Naming the limit and what fits.
 */
export function refuseLarge(limits: SizeLimits, bytes: number, shape?: Shape): void {
  const limit = Math.floor(Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize) / 16) * 16;
  if (bytes <= limit) return;
  const mib = (n: number) => `${Math.ceil(n / 2 ** 20)} MiB`;
  const rows = Math.floor(limit / bytes * (shape?.[0] ?? 0));
  const fits = rows > 0 ? `a first axis of at most ${rows} fits` : "smaller or more batches fit";
  throw new DeviceError(
    "webgpu",
    `Cannot allocate ${shape ? `[${shape.join(", ")}]` : "scratch"} on webgpu as it must fit into a binding of ` +
      `${mib(limit)}: current size is ${mib(bytes)}; ${fits}`,
  );
}
