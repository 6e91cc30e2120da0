/** @file The memory that one run of a program reads and writes, the same for every compiling device. */
import type { DeviceBuffer } from "../device.ts";
import type { TensorSpec, TypedArray } from "../spec.ts";
import { bufferOf, leafSource, type Tensor } from "../tensor.ts";
import type { ProgramValues } from "./kernel.ts";

/** Memory of one tensor, given back once. */
export interface Block {
  /** False once it is given back, or taken over by a result. */
  taken: boolean;
}

/** Memory of a device that holds one tensor. */
export interface BlockBuffer<B extends Block> extends DeviceBuffer {
  /** The memory. */
  readonly block: B;
}

/** Host values that programs read again and again, such as tables inside a compiled function. Documented cache; weak. */
export interface Resident<B extends Block> {
  /** Leaves that were uploaded once. */
  readonly seen: WeakSet<Tensor>;
  /** Leaves that came a second time and stay. */
  readonly buffers: WeakMap<Tensor, BlockBuffer<B>>;
}

/** What a device does with blocks. */
export interface Store<B extends Block> {
  readonly resident: Resident<B>;
  /** True if a launch may not bind memory under two numbers: a tensor that is given twice is copied. */
  readonly bindsOnce?: boolean;
  /** Takes memory for a tensor. */
  take(spec: TensorSpec): B;
  /** Copies host values into a block. */
  write(block: B, values: TypedArray, spec: TensorSpec): void;
  /** Takes memory for a tensor and copies a block of its spec there. */
  copy(block: B, spec: TensorSpec): B;
  /** A new record of the same memory. */
  passOn(block: B): B;
  /** Gives memory back, if that was not done before. */
  release(block: B): void;
  /** Throws if a block holds no values any more. */
  refuseReleased(block: B, spec: TensorSpec): void;
  /** Makes the handle of a block. */
  handle(spec: TensorSpec, block: B): BlockBuffer<B>;
}

/** Blocks of the inputs and outputs of a run, by number of the value. */
export interface Bindings<B extends Block> {
  readonly blocks: ReadonlyMap<number, B>;
  /** Blocks that belong to this run: it hands them out or gives them back. */
  readonly taken: ReadonlySet<B>;
}

/** Where the values of an input lie; host values are copied. Those that come a second time stay on the device. */
function inputBlock<B extends Block>(store: Store<B>, x: Tensor, taken: Set<B>): B {
  const source = leafSource(x);
  const { seen, buffers } = store.resident;
  const buffer = (source && "host" in source ? buffers.get(x) : bufferOf(x)) as BlockBuffer<B> | undefined;
  if (buffer) {
    store.refuseReleased(buffer.block, x);
    return buffer.block;
  }
  const block = store.take(x);
  store.write(block, (source as { readonly host: TypedArray }).host, x);
  if (seen.has(x)) buffers.set(x, store.handle(x, block));
  else taken.add(block);
  seen.add(x);
  return block;
}

/** The same, of a tensor of which others were `given`: where a launch binds memory once, a second time is a copy. */
function ownBlock<B extends Block>(store: Store<B>, x: Tensor, given: Set<B>, taken: Set<B>): B {
  const block = inputBlock(store, x, taken);
  if (!store.bindsOnce || !given.has(block)) {
    given.add(block);
    return block;
  }
  const copy = store.copy(block, x);
  taken.add(copy);
  return copy;
}

/** Memory of a donated input that now belongs to the run; null if it is still needed. */
function donatedBlock<B extends Block>(store: Store<B>, x: Tensor, given: B): B | null {
  // Host values that stay on the device may be read again; a buffer given twice serves the first result only.
  if (store.resident.buffers.has(x) || !given.taken) return null;
  const block = store.passOn(given);
  given.taken = false;
  return block;
}

/**
 * Finds or takes memory for the inputs and outputs of a run.
 *
 * @param store The device's memory.
 * @param schedule The program.
 * @param inputs A leaf for each input.
 * @returns The blocks. Donated buffers are taken over.
 */
export function bindBlocks<B extends Block>(
  store: Store<B>,
  schedule: ProgramValues,
  inputs: readonly Tensor[],
): Bindings<B> {
  const { values, aliases, spent } = schedule;
  const blocks = new Map<number, B>();
  const taken = new Set<B>();
  const leaves = new Map(schedule.inputs.map((value, i) => [value, inputs[i]!]));
  const donated = (input: number) => donatedBlock(store, leaves.get(input)!, blocks.get(input)!);
  try {
    const given = new Set<B>();
    schedule.inputs.forEach((value, i) => blocks.set(value, ownBlock(store, inputs[i]!, given, taken)));
    values.forEach((value, number) => {
      if (value.role !== "output" || aliases.has(number)) return;
      blocks.set(number, store.take(value));
      taken.add(blocks.get(number)!);
    });
    for (const [output, input] of aliases) {
      const block = donated(input) ?? store.copy(blocks.get(input)!, values[input]!);
      // Kernels that work in place read and write through one binding.
      blocks.set(output, block).set(input, block);
      taken.add(block);
    }
    for (const input of spent) {
      const block = donated(input);
      if (!block) continue;
      blocks.set(input, block);
      taken.add(block);
    }
  } catch (error) {
    taken.forEach((block) => store.release(block));
    throw error;
  }
  return { blocks, taken };
}

/**
 * Hands out the results of a run and gives back the rest of what it took.
 *
 * @returns One buffer for each output of the program.
 */
export function handOut<B extends Block>(
  store: Store<B>,
  schedule: ProgramValues,
  { blocks, taken }: Bindings<B>,
): readonly DeviceBuffer[] {
  const handed = new Set<B>();
  const buffers = schedule.outputs.map((number) => {
    const spec = schedule.narrow?.get(number) ?? schedule.values[number]!;
    const block = blocks.get(number)!;
    // A result that is an input of somebody else, or stands twice among the results, gets memory of its own.
    const own = taken.has(block) && !handed.has(block) ? block : store.copy(block, spec);
    handed.add(own);
    return store.handle(spec, own);
  });
  taken.forEach((block) => handed.has(block) || store.release(block));
  return buffers;
}
