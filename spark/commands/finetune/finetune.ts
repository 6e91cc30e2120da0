/**
 * The fine-tuning command: `deno task finetune --help`, or `deno run -A jsr:@tessera/tessera/finetune --help`.
 *
 * @module
 */
import { type Collective, type Device, zeros } from "../../../tensor/mod.ts";
import { counted, stepsPerEpoch } from "../../../data/mod.ts";
import type { FinetuneState, TargetBatch } from "../../finetune.ts";
import { onRunDevice } from "../../train/devices.ts";
import { makeEvaluate } from "../../train/scores/evaluation.ts";
import type { Best } from "../../train/results/evaluation_record.ts";
import { evaluationResults } from "../../train/results/evaluation_results.ts";
import { launchOf } from "../../train/results/rank_report.ts";
import { makeModel } from "../../train/model_file.ts";
import { amongRanks, partOfRank } from "../../train/ranks/open_ranks.ts";
import { loadLogger } from "../../train/run_logger.ts";
import { checkImages, placeOf, type RunConfiguration, type RunStart } from "../../train/run_start.ts";
import { type KeepsakeRun, type Recipe, runTraining } from "../../train/run_training.ts";
import { type Command, command } from "../cli/command.ts";
import { EXIT_CODES } from "../cli/exit_codes.ts";
import { printOf } from "../cli/print.ts";
import { runCommand } from "../cli/run_command.ts";
import { TERMINAL } from "../cli/terminal.ts";
import { checkpointOf } from "../shared/checkpoint_stages.ts";
import { workersOf } from "../shared/common_options.ts";
import { imageInput, networkFor } from "../shared/image_input.ts";
import { evalBatches, type LabelledData, openLabelledData } from "../shared/labelled_data.ts";
import { accountsOf, lastingName } from "../shared/run_data.ts";
import { agreedStart, machineOfRank } from "../shared/shared_run.ts";
import { startWithWeights } from "../shared/start_with_weights.ts";
import { sayWeights } from "../shared/say_weights.ts";
import { classesOf } from "../shared/weight_file.ts";
import { headFor, type Pretrained } from "./pretrained.ts";
import { FINETUNE_OPTIONS, type FinetuneOptions, type GivenFinetuneOptions } from "./finetune_options.ts";
import { type Finetuning, makeFinetuning } from "./finetuning.ts";
import { finetuneLengths, resumeFinetuneOptions, settleFinetuneOptions } from "./settled_finetune_options.ts";
import { targetBatches } from "./target_batches.ts";

export type { Command } from "../cli/command.ts";

const LINE = {
  task: "finetune",
  ranks: true,
  purpose: "Fine-tunes a pre-trained network, or trains a fresh one, to tell classes apart, and evaluates it.",
  usage: "--data PATH (--init PATH | --from-scratch --model NAME)",
  options: FINETUNE_OPTIONS,
  details:
    `The run folder holds last.safetensors (all that --resume needs), best.safetensors (of the best evaluation; weights or
average are read of it, whichever was better, unless --weights says), log.jsonl (one line per step, epoch and evaluation),
report.html, confusion.csv, tensorboard_log/ and result.json (the evaluation at the end, by class too).

mpirun -n N deno task finetune … shares each step among N ranks (docs/many_machines.md); --batch-size is that of all
together.

${EXIT_CODES}`,
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
  /** Ranks that share the steps. */
  readonly collective: Collective;
}

/** Runs the command: exit code 0 for a complete run, 130 for one that Ctrl-C ended, 75 for one that other ranks ended. */
export const finetune: Command = command(
  LINE,
  (given) => amongRanks(given.deadline, (ranks) => finetuneAmong(given, ranks)),
);

async function finetuneAmong(given: GivenFinetuneOptions, collective: Collective): Promise<number> {
  const logger = collective.rank === 0 ? await loadLogger(given.logger) : () => {};
  const opened = await startRun(given, collective);
  using _lock = opened.lock;
  const data = await openLabelledData({
    ...{ ...opened.options, input: imageInput(opened.options.inChannels) },
    tell: printOf(collective),
  });
  checkImages(opened, data.images, "--data and --val");
  const perEpoch = (batchSize: number) => stepsPerEpoch(data.train.length, batchSize);
  const shift = placeOf(opened, perEpoch);
  const options = shift === 0 ? opened.options : { ...opened.options, shift };
  partOfRank(options.batchSize, collective, options.accumulate); // refuses what cannot be shared
  const start = agreedStart(LINE.task, { ...opened, options }, data.images, collective);
  const lengths = finetuneLengths(options, perEpoch(options.batchSize));
  const { tuning, logEvery } = given;
  const { precision, accumulate } = options;
  const machine = { tuning, precision, ...machineOfRank(given, start.folder, collective) };
  return await onRunDevice(given.device, machine, (device) => {
    const settings = {
      ...{ task: LINE.task, start, model: options.model, lengths, batchSize: options.batchSize, logEvery, device },
      ...{ saveEvery: lengths.evalEvery, accumulate, scaled: precision === "f16", logger, collective },
    };
    return runTraining(settings, recipeOf({ given, start, data, lengths, device, collective }), TERMINAL);
  });
}

