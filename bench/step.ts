/**
 * @file Time of a SparK training step, alone or beside the PyTorch baseline.
 *
 *     deno task bench:step --model resnet50 --input-size 224 --batch-size 8 --device cpu --steps 5 --baseline --json
 *
 * The first step is timed from the start of the process and warms up. The loss of every step must be finite and near 1, as
 * it is before training. `--baseline` lets each step alternate with one of `bench/baseline/spark_torch.py` on the same cores;
 * `--parts` also times the forward pass, and forward and backward without update; `--profile` tells the time of each
 * kernel; `--precision f16` stores activations in 16 bits on webgpu; `--direct` does without Winograd's method; `--sparse-vs-dense` compares the encoder on packed visible patches with the encoder on whole images instead.
 * With `--json` the last line of the output is one object.
 */
// deno-lint-ignore-file no-console
import {
  cpuDevice,
  type Device,
  jit,
  openDevice,
  referenceDevice,
  setDefaultDevice,
  type Tensor,
  type Tree,
  treeFlatten,
  treeLeaves,
} from "../tensor/mod.ts";
import { realize } from "../tensor/kernel.ts";
import type { Classifier, Model } from "../nn/mod.ts";
import { type TrainState, trainStep } from "../spark/mod.ts";
import { processOptions } from "../spark/commands/cli/process_options.ts";
import { runCommand } from "../spark/commands/cli/run_command.ts";
import { fastCpuDevice, type FastCpuOptions } from "../spark/train/fast_cpu/fast_cpu_device.ts";
import { kernelCache } from "../spark/train/fast_cpu/kernel_cache.ts";
import { cpuBytes } from "../spark/train/devices.ts";
import { loadModel } from "../spark/train/model_file.ts";
import { measureLimits } from "../tensor/profiling/machine_limits.ts";
import { makeProfile, type Profile, profileTable } from "../tensor/profiling/profile_table.ts";
import { median, peakResidentBytes, spread } from "./statistics.ts";
import {
  BENCH_DEVICE_OPTION,
  JSON_OPTION,
  PYTHON_OPTION,
  STEP_OPTIONS,
  stepSizes,
  THREADS_OPTION,
} from "./step_options.ts";
import { encoderGradients, forwardAndBackward, forwardOnly, prepareStep } from "./step/step_programs.ts";
import { type BaselineStep, startBaseline } from "./step/torch_baseline.ts";

const args = processOptions({
  task: "bench:step",
  purpose: "Times a SparK training step, alone or beside the PyTorch baseline.",
  options: {
    ...STEP_OPTIONS,
    ...BENCH_DEVICE_OPTION,
    ...THREADS_OPTION,
    precision: {
      kind: "name",
      names: ["f32", "f16"],
      help: "how webgpu keeps activations: f32 or f16",
      default: "f32",
    },
    direct: { kind: "flag", help: "do without Winograd's method" },
    steps: { kind: "whole", least: 1, help: "steps that are timed", default: 5 },
    baseline: { kind: "flag", help: "alternate with steps of bench/baseline/spark_torch.py" },
    ...PYTHON_OPTION,
    parts: { kind: "flag", help: "also time the forward pass, and forward and backward without update" },
    sparseVsDense: {
      kind: "flag",
      help: "compare the encoder on packed visible patches with the encoder on whole images instead",
    },
    fast: { kind: "flag", help: "compute on the cpu in a process of its own, whose engine joins vectors" },
    noKernelCache: { kind: "flag", help: "assemble kernels anew, and keep none in the cache folder of the user" },
    profile: { kind: "flag", help: "tell the time of each kernel" },
    profileRows: { kind: "whole", least: 1, help: "kernels that --profile lists", default: 40 },
    ...JSON_OPTION,
  },
});
const { model: MODEL, inputSize: INPUT_SIZE, decoderWidth: DECODER_WIDTH } = stepSizes({
  ...args,
  model: await loadModel(args.model),
});
const { batchSize: BATCH_SIZE, steps: STEPS } = args;

/** What was timed, for the results. */
const SETTINGS = {
  ...{ model: args.model, inputSize: INPUT_SIZE, decoderWidth: DECODER_WIDTH },
  ...{ batchSize: BATCH_SIZE, device: args.device, fast: args.fast ?? false, steps: STEPS },
};

/** A line for people. */
function say(line: string): void {
  if (!args.json) console.log(line);
}

