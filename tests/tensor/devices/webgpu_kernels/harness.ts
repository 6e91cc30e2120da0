/** @file Runs webgpu kernels without a device of ours: straight on `navigator.gpu`, with poison in all that may be written. */
import { deepStrictEqual, equal, ok } from "node:assert/strict";
import type { WgslKernel, WgslLimits, WgslSubgroup } from "../../../../tensor/compiler/kernel_text.ts";
import { shaderOf } from "../../../../tensor/devices/webgpu/emit/shader.ts";
import { findSubgroup, requestWithSubgroups } from "../../../../tensor/devices/webgpu/runtime/subgroup.ts";
import { type DType, type Shape, sizeOf, type TensorSpec } from "../../../../tensor/spec.ts";

/** Values of an input or output as 4-byte elements. */
export type Words = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** A tensor of the tests. */
export interface Sample extends TensorSpec {
  readonly data: Words;
}

/** Limits that every adapter has. */
export const LIMITS: WgslLimits = { maxInvocations: 256, maxWorkgroupBytes: 16384, maxStorageBuffers: 8 };

const POISON = 0x7fc00bad; // a NaN, and an absurd integer
const GUARD = 16; // words after each buffer that must stay as they are
const USAGE = { STORAGE: 0x80, COPY_SRC: 0x04, COPY_DST: 0x08, MAP_READ: 0x01 };

/** The gpu, or null with a message where there is none. `REQUIRE_WEBGPU=1` makes that an error. */
const gpu: GPUDevice | null = await openGpu();

/** How invocations share registers there, if they do. */
export const SUBGROUP: WgslSubgroup | undefined = gpu ? await findSubgroup(gpu) : undefined;

async function openGpu(): Promise<GPUDevice | null> {
  const adapter = await navigator.gpu?.requestAdapter();
  if (adapter) return await requestWithSubgroups(adapter, {});
  if (Deno.env.get("REQUIRE_WEBGPU") === "1") throw new Error("Cannot test WebGPU as there is no adapter");
  // deno-lint-ignore no-console -- a skip must be seen
  console.warn("skipped: there is no WebGPU adapter");
  return null;
}

/** Registers a test that needs the gpu; it is reported as ignored where there is none. */
export function gpuTest(name: string, fn: () => Promise<void>): void {
  // The one device of the module outlives each test.
  Deno.test({ name, ignore: gpu === null, sanitizeResources: false, sanitizeOps: false, fn });
}

/** A kernel with its buffers and pipelines, ready to run. */
class LoadedKernel {
  readonly #buffers: readonly GPUBuffer[];
  readonly #sizes: readonly number[];
  readonly #inputs: readonly Sample[];
  readonly #output: TensorSpec;
  readonly #launches: readonly { pipeline: GPUComputePipeline; group: GPUBindGroup; grid: [number, number] }[];

  constructor(kernel: WgslKernel, inputs: readonly Sample[], output: TensorSpec) {
    const scratch = kernel.scratchBytes / 4;
    ok(Number.isInteger(scratch), `scratch is whole words: ${kernel.scratchBytes} bytes`);
    this.#sizes = [...inputs.map(({ data }) => data.length), sizeOf(output.shape), scratch];
    this.#buffers = this.#sizes.map((words) =>
      gpu!.createBuffer({
        size: 4 * (Math.ceil(words / 4) * 4 + GUARD),
        usage: USAGE.STORAGE | USAGE.COPY_SRC | USAGE.COPY_DST,
      })
    );
    [this.#inputs, this.#output] = [inputs, output];
    this.#launches = kernel.passes.map((pass) => shaderOf(pass)).map(({ code, buffers, workgroups }) => {
      ok(workgroups > 0 && buffers.length <= LIMITS.maxStorageBuffers);
      const module = gpu!.createShaderModule({ code });
      const pipeline = gpu!.createComputePipeline({ layout: "auto", compute: { module, entryPoint: "main" } });
      const entries = buffers.map((at, binding) => ({
        binding,
        // Bound to its size, as vec4f or f32, so that reads past the end are clamped away from the guard.
        resource: { buffer: this.#buffers[at]!, size: Math.max(16, 4 * Math.ceil(this.#sizes[at]! / 4) * 4) },
      }));
      const group = gpu!.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
      const width = Math.min(workgroups, 65535);
      return { pipeline, group, grid: [width, Math.ceil(workgroups / width)] };
    });
    this.poison();
    inputs.forEach(({ data }, i) => {
      if (data.length > 0) gpu!.queue.writeBuffer(this.#buffers[i]!, 0, data); // Deno 2.9.6 panics at empty arrays
    });
  }

