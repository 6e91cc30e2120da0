/** @file The memory that one run of a program reads and writes. */
import type { Schedule } from "../../compiler/kernel.ts";
import type { Device, DeviceBuffer } from "../../device.ts";
import { bufferOf, leafSource, type Tensor } from "../../tensor.ts";
import { type Block, releaseBlock, takeBlock } from "./blocks.ts";
import { type Core, makeBuffer, type WebgpuBuffer } from "./core.ts";
import { copyBlock, refuseReleased, writeBlock } from "./transfers.ts";

/** Blocks of the inputs and outputs of a run, by number of the value. */
export interface Bindings {
  readonly blocks: ReadonlyMap<number, Block>;
  /** Blocks that this run took. */
  readonly taken: readonly Block[];
}

/** Where the values of an input lie; host values are copied. Those that come a second time stay on the device. */
function inputBlock(core: Core, device: Device, x: Tensor, taken: Block[]): Block {
  const source = leafSource(x);
  const { seen, buffers } = core.resident;
  const buffer = (source && "host" in source ? buffers.get(x) : bufferOf(x)) as WebgpuBuffer | undefined;
  if (buffer) {
    refuseReleased(buffer.block, x);
    return buffer.block;
  }
  const block = takeBlock(core.pool, x);
  writeBlock(core, block, (source as { readonly host: Float32Array }).host);
  if (seen.has(x)) buffers.set(x, makeBuffer(core, device, x, block));
  else taken.push(block);
  seen.add(x);
  return block;
}

/** Memory of a donated input for a result: its own, unless it is still needed. */
function donatedBlock(core: Core, x: Tensor, given: Block): Block {
  // Host values that stay on the device may be read again; a buffer given twice serves the first result only.
  if (core.resident.buffers.has(x) || !given.taken) return copyBlock(core, given, x);
  given.taken = false;
  return { buffer: given.buffer, taken: true };
}

/**
 * Finds or takes memory for the inputs and outputs of a run.
 *
 * @param core The device.
 * @param device The device, as its users know it.
 * @param schedule The program.
 * @param inputs A leaf for each input.
 * @returns The blocks. Donated buffers are taken over.
 */
export function bindBlocks(core: Core, device: Device, schedule: Schedule, inputs: readonly Tensor[]): Bindings {
  const { values, aliases } = schedule;
  const blocks = new Map<number, Block>();
  const taken: Block[] = [];
  try {
    schedule.inputs.forEach((value, i) => blocks.set(value, inputBlock(core, device, inputs[i]!, taken)));
    values.forEach((value, number) => {
      if (value.role !== "output" || aliases.has(number)) return;
      blocks.set(number, takeBlock(core.pool, value));
      taken.push(blocks.get(number)!);
    });
    for (const [output, input] of aliases) {
      const block = donatedBlock(core, inputs[schedule.inputs.indexOf(input)]!, blocks.get(input)!);
      // Kernels that work in place write through the binding of the input.
      blocks.set(output, block).set(input, block);
      taken.push(block);
    }
  } catch (error) {
    taken.forEach((block) => releaseBlock(core.pool, block));
    throw error;
  }
  return { blocks, taken };
}

/**
 * Hands out the results of a run and gives back the rest of what it took; the order of the queue keeps it safe.
 *
 * @returns One buffer for each output of the program.
 */
export function handOut(
  core: Core,
  device: Device,
  schedule: Schedule,
  { blocks, taken }: Bindings,
): readonly DeviceBuffer[] {
  const handed = new Set<Block>();
  const buffers = schedule.outputs.map((number) => {
    const spec = schedule.values[number]!;
    const block = blocks.get(number)!;
    // A result that is an input itself, or stands twice among the results, gets memory of its own.
    const own = spec.role === "output" && !handed.has(block) ? block : copyBlock(core, block, spec);
    handed.add(own);
    return makeBuffer(core, device, spec, own);
  });
  taken.forEach((block) => handed.has(block) || releaseBlock(core.pool, block));
  return buffers;
}
