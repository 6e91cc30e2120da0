/** @file The cpu device: WebAssembly with SIMD, made at run time, on every core. */
import { type Backend, compilingDevice, type Loaded } from "../../compiler/compiling_device.ts";
import type { Schedule, Step } from "../../compiler/kernel.ts";
import type { WatKernel, WatOptions } from "../../compiler/kernel_text.ts";
import { type MemoryPlan, planMemory } from "../../compiler/schedule/plan.ts";
import { type LaunchListener, launchTeller } from "../../compiler/profile.ts";
import { type Device, registerDevice } from "../../device.ts";
import { DeviceError, requireOptions } from "../../errors.ts";
import type { Tensor } from "../../tensor.ts";
import { emitMapWat } from "./emit/map.ts";
import { emitReduceWat } from "./emit/reduce.ts";
import { templateWat } from "./kernels/template.ts";
import { assemble } from "./runtime/assemble.ts";
import { bindBlocks, type Bindings, handOut } from "../../compiler/bindings.ts";
import { type Block, bytesOf, readBlock } from "./runtime/blocks.ts";
import { closeCore, type Core, type CpuBuffer, growRegion, makeCore, storeOf, tell } from "./runtime/core.ts";
import { CREW, type Launch, sharedLaunches } from "./runtime/crew.ts";

/** Passes that take less than this many nanoseconds run on one thread. */
const SHARE_ABOVE = 30_000;
/** Bytes between the starts of what lies in the arena. */
const ALIGNMENT = 64;

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
  /** Upper bound of the memory in bytes, 4 GiB at most and by default. */
  readonly maxBytes?: number;
  /** Called after each launch, to see where the time goes. Nothing is timed without it. */
  readonly onLaunch?: LaunchListener;
}

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
  requireOptions("cpuDevice", options, {
    threads: true,
    relaxedSimd: true,
    winograd: true,
    maxBytes: true,
    onLaunch: true,
  });
  const { threads = navigator.hardwareConcurrency, relaxedSimd = true, winograd = true, maxBytes, onLaunch } = options;
  const core = makeCore(threads, relaxedSimd, maxBytes);
  const backend: Backend = {
    name: "cpu",
    limits: { maxInputs: 16, maxBuffers: 32 },
    maxBytes: maxBytes ?? 2 ** 32,
    load: (schedule) => load(core, device, schedule, { winograd, onLaunch }),
    async read(buffer) {
      await core.turns.done();
      core.count.readBacks++;
      return readBlock(core.heap, (buffer as CpuBuffer).block, buffer.spec);
    },
    synchronize: () => core.turns.done(),
    counters: () => ({ ...core.count, waits: 0, bytes: core.heap.memory.buffer.byteLength }),
    pressure: core.pressure,
    close: () => closeCore(core),
  };
  const device = compilingDevice(backend);
  return device;
}

/** A schedule as launches, with the memory that it needs. */
interface Prepared {
  readonly schedule: Schedule;
  /** Passes of all kernels. */
  readonly passes: number;
  /** Assembles them, at the first call; all threads know them then. */
  launches(): readonly Launch[];
  /** Number by which the workers know the launches. */
  readonly program: number;
  /** Where temporaries and the scratch of each step lie in the arena. */
  readonly plan: MemoryPlan;
  /** Private scratch of one thread. */
  readonly localBytes: number;
  /** Called after each launch, if anyone asked. */
  readonly onLaunch?: (index: number, start: number, milliseconds: number) => void;
}

/** What of the settings matters when a schedule is loaded. */
interface LoadOptions extends WatOptions {
  readonly onLaunch: LaunchListener | undefined;
}

function load(core: Core, device: Device, schedule: Schedule, options: LoadOptions): Loaded {
  const prepared = prepare(core, schedule, options);
  const { passes, program, plan } = prepared;
  if (core.turns.open) prepared.launches();
  // What takes the place of an input is counted once.
  const lasting = schedule.values.filter(({ role }, value) => role !== "temporary" && !schedule.aliases.has(value));
  const plannedBytes = lasting.reduce((sum, value) => sum + bytesOf(value), plan.bytes);
  const loaded: Loaded = {
    stats: { plannedBytes, launches: passes },
    run: (inputs) => run(core, device, prepared, inputs),
    ready: () => core.turns.done().then(() => void prepared.launches()),
  };
  core.collectedPrograms.register(loaded, program);
  return loaded;
}

