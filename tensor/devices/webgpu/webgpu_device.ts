/** @file The webgpu device: WGSL through `navigator.gpu`, one submit a run. */
import { type Backend, compilingDevice, type Loaded } from "../../compiler/compiling_device.ts";
import type { Schedule, Step } from "../../compiler/kernel.ts";
import type { WgslKernel, WgslLimits } from "../../compiler/kernel_text.ts";
import { type LaunchListener, launchTeller } from "../../compiler/profile.ts";
import { type Device, registerDevice } from "../../device.ts";
import { DeviceError, requireOptions } from "../../errors.ts";
import type { Tensor } from "../../tensor.ts";
import { attachEpilogue } from "./emit/epilogue.ts";
import { emitMapWgsl } from "./emit/map.ts";
import { attachPrologue } from "./emit/prologue.ts";
import { emitReduceWgsl } from "./emit/reduce.ts";
import { shaderOf } from "./emit/shader.ts";
import { templateWgsl } from "./kernels/template.ts";
import { type ArenaPlan, growArena, planArena } from "./runtime/arena.ts";
import { bindBlocks, type Bindings, handOut } from "../../compiler/bindings.ts";
import { bytesOf } from "../../compiler/schedule/draft.ts";
import type { Block } from "./runtime/blocks.ts";
import { chooseHalf } from "./half/choose_half.ts";
import { requireHalf } from "./half/half_trial.ts";
import {
  bytesHeld,
  closeCore,
  type Core,
  makeCore,
  requireAlive,
  timesTold,
  type WebgpuBuffer,
} from "./runtime/core.ts";
import { bindSlot, type Launches, makeLaunches, runLaunches } from "./runtime/launch.ts";
import { refuseLarge, refusePass } from "./runtime/limits.ts";
import { preparePipelines } from "./runtime/pipelines.ts";
import type { Backlog } from "./runtime/queue.ts";
import { requireTimes, runTimed, type TellTime } from "./runtime/timed_launches.ts";
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
  /** Called after each launch, to see where the time goes: runs take longer then. Nothing is timed without it. */
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
  if (onLaunch) requireTimes(gpu);
  if (half) await requireHalf(gpu);
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

function kernelOf(step: Step, schedule: Schedule, limits: WgslLimits): WgslKernel {
  const { kernel } = step;
  const specs = (numbers: readonly number[]) => numbers.map((number) => schedule.values[number]!);
  if (kernel.kind === "template") {
    const operands = { inputs: specs(step.inputs), outputs: specs(step.outputs) };
    const plain = templateWgsl(kernel, limits);
    const begun = kernel.prologues.reduce((text, prologue) => attachPrologue(text, prologue, operands), plain);
    return kernel.epilogue ? attachEpilogue(begun, kernel.epilogue, operands) : begun;
  }
  return kernel.kind === "map"
    ? emitMapWgsl(kernel, specs(step.inputs), specs(step.outputs), inPlaceOf(step, schedule))
    : emitReduceWgsl(kernel, specs(step.inputs), { inPlace: inPlaceOf(step, schedule), subgroup: limits.subgroup });
}

/** Which outputs of a step lie where one of its inputs does. */
function inPlaceOf({ inputs, outputs }: Step, { aliases }: Schedule): ReadonlyMap<number, number> {
  const pairs = outputs.map((value, i) => [i, inputs.indexOf(aliases.get(value) ?? -1)] as const);
  return new Map(pairs.filter(([, position]) => position >= 0));
}

/** A schedule as launches, with the memory that it needs. */
interface Prepared {
  readonly schedule: Schedule;
  readonly launches: Launches;
  readonly arena: ArenaPlan;
  /** Bytes of the binding of each value, then of the scratch of each step. */
  readonly sizes: readonly number[];
  /** Told the time of each launch, if anyone asked. */
  readonly tell: TellTime | null;
}

function load(core: Core, device: Device, given: Schedule, onLaunch?: LaunchListener): Loaded {
  requireAlive(core);
  const schedule = core.half ? chooseHalf(given) : given;
  const prepared = prepare(core, schedule, onLaunch);
  // What takes the place of an input is counted once.
  const lasting = schedule.values.filter(({ role }, value) => role !== "temporary" && !schedule.aliases.has(value));
  const arenaBytes = prepared.arena.chunks.reduce((sum, bytes) => sum + bytes, 0);
  const { all } = prepared.launches;
  return {
    stats: {
      plannedBytes: lasting.reduce((sum, value) => sum + bytesOf(value), arenaBytes),
      launches: all.length,
    },
    ready: () => preparePipelines(core.gpu, core.pipelines, all.map(({ pass }) => pass)),
    run: (inputs) => run(core, device, prepared, inputs),
  };
}

/** Writes the kernels, refuses what the device does not allow, and plans the memory. Nothing is allocated or compiled. */
function prepare({ gpu, limits }: Core, schedule: Schedule, onLaunch?: LaunchListener): Prepared {
  schedule.values.forEach((value) => refuseLarge(gpu.limits, bytesOf(value), value.shape));
  const kernels = schedule.steps.map((step) => kernelOf(step, schedule, limits));
  const scratchBytes = kernels.map((kernel) => kernel.scratchBytes);
  scratchBytes.forEach((bytes) => refuseLarge(gpu.limits, bytes));
  const passes = kernels.flatMap(({ passes }, i) => {
    const { kernel, inputs, outputs } = schedule.steps[i]!;
    const slots = [...inputs, ...outputs, schedule.values.length + i]; // scratch of the steps comes after all values
    passes.forEach((pass) => refusePass(gpu.limits, pass, kernel.kind === "template" ? kernel.name : kernel.kind));
    const inPlace = outputs.some((value) => inputs.includes(schedule.aliases.get(value) ?? -1));
    const halves = new Set(slots.keys().filter((position) => schedule.values[slots[position]!]?.half));
    return passes.map((pass) => ({ pass: shaderOf(pass, halves), slots, inPlace }));
  });
  const rounded = (bytes: number) => Math.max(16, Math.ceil(bytes / 16) * 16);
  return {
    schedule,
    launches: makeLaunches(passes),
    arena: planArena(schedule, scratchBytes, gpu.limits.maxBufferSize),
    sizes: [...schedule.values.map(bytesOf), ...scratchBytes].map(rounded),
    tell: onLaunch ? launchTeller(schedule, kernels.map((kernel) => kernel.passes), onLaunch) : null,
  };
}

function run(core: Core, device: Device, prepared: Prepared, inputs: readonly Tensor[]): ReturnType<Loaded["run"]> {
  requireAlive(core);
  core.queue.holdBack();
  growArena(core.gpu, core.arena, prepared.arena.chunks, core.refused);
  const store = storeOf(core, device);
  const bindings = bindBlocks(store, prepared.schedule, inputs);
  bindMemory(core, prepared, bindings);
  const { launches, tell } = prepared;
  if (tell) core.times.push(runTimed(core.queue, core.pipelines, launches, tell));
  else runLaunches(core.queue, core.pipelines, launches);
  return handOut(store, prepared.schedule, bindings);
}

/** Tells the launches where each value lies, and each scratch. */
function bindMemory(core: Core, { arena, sizes, launches }: Prepared, { blocks }: Bindings<Block>): void {
  blocks.forEach(({ buffer }, value) => bindSlot(launches, value, { buffer, offset: 0, size: sizes[value]! }));
  arena.places.forEach(({ chunk, offset }, value) => {
    bindSlot(launches, value, { buffer: core.arena[chunk]!, offset, size: sizes[value]! });
  });
}

registerDevice("webgpu", (options) => webgpuDevice(options as WebgpuOptions));
