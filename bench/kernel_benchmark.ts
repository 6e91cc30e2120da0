/**
 * @file Benchmarks of single kernels. Each is checked against its definition, then timed; a table tells how near each came to
 * the limits of the machine.
 *
 *     deno task bench                               # all of them, on the cpu
 *     deno task bench --device webgpu               # or BENCH_DEVICE=webgpu
 *     deno task bench --only 7×7                    # those whose group or name has this part
 *     deno run -A bench/matmul_bench.ts --json kernels.jsonl # one file; also appends an object a line for each kernel
 *
 * There is one table, of single runs: short kernels are timed in batches, and Deno's own columns would tell those of batches.
 */
// deno-lint-ignore-file no-console
import { processOptions } from "../spark/commands/cli/process_options.ts";
import { type Device, jit, openDevice, type Tensor, type Tree, treeFlatten, type TypedArray } from "../tensor/mod.ts";
import { leaf, realize } from "../tensor/kernel.ts";
import { measureLimits } from "../tensor/profiling/machine_limits.ts";
import { median } from "./statistics.ts";

/** One kernel, or a few that belong together. */
export interface KernelBench {
  /** Benchmarks of a group are compared. */
  readonly group: string;
  readonly name: string;
  /** Floating point operations, if they are what limits it. */
  readonly flops?: number;
  /** Bytes read and written at the least, if they are what limits it. */
  readonly bytes?: number;
  /** Makes the inputs, when the benchmark's turn comes. */
  readonly inputs: () => readonly Tensor[];
  /** What is timed. */
  readonly program: (...inputs: Tensor[]) => Tree;
  /** Throws if the results are not right. */
  readonly check: (inputs: readonly TypedArray[], results: readonly TypedArray[]) => void;
}

const { device: NAMED, json: FILE, only: ONLY } = processOptions({
  task: "bench",
  purpose: "Times single kernels, each checked against its definition.",
  options: {
    device: { kind: "name", names: ["cpu", "webgpu", "reference"], help: "cpu (default), webgpu or reference" },
    json: { kind: "text", placeholder: "FILE", what: "a file", help: "append an object a line for each kernel" },
    only: { kind: "text", placeholder: "PART", what: "a part of a name", help: "kernels whose group or name has it" },
  },
});

/** Opens the device that was asked for. One that cannot be opened ends the process with a line: no benchmark could run. */
async function openNamed(): Promise<Device> {
  try {
    return await openDevice(NAMED ?? Deno.env.get("BENCH_DEVICE") ?? "cpu");
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith("Cannot "))) throw error;
    console.error(error.message);
    Deno.exit(1);
  }
}

/** The device, with its limits, opened once for each file. */
const device = await openNamed();
const limits = await measureLimits(device);
const idleMilliseconds = await timeOf(() => {});
const rows: { readonly bench: KernelBench; readonly times: number[] }[] = [];

/** Iterations of a benchmark, and after how many milliseconds a batch of runs is long enough to be timed. */
const [ITERATIONS, LONG_ENOUGH] = [7, 20];

/** Milliseconds until all that `run` queues is done. */
async function timeOf(run: () => void): Promise<number> {
  const from = performance.now();
  run();
  await device.synchronize();
  return performance.now() - from;
}

function onDevice(x: Tensor): Tensor {
  const { shape, dtype } = x;
  return leaf({ shape, dtype }, { buffer: realize([x], device)[0]! });
}

function tensorsOf(results: Tree): readonly Tensor[] {
  return treeFlatten(results).leaves.filter((x) => x !== null && typeof x === "object") as unknown as Tensor[];
}

/** Checks a benchmark and finds out how many runs make a batch. */
async function warmUp(bench: KernelBench, run: () => Tree, inputs: readonly Tensor[]): Promise<number> {
  const results = tensorsOf(run());
  const read = (x: Tensor) => device.read((realize([x], device))[0]!);
  bench.check(await Promise.all(inputs.map(read)), await Promise.all(results.map(read)));
  free(results);
  const once = await timeOf(() => free(tensorsOf(run())));
  return Math.max(1, Math.ceil(LONG_ENOUGH / Math.max(0.1, once - idleMilliseconds)));
}

function free(tensors: readonly Tensor[]): void {
  tensors.forEach((x) => x[Symbol.dispose]());
}

/**
 * Registers a benchmark.
 *
 * @param bench What is timed, and how it is checked.
 */
export function benchKernel(bench: KernelBench): void {
  rows.push({ bench, times: [] });
}

/** Checks and times one benchmark. */
async function timeKernel({ bench, times }: (typeof rows)[number]): Promise<void> {
  const inputs = bench.inputs().map(onDevice);
  const program = jit(bench.program, { device });
  const run = () => program(...inputs);
  const batch = await warmUp(bench, run, inputs);
  for (let i = 0; i < ITERATIONS; i++) {
    const time = await timeOf(() => {
      for (let k = 0; k < batch; k++) free(tensorsOf(run()));
    });
    times.push((time - idleMilliseconds) / batch);
  }
  free(inputs);
}

/** What was reached, of the fastest batch. */
function rateOf({ bench: { group, name, flops, bytes }, times }: (typeof rows)[number]) {
  const milliseconds = Math.min(...times);
  const [gflops, gigabytesPerSecond] = [(flops ?? 0) / milliseconds / 1e6, (bytes ?? 0) / milliseconds / 1e6];
  const share = Math.max(gflops / limits.gflops, gigabytesPerSecond / limits.gigabytesPerSecond);
  return { group, name, milliseconds, medianMilliseconds: median(times), gflops, gigabytesPerSecond, share };
}

function text(row: (typeof rows)[number]): string {
  const { group, name, milliseconds, medianMilliseconds, gflops, gigabytesPerSecond, share } = rateOf(row);
  const rate = gflops > 0
    ? `${gflops.toFixed(1).padStart(8)} GFLOP/s`
    : `${gigabytesPerSecond.toFixed(1).padStart(8)} GB/s   `;
  return [
    milliseconds.toFixed(3).padStart(10),
    medianMilliseconds.toFixed(3).padStart(10),
    `${rate} ${(100 * share).toFixed(0).padStart(5)} %`,
    `  ${group}: ${name}`,
  ].join(" ");
}

/** Times what was registered since the last call, and prints a line for each: the last thing that a file of benchmarks does. */
export async function runKernels(): Promise<void> {
  const chosen = rows.splice(0).filter(({ bench: { group, name } }) => `${group}: ${name}`.includes(ONLY ?? ""));
  if (chosen.length === 0) return;
  console.log(
    `\n${device.name}: at most ${limits.gflops.toFixed(1)} GFLOP/s, ${limits.gigabytesPerSecond.toFixed(1)} GB/s\n` +
      "fastest ms  median ms          rate   limit   kernel",
  );
  for (const row of chosen) {
    await timeKernel(row);
    console.log(text(row));
    if (typeof FILE === "string") Deno.writeTextFileSync(FILE, `${JSON.stringify(rateOf(row))}\n`, { append: true });
  }
}
