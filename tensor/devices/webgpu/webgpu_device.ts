/** @file The webgpu device: WGSL through `navigator.gpu`, one submit a run. */
import { type Backend, compilingDevice, type Loaded } from "../../compiler/compiling_device.ts";
import type { ScheduledProgram } from "../../compiler/kernel.ts";
import type { LaunchListener } from "../../compiler/profile.ts";
import { bindBlocks, handOut } from "../../compiler/bindings.ts";
import { prepare, type Program, shadersOf } from "./program.ts";
import { runProgram } from "./run_program.ts";
import { growArena } from "./runtime/arena.ts";
import { type Device, registerDevice } from "../../device.ts";
import { DeviceError, requireKind, requireOptions } from "../../errors.ts";
import type { Tensor } from "../../tensor.ts";
import { bytesOf } from "../../compiler/schedule/draft.ts";
import { webgpuPart } from "./brought.ts";
import {
  bytesHeld,
  closeCore,
  type Core,
  makeCore,
  requireAlive,
  timesTold,
  type WebgpuBuffer,
} from "./runtime/core.ts";
import { preparePipelines } from "./runtime/pipelines.ts";
import type { Backlog } from "./runtime/queue.ts";
import { findSubgroup, requestWithSubgroups } from "./runtime/subgroup.ts";
import { readBlock, storeOf } from "./runtime/transfers.ts";
import type { TuningTable } from "./tuning/table.ts";

/** Settings of a webgpu device. */
export interface WebgpuOptions {
  /** Adapter to use; the first that the system offers if left out. */
  readonly adapter?: GPUAdapter;
  /** Limits to ask for instead of all that the adapter has, as to try how a smaller GPU does. */
  readonly limits?: Readonly<Record<string, number>>;
  /** How much a loop that never awaits may queue: 65,536 launches and 256 MiB of host values if left out. */
  readonly backlog?: Backlog;
  /**
   * Upper bound of the memory of tensors in bytes: what the driver gives if left out, of a software adapter 4 GiB, as it takes
   * the memory of the host.
   */
  readonly maxBytes?: number;
  /**
   * Called after each launch, to see where the time goes: runs take longer then, as kernels that share a launch otherwise are
   * launched one by one. Nothing is timed without it.
   */
  readonly onLaunch?: LaunchListener;
  /** Tiles of an adapter, of `deno task tune`; what is known of such adapters if left out. */
  readonly tuning?: TuningTable;
  /** False to compute convolutions directly: by Winograd's method they are faster, and round differently. */
  readonly winograd?: boolean;
  /** False to do without handing values between invocations that run together, where the adapter can. */
  readonly subgroups?: boolean;
  /**
   * `f16` keeps activations and their cotangents in memory as float16, and computes in float32; `f32` if left out. Weights,
   * statistics, and whatever a program is given or returns stay float32. Gradients that go through it may overflow and vanish:
   * scale the loss.
   */
  readonly precision?: "f32" | "f16";
}

/** What `precision: "f16"` does, for errors. */
const HALF = "keep activations in float16";
/** What a launch of several updates keeps until another reads it: updates of all parameters of most networks. */
const TURN_BYTES = 2 ** 28;
/** Kernels of small programs are shared with other programs: joined, each program would have shaders of its own to compile. */
const TURN_STEPS = 32;
/** Bounds where a processor stands in for the GPU. */
const SOFTWARE_BOUNDS = { maxBytes: 2 ** 32 };

/** Limits that a larger adapter may raise, and that the kernels make use of. */
const RAISED = ["maxStorageBufferBindingSize", "maxBufferSize", "maxStorageBuffersPerShaderStage"] as const;

/**
 * Opens the GPU.
 *
 * @param options Adapter and limits.
 * @returns The device.
 * @throws {DeviceError} If there is no WebGPU or no adapter, with what to install.
 *
 * @example Usage
 * ```ts no-assert
 * import { add, tensor, webgpuDevice } from "@tessera/tessera/tensor";
 *
 * const open = () => webgpuDevice(); // rejects where there is no adapter
 * const three = async () => await add(tensor(1), 2).item({ device: await open() });
 * ```
 */
export async function webgpuDevice(options: WebgpuOptions = {}): Promise<Device> {
  requireOptions("webgpuDevice", options, {
    adapter: true,
    limits: true,
    backlog: true,
    maxBytes: true,
    onLaunch: true,
    tuning: true,
    winograd: true,
    subgroups: true,
    precision: true,
  });
  const core = await openCore(options);
  const device: Device = compilingDevice(backendOf(core, () => device, options.onLaunch));
  return device;
}

