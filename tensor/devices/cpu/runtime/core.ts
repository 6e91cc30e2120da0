import type { BlockBuffer, Resident, Store } from "../../../compiler/bindings.ts";
import { makePressure, type Pressure } from "../../../compiler/pressure.ts";
import type { Device } from "../../../device.ts";
import type { TensorSpec } from "../../../spec.ts";
import { hasRelaxedSimd, loadAssembler } from "./assemble.ts";
import { type Block, copyBlock, readBlock, refuseReleased, releaseBlock, takeBlock, writeBlock } from "./blocks.ts";
import { CONTROL_BYTES, type Instances, type Member, type WorkerMessage } from "./crew.ts";
import { type Heap, makeHeap } from "./memory.ts";
import { startWorkers, type Thread } from "./threads.ts";
import { makeTurns, type Turns } from "./turns.ts";

/** A range of the heap whose contents do not outlive a run. */
export interface Region {
  readonly address: number;
  readonly bytes: number;
}

/** Memory of a cpu device that holds one tensor. */
export type CpuBuffer = BlockBuffer<Block>;

/** What the parts of one cpu device share. */
export interface Core {
  readonly heap: Heap;
  /** True if kernels may use fused multiply-adds. */
  readonly relaxed: boolean;
  /** The calling thread. */
  readonly member: Member;
  readonly workers: readonly Thread[];
  readonly instances: Instances;
  /** Gives back the memory of collected buffers. */
  readonly collectedBlocks: FinalizationRegistry<Block>;
  /** Makes workers forget collected programs. */
  readonly collectedPrograms: FinalizationRegistry<number>;
  readonly resident: Resident<Block>;
  readonly pressure: Pressure;
  /** What was done so far. */
  readonly count: { submits: number; launches: number; readBacks: number };
  /** Whatever reads or writes tensors waits here for the assembler, in order. */
  readonly turns: Turns;
  /** One arena for the temporaries of all programs, as only one runs at a time; private scratch of each thread. */
  readonly shared: { arena: Region; scratch: Region; turn: number; programs: number; alone: boolean; closed: boolean };
}

/**
 * Starts the threads of a cpu device.
 *
 * @param threads How many, the calling one included.
 * @param relaxedSimd False to do without fused multiply-adds.
 * @param maxBytes Upper bound of the memory.
 * @returns What the device is made of.
 */
export function makeCore(threads: number, relaxedSimd: boolean, maxBytes?: number): Core {
  const heap = makeHeap(maxBytes);
  const control = heap.allocate(CONTROL_BYTES);
  const workers = startWorkers(Math.max(1, threads) - 1);
  const member = (index: number): Member => ({ index, count: workers.length + 1, memory: heap.memory, control });
  workers.forEach((worker, i) => tell(worker, { kind: "join", member: member(i + 1) }));
  const none = { address: 0, bytes: 0 };
  return {
    heap,
    relaxed: relaxedSimd && hasRelaxedSimd(),
    member: member(0),
    workers,
    instances: new WeakMap(),
    collectedBlocks: new FinalizationRegistry((block) => releaseBlock(heap, block)),
    collectedPrograms: new FinalizationRegistry((program) =>
      workers.forEach((worker) => tell(worker, { kind: "drop", program }))
    ),
    count: { submits: 0, launches: 0, readBacks: 0 },
    pressure: makePressure(() => heap.used(), heap),
    turns: makeTurns(loadAssembler()),
    resident: { seen: new WeakSet(), buffers: new WeakMap() },
    shared: { arena: none, scratch: none, turn: 0, programs: 0, alone: workers.length === 0, closed: false },
  };
}

/** Sends a message to a worker. */
export function tell(worker: Thread, message: WorkerMessage): void {
  worker.postMessage(message);
}

/** Ends the threads. */
export function closeCore({ shared, workers }: Core): void {
  shared.closed = true;
  workers.forEach((worker) => worker.terminate());
}

/** Makes the handle of a block; its memory is given back when the handle is collected. */
function makeBuffer(
  { heap, collectedBlocks, pressure, turns }: Core,
  device: Device,
  spec: TensorSpec,
  block: Block,
): CpuBuffer {
  const { shape, dtype } = spec;
  const buffer: CpuBuffer = {
    device,
    spec: { shape, dtype },
    block,
    free: () => releaseBlock(heap, block),
    peek: () => block.taken && turns.open ? readBlock(heap, block, { shape, dtype }) : undefined,
  };
  collectedBlocks.register(buffer, block);
  pressure.took();
  return buffer;
}

/** The memory of a device, as programs are bound to it. */
export function storeOf(core: Core, device: Device): Store<Block> {
  const { heap, resident, turns } = core;
  return {
    resident,
    take: (spec) => takeBlock(heap, spec),
    write: (block, values) => turns.take(() => writeBlock(heap, block, values)),
    copy(block, spec) {
      const copy = takeBlock(heap, spec);
      turns.take(() => copyBlock(heap, block, copy, spec));
      return copy;
    },
    passOn: ({ address }) => ({ address, taken: true }),
    release: (block) => releaseBlock(heap, block),
    refuseReleased,
    handle: (spec, block) => makeBuffer(core, device, spec, block),
  };
}

/** Makes a region at least this large; its old contents are lost. */
export function growRegion({ shared, heap }: Core, name: "arena" | "scratch", bytes: number): void {
  const region = shared[name];
  if (region.bytes >= bytes) return;
  shared[name] = { address: 0, bytes: 0 };
  if (region.bytes > 0) heap.free(region.address);
  shared[name] = { address: heap.allocate(bytes), bytes };
}
