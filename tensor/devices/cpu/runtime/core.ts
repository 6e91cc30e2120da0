import type { BlockBuffer, Resident, Store } from "../../../compiler/bindings.ts";
import { makePressure, type Pressure } from "../../../compiler/pressure.ts";
import type { Device } from "../../../device.ts";
import type { TensorSpec, TypedArray } from "../../../spec.ts";
import { hasRelaxedSimd, type KernelStore } from "./assemble.ts";
import { type Block, copyBlock, readBlock, refuseReleased, releaseBlock, takeBlock, writeBlock } from "./blocks.ts";
import type { Engine, PassListener } from "./engine.ts";
import type { ProgramImage } from "../image.ts";
import { type Heap, makeHeap } from "./memory.ts";
import { OWN_BYTES } from "./local_engine.ts";

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
  /** Where kernels are kept beyond this process. */
  readonly store: KernelStore | undefined;
  /** Memory and threads. */
  readonly engine: Engine;
  /** Gives back the memory of collected buffers. */
  readonly collectedBlocks: FinalizationRegistry<Block>;
  /** Makes threads forget collected programs. */
  readonly collectedPrograms: FinalizationRegistry<number>;
  readonly resident: Resident<Block>;
  readonly pressure: Pressure;
  /** What was done so far. */
  readonly count: { submits: number; readBacks: number };
  /** Whom to tell of the passes of a program, if anyone asked; weak. */
  readonly listeners: WeakMap<ProgramImage, PassListener>;
  /** One arena for the temporaries of all programs, as only one runs at a time; private scratch of each thread. */
  readonly shared: { arena: Region; scratch: Region; programs: number; closed: boolean };
}

/**
 * Makes the parts of a cpu device.
 *
 * @param engine Memory and threads.
 * @param options `relaxedSimd`: false to do without fused multiply-adds. `maxBytes`: upper bound of the memory. `kernels`: where
 * they are kept beyond this process.
 * @returns What the device is made of.
 */
export function makeCore(
  engine: Engine,
  { relaxedSimd, maxBytes, kernels }: {
    readonly relaxedSimd: boolean;
    readonly maxBytes?: number | undefined;
    readonly kernels?: KernelStore | undefined;
  },
): Core {
  const heap = makeHeap(engine, { first: OWN_BYTES, ...maxBytes === undefined ? {} : { maxBytes } });
  const none = { address: 0, bytes: 0 };
  return {
    heap,
    engine,
    relaxed: relaxedSimd && hasRelaxedSimd(),
    store: kernels,
    collectedBlocks: new FinalizationRegistry((block) => releaseBlock(heap, block)),
    collectedPrograms: new FinalizationRegistry((program) => engine.drop(program)),
    count: { submits: 0, readBacks: 0 },
    listeners: new WeakMap(),
    pressure: makePressure({ bytesInUse: heap.used, blocksInUse: heap.count, maxBytes: heap.maxBytes }),
    resident: { seen: new WeakSet(), buffers: new WeakMap() },
    shared: { arena: none, scratch: none, programs: 0, closed: false },
  };
}

/** Ends the threads. */
export function closeCore({ shared, engine }: Core): void {
  shared.closed = true;
  engine.close();
}

/** Makes the handle of a block; its memory is given back when the handle is collected. */
function makeBuffer(
  { heap, engine, collectedBlocks, pressure }: Core,
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
    ...engine.isHere && {
      peek: () => block.taken ? readBlock(engine, block, { shape, dtype }) as TypedArray : undefined,
    },
  };
  collectedBlocks.register(buffer, block);
  pressure.took();
  return buffer;
}

/** The memory of a device, as programs are bound to it. */
export function storeOf(core: Core, device: Device): Store<Block> {
  const { heap, engine, resident } = core;
  return {
    resident,
    take: (spec) => takeBlock(heap, spec),
    write: (block, values, spec) => writeBlock(engine, block, values, spec),
    copy(block, spec) {
      const copy = takeBlock(heap, spec);
      copyBlock(engine, block, copy, spec);
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
