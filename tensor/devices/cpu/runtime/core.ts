import type { BlockBuffer, Resident, Store } from "../../../compiler/bindings.ts";
import { makePressure, type Pressure } from "../../../compiler/pressure.ts";
import type { Device } from "../../../device.ts";
import type { TensorSpec, TypedArray } from "../../../spec.ts";
import { hasRelaxedSimd, type KernelStore } from "./assemble.ts";
import {
  type Block,
  type Blocks,
  copyBlock,
  passOn,
  readBlock,
  refuseReleased,
  releaseBlock,
  takeBlock,
  takeNear,
  writeBlock,
} from "./blocks.ts";
import type { Engine, PassListener } from "./engine.ts";
import type { ProgramImage } from "../image.ts";
import { makeHeap, outOfMemory } from "./heap.ts";
import { OWN_BYTES } from "./local_engine.ts";

/** A range of the first memory whose contents do not outlive a run. */
export interface Region {
  readonly address: number;
  readonly bytes: number;
}

const NONE: Region = { address: 0, bytes: 0 };

/** What such ranges are for: the temporaries of a program; scratch of each thread. */
type RegionName = "arena" | "scratch";

/** Memory of a cpu device that holds one tensor. */
export type CpuBuffer = BlockBuffer<Block>;

/** What the parts of one cpu device share. */
export interface Core extends Blocks {
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
 * @param options `relaxedSimd`: false to do without fused multiply-adds. `maxBytes`: upper bound of the memory; `nearBytes`: of
 * the first one. `kernels`: where they are kept beyond this process.
 * @returns What the device is made of.
 */
export function makeCore(
  engine: Engine,
  { relaxedSimd, maxBytes, nearBytes, kernels }: {
    readonly relaxedSimd: boolean;
    readonly maxBytes?: number | undefined;
    readonly nearBytes?: number | undefined;
    readonly kernels?: KernelStore | undefined;
  },
): Core {
  const blocks: Blocks = { heap: makeHeap(engine, { first: OWN_BYTES, maxBytes, nearBytes }), near: new Map() };
  const { heap } = blocks;
  return {
    ...blocks,
    engine,
    relaxed: relaxedSimd && hasRelaxedSimd(),
    store: kernels,
    collectedBlocks: new FinalizationRegistry((block) => releaseBlock(blocks, block)),
    collectedPrograms: new FinalizationRegistry((program) => engine.drop(program)),
    count: { submits: 0, readBacks: 0 },
    listeners: new WeakMap(),
    pressure: makePressure({ bytesInUse: heap.used, blocksInUse: heap.count, maxBytes: heap.nearBytes }),
    resident: { seen: new WeakSet(), buffers: new WeakMap() },
    shared: { arena: NONE, scratch: NONE, programs: 0, closed: false },
  };
}

/** Ends the threads. */
export function closeCore({ shared, engine }: Core): void {
  shared.closed = true;
  engine.close();
}

/** Makes the handle of a block; its memory is given back when the handle is collected. */
function makeBuffer(
  core: Core,
  device: Device,
  spec: TensorSpec,
  block: Block,
): CpuBuffer {
  const { engine, collectedBlocks, pressure } = core;
  const { shape, dtype } = spec;
  const buffer: CpuBuffer = {
    device,
    spec: { shape, dtype },
    block,
    free: () => releaseBlock(core, block),
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
  const { engine, resident } = core;
  return {
    resident,
    take: (spec) => takeBlock(core, spec),
    write: (block, values, spec) => writeBlock(engine, block, values, spec),
    copy(block, spec) {
      const copy = takeBlock(core, spec);
      copyBlock(engine, block, copy, spec);
      return copy;
    },
    passOn: (block) => passOn(core, block),
    release: (block) => releaseBlock(core, block),
    refuseReleased,
    handle: (spec, block) => makeBuffer(core, device, spec, block),
  };
}

/**
 * Makes the regions at least so large; their old contents are lost.
 *
 * @throws {DeviceError} If the first memory has no room for them.
 */
export function growRegions(core: Core, wanted: Readonly<Record<RegionName, number>>): void {
  const { shared, heap, engine } = core;
  const names: readonly RegionName[] = ["arena", "scratch"];
  if (names.every((name) => shared[name].bytes >= wanted[name])) return;
  const sizes = names.map((name) => Math.max(shared[name].bytes, wanted[name]));
  for (const name of names) { // all of them: one that stayed might lie in the way of another
    if (shared[name].bytes > 0) heap.free(shared[name].address);
    shared[name] = NONE;
  }
  names.forEach((name, i) => {
    const bytes = sizes[i]!;
    if (bytes === 0) return;
    const address = takeNear(core, engine, bytes);
    if (address === null) throw outOfMemory(bytes, heap.nearBytes, heap.used());
    shared[name] = { address, bytes };
  });
}
