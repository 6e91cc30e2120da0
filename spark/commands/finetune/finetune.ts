/** @file The fine-tuning command: `deno task finetune --help`. */
import { type Device, zeros } from "../../../tensor/mod.ts";
import { stepsPerEpoch } from "../../../data/mod.ts";
import type { FinetuneState, TargetBatch } from "../../finetune.ts";
import { onRunDevice } from "../../train/devices.ts";
import { makeEvaluate } from "../../train/evaluation.ts";
import { type Best, evaluationResults } from "../../train/results/evaluation_results.ts";
import { modelEntry } from "../../train/model_file.ts";
import { checkImages, newRun, resumedRun, type RunConfiguration, type RunStart } from "../../train/run_start.ts";
import { type Recipe, runTraining } from "../../train/run_training.ts";
import { type Command, command } from "../cli/command.ts";
import { runCommand } from "../cli/run_command.ts";
import { TERMINAL } from "../cli/terminal.ts";
import { workersOf } from "../shared/common_options.ts";
import { evalBatches, type LabelledData, openLabelledData } from "../shared/labelled_data.ts";
import { accountsOf, lastingName } from "../shared/run_data.ts";
import { sayWeights } from "../shared/say_weights.ts";
import { classesOf, modelNameOf, networkOf, openWeights } from "../shared/weight_file.ts";
import { weightPath } from "../shared/weight_path.ts";
import { headFor, type Pretrained } from "./pretrained.ts";
import { FINETUNE_OPTIONS, type FinetuneOptions, type GivenFinetuneOptions } from "./finetune_options.ts";
import { makeFinetuning } from "./finetuning.ts";
import { finetuneLengths, resumeFinetuneOptions, settleFinetuneOptions } from "./settled_finetune_options.ts";
import { targetBatches } from "./target_batches.ts";

const LINE = {
  task: "finetune",
  purpose: "Fine-tunes a pre-trained network, or trains a fresh one, to tell classes apart, and evaluates it.",
  usage: "--data PATH (--init PATH | --from-scratch --model NAME)",
  options: FINETUNE_OPTIONS,
  details:
    `The run folder holds last.safetensors (all that --resume needs), best.safetensors (of the best evaluation), \
log.jsonl
(one line per step, epoch and evaluation) and result.json (the evaluation at the end).
Ctrl-C finishes the step, saves and exits with code 130; a second one exits at once.
Exit code 1: an error, said in one line on stderr.`,
} as const;

/** What a checkpoint says of its run, besides the state. */
interface Configuration extends RunConfiguration<FinetuneOptions> {
  /** The best evaluation; null before the first. */
  readonly best: Best | null;
}

/** How a run starts. */
interface Start extends RunStart<FinetuneOptions, Configuration> {
  /** The pre-trained network of a new run; null for fresh weights, and for a run that goes on. */
  readonly backbone: Pretrained | null;
}

/** What a run works with. */
interface Opened {
  /** Options of the command line. */
  readonly given: GivenFinetuneOptions;
  /** How the run starts. */
  readonly start: Start;
  /** Images. */
  readonly data: LabelledData;
  /** Lengths of the run. */
  readonly lengths: ReturnType<typeof finetuneLengths>;
  /** Where to compute. */
  readonly device: Device;
}

/** Runs the command: exit code 0 for a complete run, 130 for one that Ctrl-C ended. */
export const finetune: Command = command(LINE, async (given) => {
  const start = await startRun(given);
  using _lock = start.lock;
  const { options, folder } = start;
  const data = await openLabelledData(options);
  checkImages(start, data.images, "--data and --val");
  const lengths = finetuneLengths(options, stepsPerEpoch(data.train.length, options.batchSize));
  const { tuning, threads, logEvery } = given;
  return await onRunDevice(given.device, { tuning, kept: folder.tuning, threads }, (device) => {
    const settings = {
      ...{ task: LINE.task, start, model: options.model, lengths, batchSize: options.batchSize, logEvery, device },
      saveEvery: lengths.evalEvery,
    };
    return runTraining(settings, recipeOf({ given, start, data, lengths, device }), TERMINAL);
  });
});

async function startRun(given: GivenFinetuneOptions): Promise<Start> {
  const start = { task: LINE.task, out: given.out, hasPictures: false };
  const init = given.init === undefined ? undefined : weightPath(given.init, "--init");
  if (given.resume !== undefined) {
    const asked = init === undefined ? given : { ...given, init };
    const optionsOf = (saved: FinetuneOptions) => resumeFinetuneOptions(saved, asked);
    return { ...await resumedRun<FinetuneOptions, Configuration>(given.resume, optionsOf, start), backbone: null };
  }
  const file = init === undefined ? null : await openWeights(init, { ...given, option: "--init" });
  const options = settleFinetuneOptions(given, file && { path: file.path, model: modelNameOf(file, given.model) });
  const backbone = file && { ...networkOf(file, modelEntry(options.model).make()), classes: classesOf(file) };
  return {
    ...newRun<FinetuneOptions, Configuration>(options, `${modelEntry(options.model).make().name}-finetune`, start),
    backbone,
  };
}

function recipeOf(opened: Opened): Recipe<FinetuneState, TargetBatch> {
  const { given, start: { options, folder, backbone, resumed }, data, lengths, device } = opened;
  const { inputSize, batchSize } = options;
  const [workers, classes] = [workersOf(given.workers), data.classes.length];
  const head = backbone && headFor(backbone, data.classes);
  if (backbone && head) sayWeights(backbone.account, { head: head.said });
  const start = backbone && { ...backbone, head: head?.params ?? null };
  const training = makeFinetuning(options, lengths, { classes, backbone: start }, device);
  const configuration = { options: lasting(options), images: data.images, classes: data.classes };
  const open = () => evalBatches(data.val, { size: inputSize, batchSize, workers });
  return {
    title: titleOf(opened),
    training,
    first: () => training.initial,
    batchOf: (size) => ({ images: zeros([size, ...inputSize, 3]), targets: zeros([size, classes]) }),
    batches: (run) => targetBatches(data.train, options, classes, { ...run, workers }),
    configuration,
    sources: accountsOf(data.train, data.val),
    weights: backbone ? [backbone.account] : [],
    keepsakes: ({ note: tell }) =>
      evaluationResults(folder, {
        sources: accountsOf(data.train, data.val),
        ...{ configuration, options, best: resumed?.configuration.best ?? null, tell },
        ...{ evalEvery: lengths.evalEvery, total: lengths.total },
        evaluate: makeEvaluate(training.model, open, device),
      }),
  };
}

/** Options with places that are found from any folder. */
function lasting(options: FinetuneOptions): FinetuneOptions {
  const { data, val } = options;
  return { ...options, data: lastingName(data), val: val === null ? null : lastingName(val) };
}

function titleOf({ start: { options }, data }: Opened): string {
  const { model, init, inputSize: [height, width] } = options;
  return `${model} ${init === null ? "from scratch" : `from ${init}`} on ${data.train.name}: ${data.train.length} ` +
    `images of ${data.classes.length} classes at ${height}×${width}, evaluated on ${data.val.length};`;
}

if (import.meta.main) await runCommand(finetune);