/** Writes the kernels, and plans the memory. */
function prepare(core: Core, schedule: Schedule, { onLaunch, ...options }: LoadOptions): Prepared {
  const kernels = schedule.steps.map((step) => kernelOf(step, schedule, options));
  const scratchBytes = kernels.map((kernel) => kernel.scratchBytes);
  const localBytes = kernels.reduce((most, kernel) => Math.max(most, kernel.localBytes), 0);
  const program = core.shared.programs++;
  return {
    schedule,
    passes: kernels.reduce((sum, { passes }) => sum + passes.length, 0),
    launches: once(() => {
      const launches = launchesOf(core, schedule, kernels);
      core.workers.forEach((worker) => tell(worker, { kind: "load", program, launches }));
      return launches;
    }),
    program,
    plan: planMemory(schedule, { alignment: ALIGNMENT, inPlace: true, scratchBytes }),
    localBytes: Math.ceil(localBytes / ALIGNMENT) * ALIGNMENT,
    ...(onLaunch ? { onLaunch: launchTeller(schedule, kernels.map(({ passes }) => passes), onLaunch) } : {}),
  };
}

/** Assembles kernels. */
function launchesOf(core: Core, { steps, values }: Schedule, kernels: readonly WatKernel[]): readonly Launch[] {
  return kernels.flatMap(({ passes }, i) => {
    const { inputs, outputs } = steps[i]!;
    return passes.map(({ code, items, itemCost }): Launch => ({
      module: assemble(code, core.relaxed),
      slots: [...inputs, ...outputs, values.length + i], // scratch of the steps comes after all values
      items,
      parallel: core.workers.length > 0 && items > 1 && items * itemCost > SHARE_ABOVE,
    }));
  });
}

/** A function that computes its value at the first call. */
function once<T>(compute: () => T): () => T {
  const made: { value?: T } = {};
  return () => made.value ??= compute();
}

function kernelOf({ kernel, inputs, outputs }: Step, { values }: Schedule, options: WatOptions): WatKernel {
  if (kernel.kind === "template") return templateWat(kernel, options);
  const specs = (numbers: readonly number[]) => numbers.map((number) => values[number]!);
  return kernel.kind === "map"
    ? emitMapWat(kernel, specs(inputs), specs(outputs))
    : emitReduceWat(kernel, specs(inputs));
}

function run(core: Core, device: Device, prepared: Prepared, inputs: readonly Tensor[]): ReturnType<Loaded["run"]> {
  const { shared, member } = core;
  if (shared.closed) throw new DeviceError("cpu", "Cannot run as the device must be open: current state is closed");
  growRegion(core, "arena", prepared.plan.bytes);
  growRegion(core, "scratch", prepared.localBytes * member.count);
  const store = storeOf(core, device);
  const bindings = bindBlocks(store, prepared.schedule, inputs);
  const [table, scratch] = [addresses(core, prepared, bindings), core.shared.scratch.address];
  core.turns.take(() => execute(core, prepared, table, scratch));
  return handOut(store, prepared.schedule, bindings);
}

/** Byte address of each value, then of the scratch of each step. */
function addresses({ shared }: Core, { schedule, plan }: Prepared, { blocks }: Bindings<Block>): readonly number[] {
  const { address } = shared.arena;
  const values = schedule.values.map((_, value) =>
    blocks.get(value)?.address ?? address + (plan.offsets.get(value) ?? 0)
  );
  return [...values, ...schedule.steps.map((_, step) => address + (plan.scratch.get(step) ?? 0))];
}

function execute(core: Core, prepared: Prepared, table: readonly number[], scratch: number): void {
  const { program, localBytes, onLaunch } = prepared;
  const { shared, member, workers } = core;
  const launches = prepared.launches();
  const run = { table, firstTurn: shared.turn };
  const turns = sharedLaunches(launches);
  shared.turn += turns;
  core.count.submits++;
  core.count.launches += launches.length;
  const scratchOf = (index: number) => scratch + index * localBytes;
  if (turns > 0) shared.alone ||= !CREW.allJoined(member);
  if (turns > 0 && !shared.alone) {
    workers.forEach((worker, i) => tell(worker, { kind: "run", program, run, scratch: scratchOf(i + 1) }));
  }
  try {
    CREW.runLaunches(
      launches,
      run,
      shared.alone ? { ...member, count: 1 } : member,
      scratchOf(0),
      core.instances,
      onLaunch,
    );
  } catch (cause) {
    // Threads no longer agree on where they are: nothing can run here any more.
    CREW.reportFailure(member);
    closeCore(core);
    throw new DeviceError("cpu", `Cannot run a program as a kernel failed: current error is ${cause}`, { cause });
  }
}

registerDevice("cpu", (options) => cpuDevice(options as CpuOptions));
