/**
 * @file Where the time of a SparK training step goes: a table by kernel, and a trace for `chrome://tracing` or Perfetto.
 *
 *     deno task profile --model resnet50 --input-size 64 --batch-size 8 --device webgpu --trace trace.json
 *
 * On webgpu the device's timestamps are used where the adapter offers them; else every launch is waited for, the short
 * ones several times. A profiled step takes longer than others: its time is told by `deno task bench:step`.
 */
// deno-lint-ignore-file no-console
import type { Model } from "../nn/mod.ts";
import { init, pretrainOptimizer, type TrainState, trainStep } from "../spark/mod.ts";
import { type Command, command } from "../spark/commands/cli/command.ts";
import { withDefaults } from "../spark/commands/cli/command_line.ts";
import { runCommand } from "../spark/commands/cli/run_command.ts";
import {
  cpuDevice,
  type Device,
  jit,
  openDevice,
  random,
  setDefaultDevice,
  type Tensor,
  webgpuDevice,
} from "../tensor/mod.ts";
import type { LaunchListener } from "../tensor/kernel.ts";
import { chromeTrace, type HostSpan } from "./chrome_trace.ts";
import { measureLimits } from "./machine_limits.ts";
import { makeProfile, profileTable } from "./profile_table.ts";
import { STEP_OPTIONS, stepSizes } from "./step_options.ts";

const OPTIONS = {
  ...STEP_OPTIONS,
  device: { kind: "name", names: ["cpu", "webgpu"], help: "cpu or webgpu", default: "cpu" },
  steps: { kind: "whole", least: 1, help: "steps that are profiled", default: 1 },
  rows: { kind: "whole", least: 1, help: "kernels that are listed", default: 40 },
  trace: { kind: "text", placeholder: "FILE", what: "a file", help: "trace for chrome://tracing or Perfetto" },
} as const;

const LINE = {
  task: "profile",
  purpose: "Tells where the time of a SparK training step goes, kernel by kernel.",
  options: OPTIONS,
} as const;

/** Opens a device that reports its launches. */
async function openListening(name: "cpu" | "webgpu", onLaunch: LaunchListener): Promise<Device> {
  return name === "cpu" ? cpuDevice({ onLaunch }) : await webgpuDevice({ onLaunch });
}

/** Times parts of what the host does. */
function makeStopwatch(): { readonly spans: HostSpan[]; time<T>(name: string, run: () => T | Promise<T>): Promise<T> } {
  const spans: HostSpan[] = [];
  return {
    spans,
    async time(name, run) {
      const start = performance.now();
      const result = await run();
      spans.push({ name, start, milliseconds: performance.now() - start });
      return result;
    },
  };
}

/** The training step of a model, its first state, and images. */
function stepOf(model: Model, size: number, batch: number, decoderWidth: number) {
  const optimizer = pretrainOptimizer({ learningRate: 1e-4, b2: model.recipe.beta2 });
  const inner = trainStep(model, optimizer);
  return {
    step: jit((train: TrainState, images: Tensor) => inner(train, { images }), { donate: [0] }),
    train: init(model, optimizer, random.key(0), { inputSize: [size, size], decoderWidth }),
    images: random.normal(random.key(1), [batch, size, size, 3]),
  };
}

/** Runs the command: exit code 0. */
const main: Command = command(LINE, async (given) => {
  const args = withDefaults(OPTIONS, given);
  const { model, inputSize: size, decoderWidth } = stepSizes(args);
  const { batchSize: batch, steps } = args;
  const profile = makeProfile();
  const device = await openListening(args.device, profile.listen);
  setDefaultDevice(device);
  const { time, spans } = makeStopwatch();
  const { step, train, images } = stepOf(model, size, batch, decoderWidth);
  const { plannedBytes } = await time("trace and plan", () => step.stats(train, images));
  await time("compile", () => step.prepare(train, images));
  const state = { train };
  for (let i = 0; i <= steps; i++) {
    profile.on = i > 0; // the first warms up
    const { train: next, loss } = await time(`step ${i}: call`, () => step(state.train, images));
    state.train = next;
    const value = await time(`step ${i}: wait and read`, () => loss.item());
    console.log(`step ${i} loss ${value.toFixed(4)}`);
  }
  profile.on = false;
  const limits = await measureLimits(await openDevice(args.device));
  console.log(`${model.name} at ${size}×${size}, batch ${batch}, decoder width ${decoderWidth}`);
  console.log(`planned: ${(plannedBytes / 2 ** 20).toFixed(1)} MiB`);
  console.log(profileTable(profile.times, steps, limits, args.rows));
  if (args.trace) {
    const shown = spans.filter(({ start }) => start >= spans.at(-2 * steps)!.start);
    await Deno.writeTextFile(args.trace, JSON.stringify(chromeTrace(args.device, shown, profile.times)));
    console.log(`trace: ${args.trace}, for chrome://tracing or ui.perfetto.dev`);
  }
  return 0;
});

if (import.meta.main) await runCommand(main); // ends the workers of both devices
