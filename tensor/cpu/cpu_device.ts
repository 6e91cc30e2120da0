/** @file The cpu device: WebAssembly with SIMD, made at run time, on every core. */
import { type Backend, compilingDevice, type Loaded } from "../compiler/compiling_device.ts";
import type { Schedule, Step, WatKernel } from "../compiler/kernel.ts";
import { planMemory } from "../compiler/plan.ts";
import { type Device, type DeviceBuffer, registerDevice } from "../device.ts";
import { DeviceError } from "../errors.ts";
import { DTYPES, sizeOf, type TensorSpec, type TypedArray } from "../spec.ts";
import { bufferOf, leafSource, type Tensor } from "../tensor.ts";
import { emitMapWat } from "./emit/map.ts";
import { emitReduceWat } from "./emit/reduce.ts";
import { assemble, hasRelaxedSimd } from "./runtime/assemble.ts";
import {
  CONTROL_BYTES,
  type Instances,
  type Launch,
  type Member,
  runLaunches,
  sharedLaunches,
} from "./runtime/crew.ts";
import { type Heap, makeHeap } from "./runtime/memory.ts";
import { nodeThreads, type Thread } from "./runtime/threads.ts";
import type { WorkerMessage } from "./runtime/worker.ts";

/** Passes that take less than this many nanoseconds run on one thread. */
const SHARE_ABOVE = 30_000;

/** Settings of a cpu device. */
export interface CpuOptions {
  /** Threads, one a core by default. Results do not depend on it. */
  readonly threads?: number;
  /** False to do without fused multiply-adds even where the engine has them. */
  readonly relaxedSimd?: boolean;
  /** Upper bound of the memory in bytes, 4 GiB at most and by default. */
  readonly maxBytes?: number;
}

/** What the parts of one device share. */
interface Core {
  readonly heap: Heap;
  readonly relaxed: boolean;
  readonly member: Member;
  readonly workers: readonly Thread[];
  readonly instances: Instances;
  /** Memory of collected buffers is given back. */
  readonly collected: FinalizationRegistry<Block>;
  /** One arena for the temporaries of all programs, as only one runs at a time; private scratch of each thread. */
  readonly shared: { arena: Region; scratch: Region; turn: number; programs: number; closed: boolean };
}

interface Region {
  readonly address: number;
  readonly bytes: number;
}

/** A block of the heap that is given back once. */
interface Block {
  readonly address: number;
  taken: boolean;
}

interface CpuBuffer extends DeviceBuffer {
  readonly block: Block;
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
  const core = makeCore(options);
  const backend: Backend = {
    name: "cpu",
    limits: { maxInputs: 16 },
    load: (schedule) => load(core, device, schedule),
    read: (buffer) => Promise.resolve(readBlock(core, (buffer as CpuBuffer).block, buffer.spec)),
    synchronize: () => Promise.resolve(),
    close: () => {
      core.shared.closed = true;
      core.workers.forEach((worker) => worker.terminate());
    },
  };
  const device = compilingDevice(backend);
  return device;
}

function makeCore({ threads = navigator.hardwareConcurrency, relaxedSimd = true, maxBytes }: CpuOptions): Core {
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
    instances: new Map(),
    collected: new FinalizationRegistry((block) => release(heap, block)),
    shared: { arena: none, scratch: none, turn: 0, programs: 0, closed: false },
  };
}

/** No workers where the engine has none, or where they may not share memory. */
function startWorkers(count: number): readonly Thread[] {
  if (typeof SharedArrayBuffer === "undefined") return [];
  const url = new URL("./runtime/worker.ts", import.meta.url);
  const threads = nodeThreads();
  if (!threads && typeof Worker === "undefined") return [];
  return Array.from({ length: count }, () => {
    if (!threads) return new Worker(url, { type: "module" });
    const worker = new threads.Worker(url);
    worker.unref();
    return worker;
  });
}

function tell(worker: Thread, message: WorkerMessage): void {
  worker.postMessage(message);
}

function release(heap: Heap, block: Block): void {
  if (block.taken) heap.free(block.address);
  block.taken = false;
}

function bytesOf({ shape, dtype }: TensorSpec): number {
  return sizeOf(shape) * DTYPES[dtype].bytes;
}

function makeBuffer(core: Core, device: Device, spec: TensorSpec, block: Block): CpuBuffer {
  const buffer: CpuBuffer = {
    device,
    spec: { shape: spec.shape, dtype: spec.dtype },
    block,
    free: () => release(core.heap, block),
    peek: () => readBlock(core, block, spec),
  };
  core.collected.register(buffer, block);
  return buffer;
}

function takeBlock(core: Core, spec: TensorSpec): Block {
  return { address: core.heap.allocate(bytesOf(spec)), taken: true };
}

function readBlock({ heap }: Core, { address, taken }: Block, { shape, dtype }: TensorSpec): TypedArray {
  if (!taken) {
    throw new DeviceError(
      "cpu",
      `Cannot read a tensor as its memory must not be given back or donated: current shape is [${shape}]`,
    );
  }
  const words = new Uint32Array(heap.memory.buffer, address, sizeOf(shape)).slice();
  if (dtype === "bool") return Uint8Array.from(words);
  if (dtype === "uint32") return words;
  return dtype === "int32" ? new Int32Array(words.buffer) : new Float32Array(words.buffer);
}

function writeBlock({ heap }: Core, address: number, values: TypedArray): void {
  const target = new Uint32Array(heap.memory.buffer, address, values.length);
  if (values instanceof Uint8Array) target.set(values);
  else target.set(new Uint32Array(values.buffer, values.byteOffset, values.length));
}

