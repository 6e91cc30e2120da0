/** @file Memory of tensors on a webgpu device. */
import { DTYPES, sizeOf, type TensorSpec } from "../../spec.ts";
import type { BufferPool } from "./pool.ts";

/** Memory of one tensor, given back once. */
export interface Block {
  readonly buffer: GPUBuffer;
  /** False once it is given back, or taken over by a result. */
  taken: boolean;
}

/** Bytes that a tensor takes. */
export function bytesOf({ shape, dtype }: TensorSpec): number {
  return sizeOf(shape) * DTYPES[dtype].bytes;
}

/** Takes memory for a tensor. */
export function takeBlock(pool: BufferPool, spec: TensorSpec): Block {
  return { buffer: pool.take(bytesOf(spec)), taken: true };
}

/** Gives memory back, if that was not done before. */
export function releaseBlock(pool: BufferPool, block: Block): void {
  if (block.taken) pool.give(block.buffer);
  block.taken = false;
}
