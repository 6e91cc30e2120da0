/** @file Values of tensors in the memory of a cpu device. */
import { DeviceError } from "../../../errors.ts";
import { DTYPES, sizeOf, type TensorSpec, type TypedArray } from "../../../spec.ts";
import type { Engine } from "./engine.ts";
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
export function copyBlock(engine: Engine, from: Block, to: Block, spec: TensorSpec): void {
  engine.copy(from.address, to.address, bytesOf(spec));
}

/** Copies host values into a block. Bools take four bytes on the device. */
export function writeBlock(engine: Engine, { address }: Block, values: TypedArray): void {
  const isBytes = values instanceof Uint8Array;
  engine.write(address, isBytes ? values : new Uint32Array(values.buffer, values.byteOffset, values.length));
}

/** Throws if a block holds no values any more. */
export function refuseReleased({ taken }: Block, { shape }: TensorSpec): void {
  if (taken) return;
  throw new DeviceError(
    "cpu",
    `Cannot read a tensor as its memory must not be given back or donated: current shape is [${shape}]`,
  );
}

/**
 * Copies the values of a block to the host.
 *
 * @returns The values, or a promise of them where the memory is not here.
 */
export function readBlock(engine: Engine, block: Block, spec: TensorSpec): TypedArray | Promise<TypedArray> {
  refuseReleased(block, spec);
  const words = engine.read(block.address, sizeOf(spec.shape));
  return words instanceof Uint32Array ? valuesOf(words, spec) : words.then((words) => valuesOf(words, spec));
}

function valuesOf(words: Uint32Array, { dtype }: TensorSpec): TypedArray {
  if (dtype === "bool") return Uint8Array.from(words);
  if (dtype === "uint32") return words;
  return dtype === "int32" ? new Int32Array(words.buffer) : new Float32Array(words.buffer);
}