/** Makes a region at least this large; its old contents are lost. */
function grown(heap: Heap, region: Region, bytes: number): Region {
  if (region.bytes >= bytes) return region;
  if (region.bytes > 0) heap.free(region.address);
  return { address: heap.allocate(bytes), bytes };
}

function kernelOf(step: Step, schedule: Schedule): WatKernel {
  const { kernel } = step;
  if (kernel.kind === "template") return kernel.wat();
  const specs = (numbers: readonly number[]) => numbers.map((number) => schedule.values[number]!);
  return kernel.kind === "map"
    ? emitMapWat(kernel, specs(step.inputs), specs(step.outputs))
    : emitReduceWat(kernel, specs(step.inputs));
}

/** Makes a schedule ready: modules, launches, and offsets of all that is temporary. */
function load(core: Core, device: Device, schedule: Schedule): Loaded {
  const plan = planMemory(schedule, 64);
  const scratchSlot = schedule.values.length;
  let [scratchBytes, localBytes] = [0, 0];
  const launches = schedule.steps.flatMap((step) => {
    const kernel = kernelOf(step, schedule);
    scratchBytes = Math.max(scratchBytes, Math.ceil(kernel.scratchBytes / 64) * 64);
    localBytes = Math.max(localBytes, Math.ceil(kernel.localBytes / 64) * 64);
    return kernel.passes.map(({ code, items, itemCost }): Launch => ({
      module: assemble(code, core.relaxed),
      slots: [...step.inputs, ...step.outputs, scratchSlot],
      items,
      parallel: core.workers.length > 0 && items > 1 && items * itemCost > SHARE_ABOVE,
    }));
  });
  const program = core.shared.programs++;
  core.workers.forEach((worker) => tell(worker, { kind: "load", program, launches }));
  const arenaBytes = plan.bytes + scratchBytes;
  const boundary = schedule.values.filter(({ role }) => role !== "temporary").reduce(
    (sum, value) => sum + bytesOf(value),
    0,
  );
  const run = (inputs: readonly Tensor[]) => {
    const { shared, heap, member } = core;
    shared.arena = grown(heap, shared.arena, arenaBytes);
    shared.scratch = grown(heap, shared.scratch, localBytes * member.count);
    const table = new Array<number>(scratchSlot + 1).fill(0);
    plan.offsets.forEach((offset, value) => table[value] = shared.arena.address + offset);
    table[scratchSlot] = shared.arena.address + plan.bytes;
    return withInputs(core, device, schedule, inputs, table, () => {
      execute(core, program, launches, table, localBytes);
    });
  };
  return { stats: { plannedBytes: arenaBytes + boundary, launches: launches.length }, run };
}

/** Fills in the addresses of inputs and outputs, runs, and hands out the results. */
function withInputs(
  core: Core,
  device: Device,
  schedule: Schedule,
  inputs: readonly Tensor[],
  table: number[],
  run: () => void,
): readonly DeviceBuffer[] {
  const blocks = new Map<number, Block>();
  const uploaded: Block[] = [];
  schedule.inputs.forEach((value, i) => {
    const tensor = inputs[i]!;
    const source = leafSource(tensor);
    const block = source && "host" in source ? takeBlock(core, tensor) : (bufferOf(tensor) as CpuBuffer).block;
    if (source && "host" in source) {
      writeBlock(core, block.address, source.host);
      uploaded.push(block);
    } else if (!block.taken) readBlock(core, block, tensor); // throws: donated or freed
    blocks.set(value, block);
    table[value] = block.address;
  });
  for (const [output, input] of schedule.aliases) {
    const given = blocks.get(input)!;
    // The result owns the memory now; one buffer given twice serves the first only.
    const block = given.taken ? { ...given } : copyOf(core, given, schedule.values[input]!);
    given.taken = false;
    blocks.set(output, block);
    table[output] = block.address;
  }
  schedule.values.forEach((value, number) => {
    if (value.role !== "output" || blocks.has(number)) return;
    blocks.set(number, takeBlock(core, value));
    table[number] = blocks.get(number)!.address;
  });
  run();
  const handed = new Set<Block>();
  const buffers = schedule.outputs.map((number) => {
    const spec = schedule.values[number]!;
    const block = blocks.get(number)!;
    // A result that is an input itself, or stands twice among the results, gets memory of its own.
    const own = spec.role === "output" && !handed.has(block) ? block : copyOf(core, block, spec);
    handed.add(own);
    return makeBuffer(core, device, spec, own);
  });
  uploaded.forEach((block) => release(core.heap, block));
  return buffers;
}

function copyOf(core: Core, block: Block, spec: TensorSpec): Block {
  const copy = takeBlock(core, spec);
  const bytes = new Uint8Array(core.heap.memory.buffer);
  bytes.copyWithin(copy.address, block.address, block.address + bytesOf(spec));
  return copy;
}

function execute(
  core: Core,
  program: number,
  launches: readonly Launch[],
  table: readonly number[],
  localBytes: number,
): void {
  const { shared, member, workers } = core;
  if (shared.closed) throw new DeviceError("cpu", "Cannot run as the device must be open: current state is closed");
  const run = { table, firstTurn: shared.turn };
  const turns = sharedLaunches(launches);
  shared.turn += turns;
  const scratchOf = (index: number) => shared.scratch.address + index * localBytes;
  if (turns > 0) {
    workers.forEach((worker, i) => tell(worker, { kind: "run", program, run, scratch: scratchOf(i + 1) }));
  }
  try {
    runLaunches(launches, run, member, scratchOf(0), core.instances);
  } catch (cause) {
    throw new DeviceError("cpu", `Cannot run a program as a kernel failed: current error is ${cause}`, { cause });
  }
}

registerDevice("cpu", () => cpuDevice());
