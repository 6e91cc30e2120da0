/** @file Finds out by a trial whether invocations that run together can hand each other values. */
import type { WgslSubgroup } from "../../../compiler/kernel_text.ts";
import { runTrial } from "./run_trial.ts";

/** Invocations of the trial's group. */
const GROUP = 64;
const SIZES: readonly number[] = [8, 16, 32, 64];
/** What browsers want at the top, and what wgpu wants. All invocations of a run take the same branches in the kernels. */
const ENABLE: readonly string[] = ["enable subgroups;\ndiagnostic(off, subgroup_uniformity);", ""];

/** Each invocation tells the size, its place, and what the one at place 1 and the one at place `3 - place` of four hold. */
function trial(enable: string): string {
  return `${enable}
@group(0) @binding(0) var<storage, read_write> told: array<vec4u>;
@compute @workgroup_size(${GROUP})
fn main(
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_size) size: u32,
  @builtin(subgroup_invocation_id) place: u32,
) {
  told[local] = vec4u(size, place, subgroupShuffle(local, 1u), subgroupShuffle(local, place ^ 3u));
}`;
}

/**
 * Opens a device with subgroups where the adapter has them. Not every system lists the feature, so it is asked for first.
 *
 * @param adapter The adapter.
 * @param descriptor What is asked for besides.
 * @returns The device.
 */
export async function requestWithSubgroups(adapter: GPUAdapter, descriptor: GPUDeviceDescriptor): Promise<GPUDevice> {
  const features = [...descriptor.requiredFeatures ?? [], "subgroups" as GPUFeatureName];
  return await adapter.requestDevice({ ...descriptor, requiredFeatures: features })
    .catch(() => adapter.requestDevice(descriptor));
}

/**
 * Runs the trial.
 *
 * @param gpu A device, opened with subgroups if there are any.
 * @returns Their size and how shaders name them; undefined if there are none or they are not as the kernels need them:
 * of one size from 8 to 64, in the order of the local index.
 */
export async function findSubgroup(gpu: GPUDevice): Promise<WgslSubgroup | undefined> {
  if (!gpu.features.has("subgroups")) return undefined;
  for (const enable of ENABLE) {
    const size = sizeTold(await tell(gpu, trial(enable)));
    if (size !== undefined) return { size, enable };
  }
  return undefined;
}

/** The size that an answer tells; undefined if it is not what the kernels need. */
function sizeTold(told: Uint32Array | null): number | undefined {
  const size = told?.[0];
  if (!told || size === undefined || !SIZES.includes(size)) return undefined;
  const asNeeded = [...Array(GROUP).keys()].every((local) => {
    const first = local - local % size;
    const expected = [size, local % size, first + 1, first + ((local % size) ^ 3)];
    return expected.every((value, i) => told[4 * local + i] === value);
  });
  return asNeeded ? size : undefined;
}

/** What a trial tells; null if it does not compile or run. */
async function tell(gpu: GPUDevice, code: string): Promise<Uint32Array | null> {
  gpu.pushErrorScope("validation");
  const told = gpu.createBuffer({ size: 16 * GROUP, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
  const module = gpu.createShaderModule({ code });
  const pipeline = gpu.createComputePipeline({ layout: "auto", compute: { module, entryPoint: "main" } });
  if (await gpu.popErrorScope()) return null;
  return new Uint32Array(await runTrial(gpu, pipeline, [told]));
}
