/** @file Values of tensors in the memory of a cpu device. */
import { DeviceError } from "../../../errors.ts";
import { DTYPES, sizeOf, type TensorSpec, type TypedArray } from "../../../spec.ts";
import type { Heap } from "./memory.ts";

/** A part of the heap that holds one tensor and is given back once. */
export interface Block {
  readonly address: number;
  /** False once it is given back, or taken over by a result. */
  taken: boolean;
}

/** Bytes that a tensor takes. */
export function bytesOf({ shape, dtype }: TensorSpec): number {
  return sizeOf(shape) * DTYPES[dtype].bytes;
}

/** Takes memory for a tensor. */
export function takeBlock(heap: Heap, spec: TensorSpec): Block {
  return { address: heap.allocate(bytesOf(spec)), taken: true };
}

/** Gives memory back, if that was not done before. */
export function releaseBlock(heap: Heap, block: Block): void {
  if (block.taken) heap.free(block.address);
  block.taken = false;
}

/** Copies the values of a block of a spec to another. */
export function copyBlock({ memory }: Heap, from: Block, to: Block, spec: TensorSpec): void {
  new Uint8Array(memory.buffer).copyWithin(to.address, from.address, from.address + bytesOf(spec));
}

/** Copies host values into a block. Bools take four bytes on the device. */
export function writeBlock({ memory }: Heap, { address }: Block, values: TypedArray): void {
  const target = new Uint32Array(memory.buffer, address, values.length);
  if (values instanceof Uint8Array) target.set(values);
  else target.set(new Uint32Array(values.buffer, values.byteOffset, values.length));
}

/** Throws if a block holds no values any more. */
export function refuseReleased({ taken }: Block, { shape }: TensorSpec): void {
  if (taken) return;
  throw new DeviceError(
    "cpu",
    `Cannot read a tensor as its memory must not be given back or donated: current shape is [${shape}]`,
  );
}

/** Copies the values of a block to the host. */
export function readBlock({ memory }: Heap, block: Block, spec: TensorSpec): TypedArray {
  refuseReleased(block, spec);
  const words = new Uint32Array(memory.buffer, block.address, sizeOf(spec.shape)).slice();
  if (spec.dtype === "bool") return Uint8Array.from(words);
  if (spec.dtype === "uint32") return words;
  return spec.dtype === "int32" ? new Int32Array(words.buffer) : new Float32Array(words.buffer);
}
