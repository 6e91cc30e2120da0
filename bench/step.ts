/**
 * @file Time of a SparK training step, alone or beside the PyTorch baseline.
 *
 *     deno task bench:step --model resnet50 --input-size 224 --batch-size 8 --device cpu --steps 5 --baseline --json
 *
 * Checks that the losses are finite and near 1, as they are before training, and prints medians. With `--baseline` each
 * step alternates with one of `bench/baseline/spark_torch.py` on the same cores. With `--json` the last line is an object.
 */
// deno-lint-ignore-file no-console
import { parseArgs } from "node:util";
import { cpuDevice, type Device, jit, key, normal, openDevice, setDefaultDevice, type Tensor } from "../tensor/mod.ts";
import { convnextSmall, convnextTiny, lamb, type Model, resnet101, resnet18, resnet50, tinyResnet } from "../nn/mod.ts";
import { init, type TrainState, trainStep } from "../spark/mod.ts";
import { measureLimits } from "./machine_limits.ts";
import { makeProfile, type Profile, profileTable } from "./profile_table.ts";

const MAKERS: readonly (() => Model)[] = [resnet18, resnet50, resnet101, convnextTiny, convnextSmall, tinyResnet];
const MODELS: Readonly<Record<string, () => Model>> = Object.fromEntries(MAKERS.map((make) => [make().name, make]));

const { values: args } = parseArgs({
  options: {
    model: { type: "string", default: "resnet50" },
    "input-size": { type: "string", default: "224" },
    "batch-size": { type: "string", default: "8" },
    "decoder-width": { type: "string", default: "768" },
    device: { type: "string", default: "cpu" },
    steps: { type: "string", default: "5" },
    baseline: { type: "boolean", default: false },
    python: { type: "string", default: "/usr/bin/python3" },
    json: { type: "boolean", default: false },
    profile: { type: "boolean", default: false },
    "profile-rows": { type: "string", default: "40" },
  },
});

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

/** One warm step of the baseline, in a process of its own. */
async function torchStep(): Promise<{ millisecondsPerStep: number; residentBytes: number }> {
  const script = new URL("./baseline/spark_torch.py", import.meta.url).pathname;
  const flags = ["--model", args.model!, "--input-size", args["input-size"]!, "--batch-size", args["batch-size"]!];
  const command = new Deno.Command(args.python!, {
    args: [script, ...flags, "--steps", "1", "--warmup", "1", "--json"],
  });
  const { stdout, success, stderr } = await command.output();
  if (!success) {
    throw new Error(
      `Cannot run the baseline as PyTorch must be there: current error is ${new TextDecoder().decode(stderr)}`,
    );
  }
  return JSON.parse(new TextDecoder().decode(stdout).trim().split("\n").at(-1)!);
}

/** Times of some steps, each followed by one of the baseline if that was asked for. */
async function timeSteps(run: () => Promise<number>, steps: number) {
  const [ours, theirs, residents]: [number[], number[], number[]] = [[], [], []];
  const baseline: number[] = [];
  for (let i = 0; i <= steps; i++) {
    const from = performance.now();
    const loss = await run();
    const time = performance.now() - from;
    residents.push(Deno.memoryUsage().rss);
    if (!(Math.abs(loss - 1) < 0.5)) {
      throw new Error(`Cannot time a step as its loss must be near 1: current loss is ${loss}`);
    }
    if (!args.json) console.log(`step ${i} loss ${loss.toFixed(4)} ${time.toFixed(0)} ms`);
    if (i === 0) continue; // assembles modules and fills caches
    ours.push(time);
    if (!args.baseline) continue;
    const { millisecondsPerStep, residentBytes } = await torchStep();
    theirs.push(millisecondsPerStep);
    baseline.push(residentBytes);
  }
  return { ours, theirs, resident: Math.max(...residents), baselineResident: Math.max(0, ...baseline) };
}

/** The device that was asked for; with `--profile` it reports its launches. */
async function open(profile: Profile): Promise<Device> {
  if (!args.profile) return await openDevice(args.device!);
  if (args.device === "cpu") return cpuDevice({ onLaunch: profile.listen });
  throw new RangeError(`Cannot profile as launches are timed on the cpu device: current device is ${args.device}`);
}

/** What the steps spent their time on. */
async function tableOf({ times }: Profile): Promise<string> {
  const limits = await measureLimits(await openDevice(args.device!));
  return profileTable(times, Number(args.steps), limits, Number(args["profile-rows"]));
}

async function main(): Promise<void> {
  const make = MODELS[args.model!];
  if (!make) {
    throw new RangeError(`Cannot run as --model must be one of ${Object.keys(MODELS)}: current model is ${args.model}`);
  }
  const [size, batch] = [Number(args["input-size"]), Number(args["batch-size"])];
  const profile = makeProfile();
  const device = await open(profile);
  setDefaultDevice(device);
  const model = make();
  const optimizer = lamb({ learningRate: 1e-4, weightDecay: 0.04, beta2: model.recipe.beta2 });
  const inner = trainStep(model, optimizer);
  const step = jit((train: TrainState, images: Tensor) => inner(train, { images }), { donate: [0] });
  const from = performance.now();
  const state = {
    train: init(model, optimizer, key(0), { inputSize: [size, size], decoderWidth: Number(args["decoder-width"]) }),
  };
  const images = normal(key(1), [batch, size, size, 3]);
  const stats = step.stats(state.train, images);
  const compileMilliseconds = performance.now() - from;
  const times = await timeSteps(async () => {
    const result = step(state.train, images);
    profile.on = true; // the first step warmed up
    state.train = result.train;
    return await result.loss.item();
  }, Number(args.steps));
  const ours = median(times.ours);
  const theirs = times.theirs.length > 0 ? median(times.theirs) : null;
  const report = {
    ...{ model: args.model, inputSize: size, batchSize: batch, device: args.device },
    ...{ imagesPerSecond: 1000 * batch / ours, millisecondsPerStep: ours },
    ...{ fastest: Math.min(...times.ours), slowest: Math.max(...times.ours), compileMilliseconds },
    ...{ plannedBytes: stats.plannedBytes, residentBytes: times.resident, launches: stats.launches },
    ...(theirs ? { baselineMilliseconds: theirs, ratio: theirs / ours, baselineBytes: times.baselineResident } : {}),
  };
  if (args.profile) console.log(await tableOf(profile));
  console.log(args.json ? JSON.stringify(report) : report);
  device.close();
}

await main();
