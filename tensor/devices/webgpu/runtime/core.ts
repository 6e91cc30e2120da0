import type { WgslLimits } from "../../../compiler/kernel_text.ts";
import type { BlockBuffer, Resident } from "../../../compiler/bindings.ts";
import { makePressure, type Pressure } from "../../../compiler/pressure.ts";
import type { Device } from "../../../device.ts";
import { DeviceError } from "../../../errors.ts";
import type { TensorSpec } from "../../../spec.ts";
import type { Refused } from "./allocate.ts";
import { type Block, releaseBlock } from "./blocks.ts";
import { makePipelines, type Pipelines } from "./pipelines.ts";
import { type BufferPool, makePool } from "./pool.ts";
import { type Backlog, makeQueue, type Queue } from "./queue.ts";

/** Memory of a webgpu device that holds one tensor. */
export type WebgpuBuffer = BlockBuffer<Block>;

/** What the parts of one webgpu device share. */
export interface Core {
  readonly gpu: GPUDevice;
  readonly queue: Queue;
  readonly pool: BufferPool;
  /** Buffers of the temporaries of all programs, as only one runs at a time. They grow and never shrink. */
  readonly arena: GPUBuffer[];
  readonly pipelines: Pipelines;
  readonly limits: WgslLimits;
  /** True if activations are kept in float16. */
  readonly half: boolean;
  /** Gives back the memory of collected buffers. */
  readonly collected: FinalizationRegistry<Block>;
  readonly resident: Resident<Block>;
  readonly pressure: Pressure;
  /** Told of memory that the device did not have. */
  readonly refused: Refused;
  /** Times of runs that were not told yet, where launches are timed. */
  readonly times: Promise<void>[];
  /** The first error that the device reported, until it has been thrown; why the device is lost. */
  readonly state: { error: string | null; lost: string | null };
}

/** What kernels may know of a GPU beside its limits. */
export type Traits = Pick<WgslLimits, "software" | "vendor" | "subgroup" | "tiles" | "winograd">;

/** How a device is to be used. */
export interface CoreOptions {
  readonly backlog?: Backlog;
  /** True to keep activations in float16. */
  readonly half?: boolean;
  /** Bound of the memory of tensors. */
  readonly maxBytes?: number;
}

/** What a GPU reports, now and later. */
function reportsOf(gpu: GPUDevice): Pick<Core, "state" | "refused"> {
  const state: Core["state"] = { error: null, lost: null };
  gpu.addEventListener("uncapturederror", (event) => {
    event.preventDefault();
    const { message } = (event as GPUUncapturedErrorEvent).error;
    state.error ??= `Cannot run on webgpu as the device reported an error: current error is ${message}`;
  });
  gpu.lost.then(({ message, reason }) => state.lost ??= message || reason);
  return { state, refused: (message) => void (state.error ??= message) };
}

/** Starts to watch a GPU. */
export function makeCore(
  gpu: GPUDevice,
  traits: Traits = {},
  { backlog, half = false, maxBytes }: CoreOptions = {},
): Core {
  const { state, refused } = reportsOf(gpu);
  const queue = makeQueue(gpu, backlog);
  const { inOrder } = queue;
  const pool = makePool(gpu, { refused, inOrder, ...maxBytes !== undefined && { maxBytes } });
  return {
    refused,
    half,
    gpu,
    queue,
    pool,
    state,
    arena: [],
    times: [],
    pipelines: makePipelines(),
    limits: {
      maxInvocations: gpu.limits.maxComputeInvocationsPerWorkgroup,
      maxWorkgroupBytes: gpu.limits.maxComputeWorkgroupStorageSize,
      maxStorageBuffers: gpu.limits.maxStorageBuffersPerShaderStage,
      maxBindingBytes: Math.min(gpu.limits.maxStorageBufferBindingSize, gpu.limits.maxBufferSize),
      ...traits,
    },
    collected: new FinalizationRegistry((block) => releaseBlock(pool, block)),
    pressure: makePressure({
      bytesInUse: pool.bytesInUse,
      blocksInUse: pool.countInUse,
      litters: true,
      ...maxBytes !== undefined && { maxBytes },
    }),
    resident: { seen: new WeakSet(), buffers: new WeakMap() },
  };
}

/** Throws what the device has reported since the last time; errors come later than the calls that cause them. */
export function requireAlive({ state }: Core): void {
  const { lost, error } = state;
  if (lost !== null) {
    throw new DeviceError(
      "webgpu",
      `Cannot use webgpu as its device must not be lost: current reason is ${lost}; open it again`,
    );
  }
  if (error === null) return;
  state.error = null;
  throw new DeviceError("webgpu", error);
}

/** Makes the handle of a block; its memory is given back when the handle is collected. */
export function makeBuffer(
  { pool, collected, pressure }: Core,
  device: Device,
  spec: TensorSpec,
  block: Block,
): WebgpuBuffer {
  const { shape, dtype } = spec;
  const buffer: WebgpuBuffer = {
    device,
    spec: { shape, dtype },
    block,
    free: () => releaseBlock(pool, block),
  };
  collected.register(buffer, block);
  pressure.took();
  return buffer;
}

/** Waits until the times of all runs so far are told. */
export async function timesTold({ times }: Core): Promise<void> {
  await Promise.all(times.splice(0));
}

/** Bytes of all buffers that exist. */
export function bytesHeld({ pool, arena }: Core): number {
  return arena.reduce((sum, { size }) => sum + size, pool.bytes());
}

/**
 * Gives all memory back; the device cannot be used again. Where the engine can wait inside a call, all that is queued is
 * done before: a process that ends while a software adapter computes on threads of its own may crash at its end.
 */
export function closeCore({ state, pool, arena, gpu, queue }: Core): void {
  if (state.lost === null) queue.drain().catch(() => {}); // of a device that is lost nothing is left to wait for
  state.lost ??= "closed";
  pool.destroy();
  arena.splice(0).forEach((buffer) => buffer.destroy());
  gpu.destroy();
}
