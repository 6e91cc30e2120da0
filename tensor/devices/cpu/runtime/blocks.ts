/** @file Values of tensors in the memory of a cpu device. */
import { DeviceError } from "../../../errors.ts";
import { bytesOf } from "../../../compiler/schedule/draft.ts";
import { valuesOfWords, wordsOf } from "../../../host_words.ts";
import type { TensorSpec, TypedArray } from "../../../spec.ts";
import type { Engine } from "./engine.ts";
import { type Heap, memoryOf } from "./heap.ts";

/** A part of the heap that holds one tensor and is given back once. */
export interface Block {
  /** Where it lies, until it is moved. */
  address: number;
  /** False once it is given back, or taken over by a result. */
  taken: boolean;
}

/** Where blocks are, and which of them the first memory holds, by address. */
export interface Blocks {
  readonly heap: Heap;
  readonly near: Map<number, Block>;
}

/** Notes where a block lies. */
function noted({ near }: Blocks, block: Block): Block {
  if (memoryOf(block.address) === 0) near.set(block.address, block);
  return block;
}

/** Takes memory for a tensor. */
export function takeBlock(blocks: Blocks, spec: TensorSpec): Block {
  return noted(blocks, { address: blocks.heap.allocate(bytesOf(spec)), taken: true });
}

/** A new record of the memory of a block. */
export function passOn(blocks: Blocks, { address }: Block): Block {
  return noted(blocks, { address, taken: true });
}

/** Gives memory back, if that was not done before. */
export function releaseBlock({ heap, near }: Blocks, block: Block): void {
  if (!block.taken) return;
  heap.free(block.address);
  near.delete(block.address);
  block.taken = false;
}

/**
 * Takes a range of the first memory. Where it has no room, blocks are moved to others, the last ones first: what is free at
 * the end of the memory grows.
 *
 * @returns Its address; null if there is no room, whatever is moved.
 */
export function takeNear({ heap, near }: Blocks, engine: Engine, bytes: number): number | null {
  for (;;) {
    const address = heap.allocateNear(bytes);
    const last = [...near.keys()].reduce((a, b) => Math.max(a, b), -1);
    if (address !== null || last < 0) return address;
    const to = heap.allocateFar(heap.bytesOf(last));
    if (to === null) return null;
    engine.copy(last, to, heap.bytesOf(last));
    near.get(last)!.address = to;
    heap.free(last);
    near.delete(last);
  }
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
