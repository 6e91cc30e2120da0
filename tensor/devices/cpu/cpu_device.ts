/** @file The cpu device: WebAssembly with SIMD, made at run time, on every core. */
import { type Backend, compilingDevice, type Loaded } from "../../compiler/compiling_device.ts";
import type { ProductReruns } from "../../compiler/schedule/reruns.ts";
import type { FusionLimits } from "../../compiler/fuse.ts";
import type { TileKind } from "../../contraction/tile.ts";
import type { LaunchListener } from "../../compiler/profile.ts";
import { type Device, registerDevice } from "../../device.ts";
import { DeviceError, type OptionNames, requireOptions } from "../../errors.ts";
import type { Tensor } from "../../tensor.ts";
import { bindBlocks, type Bindings, handOut, type Store } from "../../compiler/bindings.ts";
import { addressesOf, type ProgramImage } from "./image.ts";
import { writeConstants } from "../../compiler/schedule/write_constants.ts";
import type { LoadOptions } from "./program.ts";
import { hasMemories, type KernelStore } from "./runtime/assemble.ts";
import { type Block, readBlock } from "./runtime/blocks.ts";
import { closeCore, type Core, type CpuBuffer, growRegions, makeCore, storeOf } from "./runtime/core.ts";
import type { Engine } from "./runtime/engine.ts";
import { MEMORIES, MEMORY_BYTES, memoryOf, MOST_BYTES } from "./runtime/heap.ts";
import { localEngine } from "./runtime/local_engine.ts";
import { fastestTiles } from "./runtime/fastest_tiles.ts";
import { type CpuLoaded, recall } from "./recall.ts";
import { lastingBytes, nearNeeds, type Source, type Variants, variantsOf } from "./variants.ts";

/** Settings of a cpu device. */
export interface CpuOptions {
  /** Threads, one a core by default. Results do not depend on it. */
  readonly threads?: number;
  /** False to do without fused multiply-adds even where the engine has them. */
  readonly relaxedSimd?: boolean;
  /**
   * False to compute every convolution by its definition. By default large ones with kernels of 3×3 at stride 1 and 4×4 at stride 2
   * take Winograd's method: a third of the multiplications, with a rounding error two or three times as large.
   */
  readonly winograd?: boolean;
  /**
   * How many sums, rows × columns, products keep in registers; found out by a trial by default. `"4x8"` loads least, `"6x8"`
   * has more sums, `"6x16"` is for engines that join neighbouring vectors of 128 bits, as V8 does with
   * `--experimental-wasm-revectorize`. Results are the same to the bit.
   */
  readonly tiles?: TileKind;
  /**
   * Where assembled kernels are kept beyond this process, as by `kernelCache`: a second run assembles nothing. What is read
   * there is run.
   */
  readonly kernels?: KernelStore;
  /**
   * Upper bound of the memory in bytes: 4 GiB by default, 16 GiB at most. What is beyond 4 GiB holds inputs and results of
   * programs; what they compute on their way must fit into the first 4 GiB.
   */
  readonly maxBytes?: number;
  /**
   * Called after each launch, to see where the time goes; kernels that share one otherwise are then launched one by one. Nothing
   * is timed without it.
   */
  readonly onLaunch?: LaunchListener;
}

/**
 * Products that are made again to save memory, in programs that need much of it: a hundredth, and more of them where they take
 * half the time and two processes hold memory.
 */
const RERUNS: Readonly<Record<"narrow" | "wide", ProductReruns>> = {
  narrow: { share: 1 / 100, least: 2 ** 25 },
  wide: { share: 1 / 40, least: 2 ** 25 },
};

/** Operations of the smallest program that is kept. */
const KEPT_NODES = 256;

/** What a launch of several updates keeps until the next launch reads it: as much as stays in the cache of a core. */
const TURN_BYTES = 2 ** 20;

/** Names of CpuOptions. */
export const CPU_OPTIONS: OptionNames<CpuOptions> = {
  threads: true,
  relaxedSimd: true,
  winograd: true,
  tiles: true,
  kernels: true,
  maxBytes: true,
  onLaunch: true,
};

/**
 * Opens a cpu device.
 *
 * @param options Threads, relaxed SIMD, memory.
 * @returns The device. Workers start at once and end with `close` or the process.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { add, cpuDevice, tensor } from "@tessera/tessera/tensor";
 *
 * const device = cpuDevice({ threads: 1 });
 * equal(await add(tensor(1), 2).item({ device }), 3);
 * device.close();
 * ```
 */
export function cpuDevice(options: CpuOptions = {}): Device {
  requireOptions("cpuDevice", options, CPU_OPTIONS);
  return cpuDeviceOn(localEngine(options.threads ?? navigator.hardwareConcurrency), options);
}

/** Settings that come with an engine. */
interface OwnOptions {
  /** True to refuse the texts of others. */
  readonly ownKernels?: boolean;
  /** Upper bound of the first memory; 4 GiB if not given. */
  readonly nearBytes?: number;
  /** Operations from which on a program is kept beyond this process; fewer are planned in no time. */
  readonly keptNodes?: number;
}

