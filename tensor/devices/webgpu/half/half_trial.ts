/** @file Finds out by a trial whether a GPU reads and writes float16 as it should. */
import { DeviceError } from "../../../errors.ts";
import { runTrial } from "../runtime/run_trial.ts";

/** Exact ones, halves that go to even, what is subnormal, the largest, what is beyond; none that may round either way. */
const NUMBERS: readonly number[] = [
  ...[0, 1, -2.5, 1 / 3, 1 + 2 ** -11, 1 + 3 * 2 ** -11, 2 ** -14, 65504, -65504, 65519],
  ...[65536, -1e6, 1e30, Infinity, 0.1, 4097],
];
const COUNT = NUMBERS.length;
/** Products that are added up: in float16 the sum would end at 2048. */
const TERMS = 4096;

/** Writes every number as one element and as part of a vector, reads both back, and adds up ones in float32. */
const CODE = `enable f16;
@group(0) @binding(0) var<storage, read_write> numbers: array<f32>;
@group(0) @binding(1) var<storage, read_write> one: array<f16>;
@group(0) @binding(2) var<storage, read_write> four: array<vec4h>;
@group(0) @binding(3) var<storage, read_write> told: array<f32>;
@compute @workgroup_size(${COUNT})
fn main(@builtin(local_invocation_index) i: u32) {
  one[i] = f16(numbers[i]);
  four[i] = vec4h(vec4f(0.0, numbers[i], 0.0, 1.0));
  storageBarrier();
  told[i] = f32(one[i]);
  told[i + ${COUNT}u] = vec4f(four[(i + 1u) % ${COUNT}u]).y;
  var sum = 0f;
  for (var k = 0u; k < ${TERMS}u; k++) { sum += f32(one[1]) * f32(four[1].w); }
  told[i + ${2 * COUNT}u] = sum;
}`;

/**
 * Requires that a GPU stores float16 as IEEE 754 has it: rounded to nearest, infinite beyond the range, as the scaling of
 * losses needs it to find what overflows; and that sums of such numbers are float32.
 *
 * @param gpu A device.
 * @throws {DeviceError} If it has no float16, or computes otherwise.
 */
export async function requireHalf(gpu: GPUDevice): Promise<void> {
  if (!gpu.features.has("shader-f16")) refuse("offer shader-f16", `features are ${[...gpu.features].join(", ")}`);
  const told = await tell(gpu);
  const halves = NUMBERS.map((x) => Math.f16round(x));
  const right = [...halves, ...halves.map((_, i) => halves[(i + 1) % COUNT]!), ...halves.map(() => TERMS)];
  const wrong = right.findIndex((value, i) => !Object.is(told[i], value));
  if (wrong >= 0) {
    refuse("round as IEEE 754 does", `result of the trial at ${wrong} is ${told[wrong]}, not ${right[wrong]}`);
  }
}

function refuse(requirement: string, found: string): never {
  throw new DeviceError(
    "webgpu",
    `Cannot store float16 on webgpu as its adapter must ${requirement}: current ${found}`,
  );
}

/** What the trial tells. */
async function tell(gpu: GPUDevice): Promise<Float32Array> {
  const bytes = [4 * COUNT, 2 * COUNT, 8 * COUNT, 12 * COUNT];
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const buffers = bytes.map((size) => gpu.createBuffer({ size, usage }));
  gpu.queue.writeBuffer(buffers[0]!, 0, Float32Array.from(NUMBERS));
  const module = gpu.createShaderModule({ code: CODE });
  const pipeline = gpu.createComputePipeline({ layout: "auto", compute: { module, entryPoint: "main" } });
  return new Float32Array(await runTrial(gpu, pipeline, buffers));
}
