/** @file Values of tensors in the memory of a cpu device. */
import { DeviceError } from "../../../errors.ts";
import { bytesOf } from "../../../compiler/schedule/draft.ts";
import { valuesOfWords, wordsOf } from "../../../host_words.ts";
import type { TensorSpec, TypedArray } from "../../../spec.ts";
import type { Engine } from "./engine.ts";
import type { Heap } from "./memory.ts";

/** A part of the heap that holds one tensor and is given back once. */
export interface Block {
  readonly address: number;
  /** False once it is given back, or taken over by a result. */
  taken: boolean;
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

/** Copies host values into a block. */
export function writeBlock(engine: Engine, { address }: Block, values: TypedArray, { dtype }: TensorSpec): void {
  engine.write(address, wordsOf(values, dtype));
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
  const words = engine.read(block.address, bytesOf(spec) / 4);
  return words instanceof Uint32Array ? valuesOfWords(words, spec) : words.then((words) => valuesOfWords(words, spec));
}
