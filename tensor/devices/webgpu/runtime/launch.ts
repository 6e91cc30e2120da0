/** @file The passes of a program, their bind groups, and the one submit of a replay. */
import type { Shader } from "../emit/shader.ts";
import { type Pipeline, pipelineOf, type Pipelines } from "./pipelines.ts";
import type { Queue } from "./queue.ts";

/** Largest number of groups along one axis that every device allows. */
const MAX_GROUPS = 65535;
/** Bind groups that a launch keeps; inputs change between few buffers. Those of a loop keep some for each row, up to a bound. */
const KEPT_BIND_GROUPS = 8;
const MAX_BIND_GROUPS = 4096;
/** Launches of a submit while pipelines and bind groups are still being made: the GPU starts on them meanwhile. */
const CHUNK = 32;

/** Memory of one value during a run. */
export interface Range {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  /** Bytes, a multiple of 16, so that vec4 bindings see all of it. */
  readonly size: number;
}

/** A pass with the memory that it was last bound to. */
export interface Launch {
  readonly pass: Shader;
  /** Positions in the buffer table of a run. */
  readonly slots: readonly number[];
  readonly groups: readonly [number, number];
  /** Documented cache: bind groups by the buffers they bind, oldest dropped first. */
  readonly bindGroups: Map<string, GPUBindGroup>;
  /** Made at the first run. */
  pipeline: Pipeline | null;
  /** That of the last run; null once a buffer of it has changed. */
  bound: GPUBindGroup | null;
}

/** The frozen launches of a program: a replay encodes what is here and makes nothing, unless a buffer has changed. */
export interface Launches {
  readonly all: readonly Launch[];
  /** Memory of each slot at the last run. */
  readonly table: (Range | undefined)[];
  /** Launches that read or write a slot. */
  readonly users: ReadonlyMap<number, readonly Launch[]>;
  /** Positions of launches that write where they read: run again, they would go on from their own result. */
  readonly updates: ReadonlySet<number>;
  /** Bind groups that each launch keeps. */
  readonly keeps: number;
}

/** Numbers of buffers, for keys. Weak. */
const numbers = { of: new WeakMap<GPUBuffer, number>(), next: 0 };

function numberOf(buffer: GPUBuffer): number {
  const known = numbers.of.get(buffer) ?? numbers.next++;
  numbers.of.set(buffer, known);
  return known;
}

/**
 * Groups of a launch along x and y.
 *
 * @param workgroups How many in all.
 * @returns At least as many, with no more along an axis than every device allows.
 */
function gridOf(workgroups: number): readonly [number, number] {
  const x = Math.min(workgroups, MAX_GROUPS);
  return [x, Math.ceil(workgroups / Math.max(x, 1))];
}

/**
 * Freezes the passes of a program.
 *
 * @param passes Each with the table positions of its `[...inputs, ...outputs, scratch]`, and whether it writes where it
 * reads.
 * @param runs How often they run for each run of the whole program.
 * @returns The launches, in order.
 */
export function makeLaunches(
  passes: readonly { readonly pass: Shader; readonly slots: readonly number[]; readonly inPlace: boolean }[],
  runs = 1,
): Launches {
  const users = new Map<number, Launch[]>();
  const all = passes.map(({ pass, slots }): Launch => {
    const launch: Launch = {
      pass,
      slots: pass.buffers.map((position) => slots[position]!),
      groups: gridOf(pass.workgroups),
      bindGroups: new Map(),
      pipeline: null,
      bound: null,
    };
    for (const slot of new Set(launch.slots)) {
      const known = users.get(slot);
      if (known) known.push(launch);
      else users.set(slot, [launch]);
    }
    return launch;
  });
  const updates = new Set([...passes.keys()].filter((i) => passes[i]!.inPlace));
  return { all, table: [], users, updates, keeps: Math.min(MAX_BIND_GROUPS, KEPT_BIND_GROUPS + 2 * (runs - 1)) };
}

/**
 * Names the memory of a slot for the next run.
 *
 * @param launches The program; launches that use the slot are bound anew if its memory is another.
 * @param slot Position in the table.
 * @param range Where it lies.
 */
export function bindSlot({ table, users }: Launches, slot: number, range: Range): void {
  const last = table[slot];
  if (last && last.buffer === range.buffer && last.offset === range.offset) return;
  table[slot] = range;
  users.get(slot)?.forEach((launch) => launch.bound = null);
}

/** Takes launches down for the queue. */
export interface Recorder {
  /** The launches of a program, every slot bound. */
  add(launches: Launches): void;
  /** Submits what is left. */
  end(): void;
}

/**
 * Begins a run: one encoder, one pass and one submit where pipelines are there, else several submits.
 *
 * @param queue Where it runs.
 * @param pipelines Cache of the device.
 * @returns What takes its launches.
 */
export function recorder(queue: Queue, pipelines: Pipelines): Recorder {
  const open = () => {
    const encoder = queue.gpu.createCommandEncoder();
    return { encoder, pass: encoder.beginComputePass(), count: 0, made: 0, last: null as Pipeline | null };
  };
  let now: ReturnType<typeof open> | null = null;
  const end = () => {
    now?.pass.end();
    if (now) queue.submit(now.encoder.finish(), now.count);
    now = null;
  };
  const add = (launches: Launches) => {
    for (const launch of launches.all) {
      now ??= open();
      now.made += Number(readyLaunch(queue.gpu, pipelines, launches, launch));
      if (launch.pipeline !== now.last) now.pass.setPipeline(launch.pipeline!.pipeline);
      now.last = launch.pipeline;
      now.pass.setBindGroup(0, launch.bound!);
      now.pass.dispatchWorkgroups(launch.groups[0], launch.groups[1]);
      now.count++;
      if (now.made >= CHUNK) end();
    }
  };
  return { add, end };
}

/**
 * Makes what a launch lacks.
 *
 * @returns True if a pipeline was made, which takes long.
 */
export function readyLaunch(gpu: GPUDevice, pipelines: Pipelines, { table, keeps }: Launches, launch: Launch): boolean {
  const known = pipelines.has(launch.pass.code);
  launch.pipeline ??= pipelineOf(gpu, pipelines, launch.pass);
  launch.bound ??= bindGroupOf(gpu, launch, table, keeps);
  return !known;
}

/** Puts a launch that is ready into a pass. */
export function encodeLaunch(pass: GPUComputePassEncoder, { pipeline, bound, groups }: Launch): void {
  pass.setPipeline(pipeline!.pipeline);
  pass.setBindGroup(0, bound!);
  pass.dispatchWorkgroups(groups[0], groups[1]);
}

function bindGroupOf(
  gpu: GPUDevice,
  { pipeline, slots, bindGroups }: Launch,
  table: Launches["table"],
  keeps: number,
): GPUBindGroup {
  const ranges = slots.map((slot) => table[slot]!);
  const key = ranges.map(({ buffer, offset }) => `${numberOf(buffer)}:${offset}`).join();
  const known = bindGroups.get(key);
  if (known) return known;
  const entries = ranges.map((resource, binding) => ({ binding, resource }));
  const made = gpu.createBindGroup({ layout: pipeline!.layout, entries });
  if (bindGroups.size >= keeps) bindGroups.delete(bindGroups.keys().next().value!);
  bindGroups.set(key, made);
  return made;
}