/** The device that was asked for; with `--profile` it reports its launches. */
async function open(profile: Profile): Promise<Device> {
  if (args.device === "cpu") {
    const settings = {
      maxBytes: cpuBytes(),
      ...args.threads && { threads: args.threads },
      ...!args.noKernelCache && { kernels: kernelCache() },
    };
    if (args.fast) return await openFast({ ...settings, winograd: !args.direct });
    return cpuDevice({ ...settings, winograd: !args.direct, ...(args.profile ? { onLaunch: profile.listen } : {}) });
  }
  const options = {
    ...(args.direct ? { winograd: false } : {}),
    ...(args.device === "webgpu" ? { precision: args.precision } : {}),
  };
  if (!args.profile) return await openDevice(args.device, options);
  throw new RangeError(`Cannot profile as launches are timed on the cpu device: current device is ${args.device}`);
}

/** The process of its own that computes, if there is one. */
const engine: { pid?: number } = {};

/** The cpu device in a process of its own. */
async function openFast(options: FastCpuOptions): Promise<Device> {
  if (args.profile) {
    throw new RangeError("Cannot profile with --fast as launches must be seen: current device hides them");
  }
  const { device, wide, pid } = await fastCpuDevice(options);
  engine.pid = pid;
  if (!wide) say("the engine did not join vectors in a trial");
  return device;
}

/** Gives back the memory of results. */
function dispose(results: Tree): void {
  treeFlatten(results).leaves.forEach((x) => (x as Tensor)[Symbol.dispose]());
}

/** The state before the first step, images, and the program of a step. */
function prepare(model: Classifier) {
  const { optimizer, ...start } = prepareStep(
    { model, inputSize: INPUT_SIZE, decoderWidth: DECODER_WIDTH },
    BATCH_SIZE,
  );
  const inner = trainStep(model, optimizer);
  return { ...start, program: (train: TrainState, images: Tensor) => inner(train, { images }) };
}

/** Operations of a step if the encoder ran on whole images, as masked-dense implementations compute it. */
function denseFlops(model: Model, flops: number, train: TrainState, images: Tensor): number {
  const device = referenceDevice(); // counts, and computes nothing
  const [sparse, dense] = [true, false].map((sparse) =>
    jit(encoderGradients(model, sparse), { device }).stats(train, images).flops
  ) as [number, number];
  return flops - sparse + dense;
}

/** Times steps, each followed by one of the baseline if that was asked for. */
async function timeSteps(run: () => Promise<number>) {
  const ours: number[] = [];
  const ends: number[] = []; // on the clock of the day
  const theirs: BaselineStep[] = [];
  const baseline = args.baseline ? startBaseline(args.python, args.model, INPUT_SIZE, BATCH_SIZE) : null;
  for (let i = 0; i <= STEPS; i++) {
    const from = i === 0 ? 0 : performance.now(); // the first: since the process started
    const loss = await run();
    const time = performance.now() - from;
    if (!(Math.abs(loss - 1) < 0.5)) {
      throw new Error(`Cannot time a step as its loss must be near 1: current loss is ${loss}`);
    }
    ours.push(time);
    ends.push(performance.timeOrigin + performance.now());
    if (baseline && i === 0) await baseline.step();
    const other = baseline && i > 0 ? await baseline.step() : null;
    if (other) theirs.push(other);
    say(
      `step ${i} loss ${loss.toFixed(4)} ${time.toFixed(0)} ms${
        other ? `, baseline ${other.millisecondsPerStep.toFixed(0)} ms` : ""
      }`,
    );
  }
  await baseline?.close();
  const first = { firstStepMilliseconds: ours[0]!, firstStepEnded: ends[0]! };
  return { first, ours: ours.slice(1), theirs };
}

/** Times a program several times after a first one that warms up. */
async function timeRuns(device: Device, runs: readonly (() => Tree)[]): Promise<readonly number[][]> {
  const times: number[][] = runs.map(() => []);
  for (let i = 0; i <= STEPS; i++) {
    for (const [side, run] of runs.entries()) {
      const from = performance.now();
      const results = run();
      await device.synchronize();
      if (i > 0) times[side]!.push(performance.now() - from);
      dispose(results);
      await new Promise((resolve) => setTimeout(resolve)); // memory of collected tensors comes back between turns
    }
  }
  return times;
}

/** Forward, and forward and backward, without the optimizer. */
async function partsOf(model: Model, device: Device, train: TrainState, images: Tensor) {
  const [forward, both] = [jit(forwardOnly(model)), jit(forwardAndBackward(model))];
  const [forwards, boths] = await timeRuns(device, [() => forward(train, images), () => both(train, images)]);
  return { ...spread("forwardMilliseconds", forwards!), ...spread("forwardBackwardMilliseconds", boths!) };
}

