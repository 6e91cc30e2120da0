/** @file The webgpu device: WGSL through `navigator.gpu`, one submit a run. */
import { type Backend, compilingDevice, type Loaded } from "../compiler/compiling_device.ts";
import type { Schedule, Step, WgslKernel, WgslLimits } from "../compiler/kernel.ts";
import { planSlots } from "../compiler/plan.ts";
import { type Device, type DeviceBuffer, registerDevice } from "../device.ts";
import { DeviceError } from "../errors.ts";
import { DTYPES, sizeOf, type TensorSpec, type TypedArray } from "../spec.ts";
import { bufferOf, leafSource, type Tensor } from "../tensor.ts";
import { emitMapWgsl } from "./emit/map.ts";
import { emitReduceWgsl } from "./emit/reduce.ts";
import { type Launch, makeLaunch, type Pipelines, submit } from "./runtime/launch.ts";
import { type BufferPool, makePool } from "./runtime/pool.ts";

/** Settings of a webgpu device. */
export interface WebgpuOptions {
  /** Adapter to use; the first that the system offers if left out. */
  readonly adapter?: GPUAdapter;
  /** Limits to ask for instead of all that the adapter has, as to try how a smaller GPU does. */
  readonly limits?: Readonly<Record<string, number>>;
}

/** What the parts of one device share. */
interface Core {
  readonly gpu: GPUDevice;
  readonly pool: BufferPool;
  readonly pipelines: Pipelines;
  readonly limits: WgslLimits;
  readonly collected: FinalizationRegistry<Block>;
  /** The first error that the device reported, until it has been thrown; why it was lost. */
  readonly state: { error: string | null; lost: string | null };
}

/** Memory of one tensor, given back once. */
interface Block {
  readonly buffer: GPUBuffer;
  taken: boolean;
}

interface WebgpuBuffer extends DeviceBuffer {
  readonly block: Block;
}

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
export async function webgpuDevice({ adapter, limits }: WebgpuOptions = {}): Promise<Device> {
  const chosen = adapter ?? await globalThis.navigator.gpu?.requestAdapter() ?? refuse("current adapter is null");
  const requiredLimits = limits ?? Object.fromEntries(RAISED.map((name) => [name, chosen.limits[name]]));
  const gpu = await chosen.requestDevice({ requiredLimits }).catch((cause) => refuse(`current error is ${cause}`));
  const core = makeCore(gpu);
  const device: Device = compilingDevice(backendOf(core, () => device));
  return device;
}

function refuse(found: string): never {
  throw new DeviceError(
    "webgpu",
    `Cannot open webgpu as there must be an adapter: ${found}; install a driver, or the software adapter ` +
      "(apt-get install mesa-vulkan-drivers libvulkan1) and set XDG_RUNTIME_DIR, or use the cpu device",
  );
}

function makeCore(gpu: GPUDevice): Core {
  const state: Core["state"] = { error: null, lost: null };
  gpu.addEventListener("uncapturederror", (event) => {
    event.preventDefault();
    state.error ??= (event as GPUUncapturedErrorEvent).error.message;
  });
  gpu.lost.then(({ message, reason }) => state.lost ??= message || reason);
  const pool = makePool(gpu);
  return {
    gpu,
    pool,
    state,
    pipelines: new Map(),
    limits: {
      maxInvocations: gpu.limits.maxComputeInvocationsPerWorkgroup,
      maxWorkgroupBytes: gpu.limits.maxComputeWorkgroupStorageSize,
      maxStorageBuffers: gpu.limits.maxStorageBuffersPerShaderStage,
    },
    collected: new FinalizationRegistry((block) => release(pool, block)),
  };
}

function backendOf(core: Core, self: () => Device): Backend {
  return {
    name: "webgpu",
    limits: { maxInputs: core.limits.maxStorageBuffers - 1 },
    load: (schedule) => load(core, self(), schedule),
    read: (buffer) => read(core, (buffer as WebgpuBuffer).block, buffer.spec),
    async synchronize() {
      requireAlive(core);
      await core.gpu.queue.onSubmittedWorkDone();
      requireAlive(core);
    },
    close() {
      core.pool.destroy();
      core.gpu.destroy();
    },
  };
}

function requireAlive({ state }: Core): void {
  const { lost, error } = state;
  if (lost !== null) {
    throw new DeviceError(
      "webgpu",
      `Cannot use webgpu as its device must not be lost: current reason is ${lost}; open it again`,
    );
  }
  if (error === null) return;
  state.error = null;
  throw new DeviceError("webgpu", `Cannot run on webgpu as the device reported an error: current error is ${error}`);
}

function release(pool: BufferPool, block: Block): void {
  if (block.taken) pool.give(block.buffer);
  block.taken = false;
}

function bytesOf({ shape, dtype }: TensorSpec): number {
  return sizeOf(shape) * DTYPES[dtype].bytes;
}

function requireTaken({ taken }: Block, { shape }: TensorSpec): void {
  if (taken) return;
  throw new DeviceError(
    "webgpu",
    `Cannot read a tensor as its memory must not be given back or donated: current shape is [${shape}]`,
  );
}

