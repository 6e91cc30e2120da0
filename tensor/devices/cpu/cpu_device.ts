/** @file The cpu device: WebAssembly with SIMD, made at run time, on every core. */
import { type Backend, compilingDevice, type Loaded } from "../../compiler/compiling_device.ts";
import type { ProductReruns } from "../../compiler/schedule/reruns.ts";
import type { ScheduledProgram } from "../../compiler/kernel.ts";
import type { TileKind } from "../../contraction/tile.ts";
import type { LaunchListener } from "../../compiler/profile.ts";
import { type Device, registerDevice } from "../../device.ts";
import { DeviceError, type OptionNames, requireOptions } from "../../errors.ts";
import type { Tensor } from "../../tensor.ts";
import { bindBlocks, handOut } from "../../compiler/bindings.ts";
import { addressesOf } from "./image.ts";
import { bytesOf } from "../../compiler/schedule/draft.ts";
import { writeConstants } from "../../compiler/schedule/write_constants.ts";
import { type LoadOptions, prepare, type Program } from "./program.ts";
import type { KernelStore } from "./runtime/assemble.ts";
import { readBlock } from "./runtime/blocks.ts";
import { closeCore, type Core, type CpuBuffer, growRegion, makeCore, storeOf } from "./runtime/core.ts";
import type { Engine } from "./runtime/engine.ts";
import { localEngine } from "./runtime/local_engine.ts";
import { fastestTiles } from "./runtime/fastest_tiles.ts";

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
  /** Upper bound of the memory in bytes, 4 GiB at most and by default. */
  readonly maxBytes?: number;
  /** Called after each launch, to see where the time goes. Nothing is timed without it. */
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

/**
 * Makes a device on an engine.
 *
 * @param engine Memory and threads.
 * @param options As of `cpuDevice`, `threads` aside; `ownKernels`: true to refuse the texts of others.
 * @returns The device.
 */
export function cpuDeviceOn(
  engine: Engine,
  { relaxedSimd = true, winograd = true, tiles, ownKernels = false, maxBytes, kernels, onLaunch }: CpuOptions & {
    readonly ownKernels?: boolean;
  },
): Device {
  const core = makeCore(engine, { relaxedSimd, maxBytes, kernels });
  const chosen = () => tiles ?? (core.relaxed ? fastestTiles() : "4x8");
  const backend: Backend = {
    name: "cpu",
    limits: { maxInputs: 16, maxBuffers: 32, reruns: RERUNS[tiles === "6x16" ? "wide" : "narrow"] },
    maxBytes: maxBytes ?? 2 ** 32,
    load: (schedule) => load(core, device, schedule, { winograd, tiles: chosen, ownKernels, onLaunch }),
    async read(buffer) {
      core.count.readBacks++;
      return await readBlock(core.engine, (buffer as CpuBuffer).block, buffer.spec);
    },
    synchronize: () => core.engine.done(),
    ...engine.flush && { flush: engine.flush },
    counters: () => ({ ...core.count, launches: core.engine.launches(), waits: 0, bytes: core.engine.size() }),
    pressure: core.pressure,
    close: () => closeCore(core),
  };
  const device = compilingDevice(backend);
  return device;
}

function load(core: Core, device: Device, given: ScheduledProgram, options: LoadOptions): Loaded {
  const schedule = writeConstants(given);
  const written = prepare(core, schedule, options);
  const image = written.image();
  core.engine.load(image);
  const program = { ...written, image: () => image };
  // What takes the place of an input is counted once.
  const lasting = schedule.values.filter(({ role }, value) => role !== "temporary" && !schedule.aliases.has(value));
  const plannedBytes = lasting.reduce((sum, value) => sum + bytesOf(value), program.plan.bytes);
  const loaded: Loaded = {
    stats: { plannedBytes, launches: program.passes },
    run: (inputs) => run(core, device, program, inputs),
  };
  program.lists.forEach((number) => core.collectedPrograms.register(loaded, number));
  return loaded;
}

function run(core: Core, device: Device, program: Program, inputs: readonly Tensor[]): ReturnType<Loaded["run"]> {
  const { shared, engine, listeners } = core;
  if (shared.closed || !engine.isOpen()) {
    throw new DeviceError("cpu", "Cannot run as the device must be open: current state is closed");
  }
  growRegion(core, "arena", program.plan.bytes);
  growRegion(core, "scratch", program.localBytes * engine.threads);
  const store = storeOf(core, device);
  const bindings = bindBlocks(store, program.schedule, inputs);
  const table = addressesOf(program.places, shared.arena.address, (value) => bindings.blocks.get(value)?.address);
  const scratch = shared.scratch.address;
  core.count.submits++;
  engine.run(program.image(), table, scratch, (each) => listeners.get(each));
  return handOut(store, program.schedule, bindings);
}

registerDevice("cpu", (options) => cpuDevice(options as CpuOptions));