  /** Runs all passes in order. */
  run(): void {
    const encoder = gpu!.createCommandEncoder();
    for (const { pipeline, group, grid } of this.#launches) {
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(...grid);
      pass.end();
    }
    gpu!.queue.submit([encoder.finish()]);
  }

  /** Poisons the output and the scratch; the first time also what lies after the inputs. */
  poison(): void {
    this.#buffers.forEach((buffer, i) => {
      const first = i < this.#inputs.length ? this.#sizes[i]! : 0;
      gpu!.queue.writeBuffer(buffer, 4 * first, new Uint32Array(buffer.size / 4 - first).fill(POISON));
    });
  }

  /** A copy of the output, after checking that nothing around it was written. */
  async output(): Promise<Words> {
    const at = this.#inputs.length;
    const words = await this.#read(at);
    ok(words.subarray(this.#sizes[at]!).every((word) => word === POISON), "memory after the output is unchanged");
    const values = words.slice(0, this.#sizes[at]!);
    return typed(this.#output.dtype, values);
  }

  async #read(i: number): Promise<Uint32Array<ArrayBuffer>> {
    const { size } = this.#buffers[i]!;
    const staging = gpu!.createBuffer({ size, usage: USAGE.COPY_DST | USAGE.MAP_READ });
    const encoder = gpu!.createCommandEncoder();
    encoder.copyBufferToBuffer(this.#buffers[i]!, 0, staging, 0, size);
    gpu!.queue.submit([encoder.finish()]);
    await staging.mapAsync(1);
    const words = new Uint32Array(staging.getMappedRange().slice(0));
    staging.destroy();
    return words;
  }

  /** Frees the buffers. */
  destroy(): void {
    for (const buffer of this.#buffers) buffer.destroy();
  }
}

function typed(dtype: DType, { buffer }: Uint32Array<ArrayBuffer>): Words {
  if (dtype === "float32") return new Float32Array(buffer);
  return dtype === "int32" ? new Int32Array(buffer) : new Uint32Array(buffer);
}

/** Runs a kernel twice and checks that the bits agree. */
export async function runKernel(kernel: WgslKernel, inputs: readonly Sample[], output: TensorSpec): Promise<Words> {
  gpu!.pushErrorScope("validation");
  const loaded = new LoadedKernel(kernel, inputs, output);
  loaded.run();
  const result = await loaded.output();
  equal((await gpu!.popErrorScope())?.message, undefined, kernel.passes.map((pass) => shaderOf(pass).code).join("\n"));
  loaded.poison();
  loaded.run();
  const again = await loaded.output();
  deepStrictEqual(new Uint32Array(again.buffer), new Uint32Array(result.buffer), "runs agree in every bit");
  loaded.destroy();
  return result;
}

/** Numbers in [0, 1): mulberry32. */
export function generator(seed: number): () => number {
  const state = { value: seed };
  return () => {
    state.value = (state.value + 0x6d2b79f5) | 0;
    const a = Math.imul(state.value ^ (state.value >>> 15), 1 | state.value);
    const b = (a + Math.imul(a ^ (a >>> 7), 61 | a)) ^ a;
    return ((b ^ (b >>> 14)) >>> 0) / 4294967296;
  };
}

/** Seeded floats in [-1, 1). */
export function randomFloats(shape: Shape, seed = 1): Sample {
  const next = generator(seed);
  return { shape, dtype: "float32", data: Float32Array.from({ length: sizeOf(shape) }, () => next() * 2 - 1) };
}

/** Seeded integers in [low, high). */
export function randomInts(shape: Shape, low: number, high: number, seed = 1): Sample {
  const next = generator(seed);
  const draw = () => low + Math.floor(next() * (high - low));
  return { shape, dtype: "int32", data: Int32Array.from({ length: sizeOf(shape) }, draw) };
}

/** Checks values against float64 ones that are sums of about `terms` products of numbers below 1. */
export function assertClose(actual: Words, expected: Float64Array, terms: number): void {
  equal(actual.length, expected.length);
  const tolerance = 2e-6 * (1 + Math.sqrt(terms));
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!);
    ok(difference <= tolerance, `element ${i}: expected ${expected[i]}, got ${actual[i]}`);
  }
}