async function read(core: Core, block: Block, spec: TensorSpec): Promise<TypedArray> {
  requireAlive(core);
  requireTaken(block, spec);
  const bytes = bytesOf(spec);
  if (bytes === 0) return new DTYPES[spec.dtype].Array(0);
  const staging = core.gpu.createBuffer({ size: bytes, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const encoder = core.gpu.createCommandEncoder();
  encoder.copyBufferToBuffer(block.buffer, 0, staging, 0, bytes);
  core.gpu.queue.submit([encoder.finish()]);
  try {
    await staging.mapAsync(GPUMapMode.READ);
  } catch (cause) {
    requireAlive(core);
    throw new DeviceError("webgpu", `Cannot read a tensor as its buffer must map: current error is ${cause}`, {
      cause,
    });
  }
  const words = new Uint32Array(staging.getMappedRange().slice(0));
  staging.destroy();
  requireAlive(core);
  if (spec.dtype === "bool") return Uint8Array.from(words);
  if (spec.dtype === "uint32") return words;
  return spec.dtype === "int32" ? new Int32Array(words.buffer) : new Float32Array(words.buffer);
}

function upload(core: Core, values: TypedArray, spec: TensorSpec): Block {
  const buffer = core.pool.take(bytesOf(spec));
  const words = values instanceof Uint8Array ? Uint32Array.from(values) : values;
  if (words.length > 0) core.gpu.queue.writeBuffer(buffer, 0, words as Float32Array<ArrayBuffer>);
  return { buffer, taken: true };
}

function makeBuffer(core: Core, device: Device, { shape, dtype }: TensorSpec, block: Block): WebgpuBuffer {
  const buffer: WebgpuBuffer = { device, spec: { shape, dtype }, block, free: () => release(core.pool, block) };
  core.collected.register(buffer, block);
  return buffer;
}

function kernelOf(step: Step, schedule: Schedule, limits: WgslLimits): WgslKernel {
  const { kernel } = step;
  if (kernel.kind === "template") return kernel.wgsl(limits);
  const specs = (numbers: readonly number[]) => numbers.map((number) => schedule.values[number]!);
  return kernel.kind === "map"
    ? emitMapWgsl(kernel, specs(step.inputs), specs(step.outputs), inPlaceOf(step, schedule))
    : emitReduceWgsl(kernel, specs(step.inputs));
}

/** Which outputs of a step lie where one of its inputs does. */
function inPlaceOf({ inputs, outputs }: Step, { aliases }: Schedule): ReadonlyMap<number, number> {
  const pairs = outputs.map((value, i) => [i, inputs.indexOf(aliases.get(value) ?? -1)] as const);
  return new Map(pairs.filter(([, position]) => position >= 0));
}

/** Makes a schedule ready: pipelines, launches, and one buffer per slot of temporaries. */
function load(core: Core, device: Device, schedule: Schedule): Loaded {
  requireAlive(core);
  const plan = planSlots(schedule);
  const scratchSlot = schedule.values.length;
  let scratchBytes = 0;
  const launches = schedule.steps.flatMap((step) => {
    const kernel = kernelOf(step, schedule, core.limits);
    scratchBytes = Math.max(scratchBytes, kernel.scratchBytes);
    return kernel.passes.map((pass) =>
      makeLaunch(core.gpu, core.pipelines, pass, [...step.inputs, ...step.outputs, scratchSlot])
    );
  });
  const temporaries = [...plan.sizes, Math.max(scratchBytes, 4)].map((bytes) => core.pool.take(bytes));
  const table = new Array<GPUBuffer>(scratchSlot + 1);
  plan.slots.forEach((slot, value) => table[value] = temporaries[slot]!);
  table[scratchSlot] = temporaries.at(-1)!;
  const boundary = schedule.values.filter(({ role }) => role !== "temporary").reduce(
    (sum, value) => sum + bytesOf(value),
    0,
  );
  const plannedBytes = boundary + temporaries.reduce((sum, { size }) => sum + size, 0);
  const loaded: Loaded = {
    stats: { plannedBytes, launches: launches.length },
    run: (inputs) => run(core, device, schedule, launches, [...table], inputs),
  };
  // Temporaries live as long as the program can run.
  temporaries.forEach((buffer) => core.collected.register(loaded, { buffer, taken: true }));
  return loaded;
}

function run(
  core: Core,
  device: Device,
  schedule: Schedule,
  launches: readonly Launch[],
  table: GPUBuffer[],
  inputs: readonly Tensor[],
): readonly DeviceBuffer[] {
  requireAlive(core);
  const blocks = new Map<number, Block>();
  const uploaded: Block[] = [];
  schedule.inputs.forEach((value, i) => {
    const tensor = inputs[i]!;
    const source = leafSource(tensor);
    const block = source && "host" in source
      ? upload(core, source.host, tensor)
      : (bufferOf(tensor) as WebgpuBuffer).block;
    if (source && "host" in source) uploaded.push(block);
    requireTaken(block, tensor);
    blocks.set(value, block);
  });
  for (const [output, input] of schedule.aliases) {
    const given = blocks.get(input)!;
    // The result owns the memory now; one buffer given twice serves the first only.
    blocks.set(output, given.taken ? { ...given } : copyOf(core, given, schedule.values[input]!));
    given.taken = false;
  }
  schedule.values.forEach((value, number) => {
    if (value.role === "output" && !blocks.has(number)) {
      blocks.set(number, { buffer: core.pool.take(bytesOf(value)), taken: true });
    }
  });
  blocks.forEach(({ buffer }, number) => table[number] = buffer);
  submit(core.gpu, launches, table);
  const handed = new Set<Block>();
  const buffers = schedule.outputs.map((number) => {
    const spec = schedule.values[number]!;
    const block = blocks.get(number)!;
    const own = spec.role === "output" && !handed.has(block) ? block : copyOf(core, block, spec);
    handed.add(own);
    return makeBuffer(core, device, spec, own);
  });
  uploaded.forEach((block) => release(core.pool, block));
  return buffers;
}

function copyOf(core: Core, { buffer }: Block, spec: TensorSpec): Block {
  const copy = core.pool.take(bytesOf(spec));
  const encoder = core.gpu.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, copy, 0, Math.min(buffer.size, copy.size));
  core.gpu.queue.submit([encoder.finish()]);
  return { buffer: copy, taken: true };
}

registerDevice("webgpu", () => webgpuDevice());
