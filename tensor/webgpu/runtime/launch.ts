/** @file Pipelines, bind groups and the one submit of a run. */
import type { WgslPass } from "../../compiler/kernel.ts";

/** Largest number of groups along one axis that every device allows. */
const MAX_GROUPS = 65535;
/** Bind groups that a launch keeps; inputs change between few buffers. */
const MAX_BIND_GROUPS = 8;

/** A pass ready to run. */
export interface Launch {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  /** Positions in the buffer table of a run. */
  readonly slots: readonly number[];
  readonly groups: readonly [number, number];
  /** Documented cache: bind groups by the buffers they bind, oldest dropped first. */
  readonly bindGroups: Map<string, GPUBindGroup>;
}

/** Memory of one value during a run. */
export interface Range {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  /** Bytes, a multiple of 16, so that vec4 bindings see all of it. */
  readonly size: number;
}

/** Pipelines of a device by their full text. */
export type Pipelines = Map<string, { readonly pipeline: GPUComputePipeline; readonly layout: GPUBindGroupLayout }>;

/** Numbers of buffers, for keys. Weak. */
const numbers = { of: new WeakMap<GPUBuffer, number>(), next: 0 };

function numberOf(buffer: GPUBuffer): number {
  const known = numbers.of.get(buffer) ?? numbers.next++;
  numbers.of.set(buffer, known);
  return known;
}

/**
 * Makes a launch.
 *
 * @param device Where it runs.
 * @param pipelines Cache of the device.
 * @param pass Text and groups.
 * @param slots Table positions of the pass's `[...inputs, ...outputs, scratch]`.
 * @returns The launch.
 */
export function makeLaunch(device: GPUDevice, pipelines: Pipelines, pass: WgslPass, slots: readonly number[]): Launch {
  const known = pipelines.get(pass.code) ?? makePipeline(device, pass);
  pipelines.set(pass.code, known);
  const x = Math.min(pass.workgroups, MAX_GROUPS);
  return {
    ...known,
    slots: pass.buffers.map((position) => slots[position]!),
    groups: [x, Math.ceil(pass.workgroups / Math.max(x, 1))],
    bindGroups: new Map(),
  };
}

function makePipeline(device: GPUDevice, { code, buffers }: WgslPass) {
  const layout = device.createBindGroupLayout({
    entries: buffers.map((_, binding) => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type: "storage" as const },
    })),
  });
  const module = device.createShaderModule({ code });
  const pipeline = device.createComputePipeline({
    layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
    compute: { module, entryPoint: "main" },
  });
  return { pipeline, layout };
}

/**
 * Runs launches in one encoder, one pass and one submit.
 *
 * @param device Where they run.
 * @param launches The passes, in order; each sees what came before.
 * @param table Memory of each slot.
 */
export function submit(device: GPUDevice, launches: readonly Launch[], table: readonly Range[]): void {
  if (launches.length === 0) return;
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  for (const launch of launches) {
    pass.setPipeline(launch.pipeline);
    pass.setBindGroup(0, bindGroupOf(device, launch, table));
    pass.dispatchWorkgroups(...launch.groups);
  }
  pass.end();
  device.queue.submit([encoder.finish()]);
}

function bindGroupOf(
  device: GPUDevice,
  { layout, slots, bindGroups }: Launch,
  table: readonly Range[],
): GPUBindGroup {
  const ranges = slots.map((slot) => table[slot]!);
  const key = ranges.map(({ buffer, offset }) => `${numberOf(buffer)}:${offset}`).join();
  const known = bindGroups.get(key);
  if (known) return known;
  const entries = ranges.map((resource, binding) => ({ binding, resource }));
  const made = device.createBindGroup({ layout, entries });
  if (bindGroups.size >= MAX_BIND_GROUPS) bindGroups.delete(bindGroups.keys().next().value!);
  bindGroups.set(key, made);
  return made;
}