/** The encoder's gradients on packed patches and on whole images, alternating. */
async function sparseAgainstDense(model: Classifier, device: Device): Promise<object> {
  const { train, images } = prepare(model);
  const [sparse, dense] = [true, false].map((sparse) => jit(encoderGradients(model, sparse)));
  const [sparses, denses] = await timeRuns(device, [() => sparse!(train, images), () => dense!(train, images)]);
  const flops = [sparse, dense].map((program) => program!.stats(train, images).flops) as [number, number];
  const [ours, whole] = [median(sparses!), median(denses!)];
  return {
    ...SETTINGS,
    ...{ ...spread("sparseMilliseconds", sparses!), ...spread("denseMilliseconds", denses!), ratio: ours / whole },
    ...{ sparseGflops: flops[0] / ours / 1e6, denseGflops: flops[1] / whole / 1e6, flopRatio: flops[0] / flops[1] },
  };
}

/** What the steps spent their time on. */
async function tableOf({ times }: Profile): Promise<string> {
  const limits = await measureLimits(await openDevice(args.device));
  return profileTable(times, STEPS, limits, args.profileRows);
}

/** Ratios to the baseline; nothing without one. */
function comparison(ours: number, resident: number, theirs: readonly BaselineStep[]): object {
  if (theirs.length === 0) return {};
  const times = theirs.map(({ millisecondsPerStep }) => millisecondsPerStep);
  const baselineBytes = Math.max(...theirs.map(({ residentBytes }) => residentBytes));
  return {
    ...spread("baselineMilliseconds", times),
    ...{ ratio: median(times) / ours, baselineBytes, residentRatio: resident / baselineBytes },
  };
}

/** What a step is of: its program, the state and the images that it begins with. */
type Prepared = ReturnType<typeof prepare>;

/** Runs and times steps, each on the state that the one before has left. */
async function runSteps(device: Device, profile: Profile, step: Prepared["program"], { train, images }: Prepared) {
  const current = { train };
  const submits: number[] = []; // of each step, on devices that count
  const times = await timeSteps(async () => {
    const before = device.counters?.().submits;
    const result = step(current.train, images);
    if (before !== undefined) submits.push(device.counters!().submits - before);
    current.train = result.train;
    const loss = await result.loss.item();
    profile.on = true; // the first step warmed up
    return loss;
  });
  profile.on = false;
  return { ...times, train: current.train, submits: submits.length > 0 ? { submits: submits.at(-1)! } : {} };
}

/** Times the whole step and, if asked for, its parts. */
async function wholeStep(model: Classifier, device: Device, profile: Profile, prepared: Prepared): Promise<object> {
  const { images } = prepared;
  const step = jit(prepared.program, { donate: [0] });
  realize([...treeLeaves<unknown>(prepared.train) as Tensor[], images], device);
  await device.flush?.(); // computed while the step is compiled, if it can
  const from = performance.now();
  const { plannedBytes, launches, flops } = step.stats(prepared.train, images);
  const compileMilliseconds = performance.now() - from;
  const { first, ours, theirs, train, submits } = await runSteps(device, profile, step, prepared);
  const [time, residentBytes] = [
    median(ours),
    peakResidentBytes() + (engine.pid === undefined ? 0 : peakResidentBytes(engine.pid)),
  ];
  return {
    ...SETTINGS,
    ...{ imagesPerSecond: 1000 * BATCH_SIZE / time, ...spread("millisecondsPerStep", ours) },
    ...(args.parts ? await partsOf(model, device, train, images) : {}),
    ...{ gflops: flops / time / 1e6, denseGflops: denseFlops(model, flops, train, images) / time / 1e6, flops },
    ...{ plannedBytes, residentBytes, launches, ...submits, compileMilliseconds, ...first },
    ...comparison(time, residentBytes, theirs),
  };
}

async function main(): Promise<number> {
  const model = MODEL;
  const profile = makeProfile();
  const opening = open(profile);
  const prepared = prepare(model); // while the device is opened, if that is done elsewhere
  const device = await opening;
  setDefaultDevice(device);
  const report = args.sparseVsDense
    ? await sparseAgainstDense(model, device)
    : await wholeStep(model, device, profile, prepared);
  if (args.profile) console.log(await tableOf(profile));
  console.log(args.json ? JSON.stringify(report) : report);
  device.close();
  return 0;
}

await runCommand(main);