/**
 * Makes a device on an engine.
 *
 * @param engine Memory and threads.
 * @param options As of `cpuDevice`, `threads` aside, and those of the engine.
 * @returns The device.
 */
export function cpuDeviceOn(
  engine: Engine,
  { relaxedSimd = true, winograd = true, tiles, maxBytes, kernels, onLaunch, ...own }: CpuOptions & OwnOptions,
): Device {
  const { ownKernels = false, nearBytes, keptNodes = KEPT_NODES } = own;
  if (maxBytes !== undefined) refuseBound(maxBytes);
  const core = makeCore(engine, { relaxedSimd, maxBytes, nearBytes, kernels });
  const chosen = () => tiles ?? (core.relaxed ? fastestTiles() : "4x8");
  const choices: LoadOptions = { winograd, tiles: chosen, ownKernels, onLaunch };
  const limits: FusionLimits = {
    maxInputs: 16,
    maxBuffers: 32,
    turnBytes: TURN_BYTES,
    reruns: RERUNS[tiles === "6x16" ? "wide" : "narrow"],
  };
  const loadSource = (source: Source) => load(core, device, source, choices);
  const backend: Backend<CpuLoaded> = {
    name: "cpu",
    limits,
    maxBytes: core.heap.maxBytes,
    load: (given) => {
      const schedule = writeConstants(given);
      return loadSource({ schedule: () => schedule });
    },
    recall: (asked) => recall(core, asked, { ...choices, limits, keptNodes }, loadSource),
    async read(buffer) {
      core.count.readBacks++;
      return await readBlock(core.engine, (buffer as CpuBuffer).block, buffer.spec);
    },
    synchronize: () => core.engine.done(),
    ...engine.flush && { flush: engine.flush },
    counters: () => ({ ...core.count, launches: core.engine.launches(), waits: 0, bytes: sizeOfAll(core.engine) }),
    pressure: core.pressure,
    close: () => closeCore(core),
  };
  const device = compilingDevice(backend);
  return device;
}

/** Throws if there cannot be so much memory. */
function refuseBound(maxBytes: number): void {
  if (maxBytes <= MEMORY_BYTES) return;
  const [most, where] = hasMemories() ? [MOST_BYTES, ""] : [MEMORY_BYTES, " where the engine has one memory"];
  if (maxBytes <= most) return;
  throw new DeviceError(
    "cpu",
    `Cannot open a cpu device as maxBytes must be at most ${most}${where}: current maxBytes is ${maxBytes}`,
  );
}

/** Bytes of all memories. */
function sizeOfAll(engine: Engine): number {
  return Array.from({ length: MEMORIES }, (_, memory) => engine.size(memory)).reduce((a, b) => a + b);
}

function load(core: Core, device: Device, source: Source, options: LoadOptions): CpuLoaded {
  const variants = variantsOf(core, source, options);
  const { program, standsFor } = variants.usual;
  return {
    plain: standsFor.size > 0 ? null : program,
    stats: { plannedBytes: lastingBytes(program.values) + program.arenaBytes, launches: program.launches },
    run: (inputs) => run(core, device, variants, inputs),
  };
}

function run(core: Core, device: Device, variants: Variants, inputs: readonly Tensor[]): ReturnType<Loaded["run"]> {
  const { shared, engine, listeners } = core;
  if (shared.closed || !engine.isOpen()) {
    throw new DeviceError("cpu", "Cannot run as the device must be open: current state is closed");
  }
  growRegions(core, nearNeeds(core, variants.usual.program));
  const store = storeOf(core, device);
  const { values } = variants.usual.program;
  const bindings = bindBlocks(store, values, inputs);
  const { image, table } = placed(core, variants, bindings, store);
  core.count.submits++;
  engine.run(image, table, shared.scratch.address, (each) => listeners.get(each));
  return handOut(store, values, bindings);
}

/** The form of a program for operands that lie where these do, and where everything lies. */
function placed(
  core: Core,
  { usual, staged }: Variants,
  { blocks, taken }: Bindings<Block>,
  store: Store<Block>,
): { readonly image: ProgramImage; readonly table: readonly number[] } {
  const isFar = (block: Block | undefined) => block !== undefined && memoryOf(block.address) > 0;
  try {
    const { program, standsFor } = blocks.values().some(isFar) ? staged() : usual;
    growRegions(core, nearNeeds(core, program)); // may move blocks, which staging does not mind
    const addressOf = (value: number) => {
      const block = blocks.get(standsFor.get(value) ?? value);
      return standsFor.has(value) && isFar(block) ? undefined : block?.address;
    };
    return { image: program.image(), table: addressesOf(program.places, core.shared.arena.address, addressOf) };
  } catch (error) {
    taken.forEach((block) => store.release(block));
    throw error;
  }
}

registerDevice("cpu", (options) => cpuDevice(options as CpuOptions));
