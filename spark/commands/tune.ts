/**
 * Finds the fastest tiles for the products and windows of a training step on this machine's GPU, and keeps them for later runs.
 *
 *     deno task tune --model resnet50 --input-size 224 --batch-size 8
 *
 * Runs one step to see which kernels take the time, then times tiles for each class of shape. The table goes to the
 * user's cache folder, or to the file that `--out` names.
 *
 * @module
 */
import { jit, random, type Tensor, webgpuDevice } from "../../tensor/mod.ts";
import { type LaunchTime, type TemplateKernel, tuneWebgpu, type TuningResult } from "../../tensor/kernel.ts";
import { pretrainOptimizer } from "../recipe.ts";
import type { TrainState } from "../train_state.ts";
import { init, trainStep } from "../train_step.ts";
import { modelEntry } from "../train/model_file.ts";
import type { ModelEntry } from "../train/model_table.ts";
import { adapterHere, tuningPath, writeTuning } from "../train/tuning_file.ts";
import { type Command, command } from "./cli/command.ts";
import { withDefaults } from "./cli/command_line.ts";
import { print } from "./cli/print.ts";
import { runCommand } from "./cli/run_command.ts";
import { INPUT_SIZE_OPTION, MODEL_OPTION, TRAINING_OPTIONS } from "./shared/common_options.ts";

export type { Command } from "./cli/command.ts";

const OPTIONS = {
  ...MODEL_OPTION,
  ...INPUT_SIZE_OPTION,
  batchSize: TRAINING_OPTIONS.batchSize,
  out: {
    kind: "text",
    placeholder: "FILE",
    what: "a file",
    help: "file for the table (default: in the user's cache folder, by adapter)",
  },
} as const;

const LINE = {
  task: "tune",
  purpose: "Finds the fastest tiles for a training step on this machine's GPU and keeps them for later runs.",
  options: OPTIONS,
} as const;

/** Kernels below this share of the time of a step are not worth tuning. */
const MIN_SHARE = 0.005;

/** What one step launches, with the time that it takes. */
async function launchesOf(
  { make, recipe }: ModelEntry,
  inputSize: readonly [number, number] = recipe.inputSize,
  batchSize: number = recipe.batchSize,
): Promise<readonly LaunchTime[]> {
  const model = make();
  const optimizer = pretrainOptimizer({ learningRate: 1e-4, b2: model.recipe.beta2 });
  const times: LaunchTime[] = [];
  const device = await webgpuDevice({ onLaunch: (time) => void times.push(time) });
  const inner = trainStep(model, optimizer);
  const step = jit((train: TrainState, images: Tensor) => inner(train, { images }), { device });
  const train = init(model, optimizer, random.key(0), { inputSize, decoderWidth: recipe.decoderWidth });
  await step(train, random.normal(random.key(1), [batchSize, ...inputSize, 3])).loss.item({ device });
  device.close();
  return times;
}

/** Kernels that take part of the time, those that take most first. */
function hotKernels(times: readonly LaunchTime[]): readonly TemplateKernel[] {
  const total = times.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const byKey = new Map<string, { readonly kernel: TemplateKernel; milliseconds: number }>();
  for (const { step: { kernel }, milliseconds } of times) {
    if (kernel.kind !== "template") continue;
    const entry = byKey.get(kernel.key) ?? { kernel, milliseconds: 0 };
    entry.milliseconds += milliseconds;
    byKey.set(kernel.key, entry);
  }
  const hot = [...byKey.values()].filter(({ milliseconds }) => milliseconds >= MIN_SHARE * total);
  return hot.toSorted((a, b) => b.milliseconds - a.milliseconds).map(({ kernel }) => kernel);
}

function lineOf({ name, kernel, tile, defaultMilliseconds, milliseconds }: TuningResult): string {
  const choice = tile
    ? `${tile.kind} ${tile.rows}×${tile.columns} in ${tile.down}×${tile.across}${
      tile.depth ? ` depth ${tile.depth}` : ""
    }`
    : "default";
  return `${defaultMilliseconds.toFixed(2).padStart(9)} ms → ${
    milliseconds.toFixed(2).padStart(9)
  } ms  ${choice}  (${kernel}, ${name})`;
}

/** Runs the command: exit code 0. */
export const tune: Command = command(LINE, async (given) => {
  const { model, inputSize, batchSize, out } = withDefaults(OPTIONS, given);
  const adapter = await adapterHere();
  const path = out ?? tuningPath(adapter, (name) => Deno.env.get(name));
  print(`Adapter: ${adapter}`);
  const kernels = hotKernels(await launchesOf(modelEntry(model), inputSize, batchSize));
  const table = await tuneWebgpu(kernels, { adapter, tell: (result) => print(lineOf(result)) });
  writeTuning(path, table);
  print(`${Object.keys(table.tiles).length} classes with other tiles than the default, in ${path}`);
  return 0;
});

if (import.meta.main) await runCommand(tune);