function startRun(given: GivenFinetuneOptions, { rank }: Collective): Promise<Start> {
  const networkIn = (options: FinetuneOptions) => makeModel(options.model, options.inChannels);
  return startWithWeights(given, {
    start: { task: LINE.task, out: given.out, writes: rank === 0 },
    settle: settleFinetuneOptions,
    resume: resumeFinetuneOptions,
    backboneOf: (file, options): Pretrained => ({
      ...networkFor(file, options.model, options.inChannels),
      classes: classesOf(file),
    }),
    nameOf: (options) => `${networkIn(options).name}-finetune`,
  });
}

function recipeOf(opened: Opened): Recipe<FinetuneState, TargetBatch> {
  const { given, start: { options, backbone }, data, lengths, device, collective } = opened;
  const { inputSize } = options;
  const partOf = (size: number) => partOfRank(size, collective, options.accumulate);
  const [workers, classes] = [workersOf(given.workers), data.classes.length];
  const head = backbone && headFor(backbone, data.classes);
  const tell = printOf(collective);
  if (backbone && head) sayWeights(backbone.account, { head: head.said }, tell);
  if (backbone?.converted) tell(backbone.converted);
  const start = backbone && { ...backbone, head: head?.params ?? null };
  const checkpoint = checkpointOf(given);
  const training = makeFinetuning(options, lengths, { classes, backbone: start, checkpoint, collective }, device);
  const configuration = { options: lasting(options), images: data.images, classes: data.classes };
  return {
    title: titleOf(opened),
    training,
    first: () => training.initial,
    batchOf(size) {
      const { count } = partOf(size);
      return { images: zeros([count, ...inputSize, options.inChannels ?? 3]), targets: zeros([count, classes]) };
    },
    batches: (run) => targetBatches(data.train, options, classes, { ...run, workers, part: partOf(options.batchSize) }),
    configuration,
    sources: accountsOf(data.train, data.val),
    weights: backbone ? [backbone.account] : [],
    keepsakes: (run) => keepsakesOf(opened, training, run, configuration),
  };
}

function keepsakesOf(
  { given, start: { options, folder, log, resumed }, data, lengths, device }: Opened,
  { model }: Finetuning,
  { head, note: tell, emit }: KeepsakeRun,
  configuration: Readonly<Record<string, unknown>>,
) {
  const { inputSize: size, batchSize } = options;
  const open = () =>
    evalBatches(data.val, {
      size,
      input: imageInput(options.inChannels),
      batchSize,
      workers: workersOf(given.workers),
    });
  const { total, warmup: warmupSteps, stepsPerEpoch, evalEvery } = lengths;
  const counted = { epochs: options.steps === null ? options.epochs : null, steps: total, warmupSteps, stepsPerEpoch };
  return evaluationResults(folder, {
    ...{ title: head.name, before: log, classes: data.classes, sources: accountsOf(data.train, data.val), tell, emit },
    about: { ...options, ...counted, evalEvery, images: data.images, device: device.name, ...launchOf(head) },
    ...{ configuration, options, best: resumed?.configuration.best ?? null, evalEvery, total },
    evaluate: makeEvaluate(model, open, { classes: data.classes.length, device }),
  });
}

/** Options with places that are found from any folder. */
function lasting(options: FinetuneOptions): FinetuneOptions {
  const { data, val } = options;
  return { ...options, data: lastingName(data), val: val === null ? null : lastingName(val) };
}

function titleOf({ start: { options }, data }: Opened): string {
  const { model, init, inputSize: [height, width] } = options;
  return `${model} ${init === null ? "from scratch" : `from ${init}`} on ${data.train.name}: ` +
    `${counted(data.train.length, "image")} of ${
      counted(data.classes.length, "class")
    } at ${height}×${width}, ${data.val.length} to be evaluated on;`;
}

if (import.meta.main) await runCommand(finetune);
