/** @file Values of tensors on their way to, on and from a webgpu device. */
import { bytesOf } from "../../../compiler/schedule/draft.ts";
import type { Store } from "../../../compiler/bindings.ts";
import { CollectiveError } from "../../../collective.ts";
import type { Device } from "../../../device.ts";
import { DeviceError } from "../../../errors.ts";
import { valuesOfWords, wordsOf } from "../../../host_words.ts";
import { DTYPES, type TensorSpec, type TypedArray } from "../../../spec.ts";
import { type Block, releaseBlock, takeBlock } from "./blocks.ts";
import { type Core, makeBuffer, requireAlive } from "./core.ts";

/** Takes memory for a tensor and copies a block of its spec there. */
function copyBlock({ pool, gpu, queue }: Core, { buffer }: Block, spec: TensorSpec): Block {
  const copy = takeBlock(pool, spec);
  const encoder = gpu.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, copy.buffer, 0, bytesOf(spec));
  queue.submit(encoder.finish(), 0);
  return copy;
}

/** Queues a copy of host values into a block. */
export function writeBlock({ queue }: Core, { buffer }: Block, values: TypedArray, { dtype }: TensorSpec): void {
  queue.write(buffer, wordsOf(values, dtype));
}

/** Throws if a block holds no values any more. */
function refuseReleased({ taken }: Block, { shape }: TensorSpec): void {
  if (taken) return;
  throw new DeviceError(
    "webgpu",
    `Cannot read a tensor as its memory must not be given back or donated: current shape is [${shape}]`,
  );
}

/** Copies the values of a block to the host, when they are computed. */
export async function readBlock(core: Core, block: Block, spec: TensorSpec): Promise<TypedArray> {
  requireAlive(core);
  refuseReleased(block, spec);
  const bytes = bytesOf(spec);
  if (bytes === 0) return new DTYPES[spec.dtype].Array(0);
  const staging = core.gpu.createBuffer({ size: bytes, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const encoder = core.gpu.createCommandEncoder();
  encoder.copyBufferToBuffer(block.buffer, 0, staging, 0, bytes);
  core.queue.submit(encoder.finish(), 0);
  try {
    await core.queue.map(staging);
  } catch (cause) {
    if (cause instanceof CollectiveError) throw cause; // nothing after it is computed
    await new Promise((resolve) => setTimeout(resolve, 0)); // the reason of a loss comes a turn after it
    requireAlive(core);
    const message = `Cannot read a tensor as its buffer must map: current error is ${cause}`;
    throw new DeviceError("webgpu", message, { cause });
  }
  const words = new Uint32Array(staging.getMappedRange().slice(0));
  staging.destroy();
  requireAlive(core);
  return valuesOfWords(words, spec);
}

/** The memory of a device, as programs are bound to it. The order of the queue keeps released blocks safe. */
export function storeOf(core: Core, device: Device): Store<Block> {
  const { pool, resident } = core;
  return {
    resident,
    bindsOnce: true, // all bindings may be written, and what is may lie under no other
    take: (spec) => takeBlock(pool, spec),
    write: (block, values, spec) => writeBlock(core, block, values, spec),
    copy: (block, spec) => copyBlock(core, block, spec),
    passOn: ({ buffer }) => ({ buffer, taken: true }),
    release: (block) => releaseBlock(pool, block),
    refuseReleased,
    handle: (spec, block) => makeBuffer(core, device, spec, block),
  };
}
