/** @file Pipelines of a device, each made once for its text. */
import type { Shader } from "../emit/shader.ts";
import { DeviceError } from "../../../errors.ts";
import { type RecentMap, recentMap } from "../../../recent_map.ts";

/** A compiled shader. */
export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** Pipelines by their full text. Documented cache: those used longest ago are dropped; launches hold on to their own. */
export type Pipelines = RecentMap<Pipeline>;

/** Makes the cache of a device: some thousand are what a few large networks need. */
export function makePipelines(): Pipelines {
  return recentMap({ entries: 4096, characters: 2 ** 26 });
}

/**
 * Finds the pipeline of a pass, or makes it now, which holds up the caller.
 *
 * @param gpu Where it runs.
 * @param pipelines Cache of the device.
 * @param pass Text and bindings.
 * @returns The pipeline. What is wrong with the text is reported by the device, later.
 */
export function pipelineOf(gpu: GPUDevice, pipelines: Pipelines, pass: Shader): Pipeline {
  const known = pipelines.get(pass.code);
  if (known) return known;
  const { layout, descriptor } = describe(gpu, pass);
  const made = { pipeline: gpu.createComputePipeline(descriptor), layout };
  pipelines.set(pass.code, made);
  return made;
}

/**
 * Makes the pipelines that are missing, all at once where the engine compiles beside the caller.
 *
 * @param gpu Where they run.
 * @param pipelines Cache of the device.
 * @param passes Texts and bindings, the same ones any number of times.
 * @returns When all are there.
 * @throws {DeviceError} If a text does not compile.
 */
export async function preparePipelines(
  gpu: GPUDevice,
  pipelines: Pipelines,
  passes: readonly Shader[],
): Promise<void> {
  const missing = new Map(passes.filter(({ code }) => !pipelines.has(code)).map((pass) => [pass.code, pass]));
  const made = [...missing.values()].map(async (pass) => {
    const { layout, descriptor } = describe(gpu, pass);
    const pipeline = await gpu.createComputePipelineAsync(descriptor).catch((cause) => {
      throw new DeviceError(
        "webgpu",
        `Cannot compile a kernel as its shader must be valid: current error is ${cause}`,
        {
          cause,
        },
      );
    });
    pipelines.set(pass.code, { pipeline, layout });
  });
  await Promise.all(made);
}

function describe(gpu: GPUDevice, { code, buffers }: Shader) {
  const layout = gpu.createBindGroupLayout({
    entries: buffers.map((_, binding) => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type: "storage" as const },
    })),
  });
  const descriptor: GPUComputePipelineDescriptor = {
    layout: gpu.createPipelineLayout({ bindGroupLayouts: [layout] }),
    compute: { module: gpu.createShaderModule({ code }), entryPoint: "main" },
  };
  return { layout, descriptor };
}
