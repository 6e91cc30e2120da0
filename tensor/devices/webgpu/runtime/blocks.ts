/** @file Memory of tensors on a webgpu device. */
import { bytesOf } from "../../../compiler/schedule/draft.ts";
import type { TensorSpec } from "../../../spec.ts";
import type { BufferPool } from "./pool.ts";

/** Memory of one tensor, given back once. */
export interface Block {
  readonly buffer: GPUBuffer;
  /** False once it is given back, or taken over by a result. */
  taken: boolean;
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