/**
 * Opens the GPU without a device around it, as a tuner does.
 *
 * @param options Adapter and limits; with `onLaunch` timestamps are asked for.
 * @returns What the parts of a device share.
 */
export async function openCore(
  { adapter, limits, winograd = true, subgroups = true, onLaunch, tuning, precision = "f32", ...bounds }:
    WebgpuOptions = {},
): Promise<Core> {
  const isAdapter = adapter === undefined || typeof adapter?.requestDevice === "function";
  requireKind(
    "open webgpu",
    "adapter",
    adapter,
    isAdapter,
    "a GPUAdapter, such as await navigator.gpu.requestAdapter()",
  );
  const chosen = adapter ?? await globalThis.navigator.gpu?.requestAdapter() ?? refuse("current adapter is null");
  const half = precision === "f16";
  const requiredLimits = limits ?? Object.fromEntries(RAISED.map((name) => [name, chosen.limits[name]]));
  const wanted: readonly GPUFeatureName[] = [
    ...onLaunch ? ["timestamp-query" as const] : [],
    ...half ? ["shader-f16" as const] : [],
  ];
  const descriptor = { requiredLimits, requiredFeatures: wanted.filter((name) => chosen.features.has(name)) };
  const opened = subgroups ? requestWithSubgroups(chosen, descriptor) : chosen.requestDevice(descriptor);
  const gpu = await opened.catch((cause) => refuse(`current error is ${cause}`));
  const subgroup = await findSubgroup(gpu);
  const { isFallbackAdapter: software = false, vendor = "" } = chosen.info ?? {};
  const traits = { software, winograd, vendor: vendor.toLowerCase(), ...subgroup && { subgroup } };
  if (onLaunch) webgpuPart("times", "time launches").requireTimes(gpu);
  if (half) await webgpuPart("half", HALF).requireHalf(gpu);
  return makeCore(gpu, { ...traits, ...tuning && { tiles: tuning.tiles } }, {
    ...software && SOFTWARE_BOUNDS,
    ...bounds,
    half,
  });
}

function refuse(found: string): never {
  throw new DeviceError(
    "webgpu",
    `Cannot open webgpu as there must be an adapter: ${found}; install a driver, or the software adapter ` +
      "(apt-get install mesa-vulkan-drivers libvulkan1) and set XDG_RUNTIME_DIR, or use the cpu device",
  );
}

function backendOf(core: Core, self: () => Device, onLaunch?: LaunchListener): Backend {
  return {
    name: "webgpu",
    limits: {
      maxInputs: core.limits.maxStorageBuffers - 1,
      maxBuffers: core.limits.maxStorageBuffers,
      joins: true,
      turnBytes: TURN_BYTES,
      turnSteps: TURN_STEPS,
    },
    load: (schedule) => load(core, self(), schedule, onLaunch),
    async read(buffer) {
      const values = await readBlock(core, (buffer as WebgpuBuffer).block, buffer.spec);
      await timesTold(core);
      return values;
    },
    async synchronize() {
      requireAlive(core);
      await core.queue.drain();
      await timesTold(core);
      requireAlive(core);
    },
    counters: () => ({ ...core.queue.counters(), bytes: bytesHeld(core) }),
    pressure: core.pressure,
    close: () => closeCore(core),
  };
}

function load(core: Core, device: Device, given: ScheduledProgram, onLaunch?: LaunchListener): Loaded {
  requireAlive(core);
  const schedule = core.half ? webgpuPart("half", HALF).chooseHalf(given) : given;
  const program = prepare(core, schedule, { onLaunch });
  // What takes the place of an input is counted once.
  const lasting = schedule.values.filter(({ role }, value) => role !== "temporary" && !schedule.aliases.has(value));
  const arenaBytes = program.arena.chunks.reduce((sum, bytes) => sum + bytes, 0);
  return {
    stats: {
      plannedBytes: lasting.reduce((sum, value) => sum + bytesOf(value), arenaBytes),
      launches: program.launches,
    },
    ready: () => preparePipelines(core.gpu, core.pipelines, shadersOf(program)),
    run: (inputs) => run(core, device, program, inputs),
  };
}

function run(core: Core, device: Device, program: Program, inputs: readonly Tensor[]): ReturnType<Loaded["run"]> {
  requireAlive(core);
  core.queue.holdBack();
  growArena(core.queue, core.arena, program.arena.chunks, core.refused);
  const store = storeOf(core, device);
  const bindings = bindBlocks(store, program.schedule, inputs);
  runProgram(core, program, new Map([...bindings.blocks].map(([value, { buffer }]) => [value, buffer])));
  return handOut(store, program.schedule, bindings);
}

registerDevice("webgpu", (options) => webgpuDevice(options as WebgpuOptions));
