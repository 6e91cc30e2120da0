/** @file The command that trains detectors: `deno task detect:train --help`. */
import type { Collective, Device } from "../../../tensor/mod.ts";
import { type BatchPart, counted, groupedStepsPerEpoch, stepsPerEpoch } from "../../../data/mod.ts";
import { type DetectionBatch, inChannelsOf } from "../../../nn/mod.ts";
import { type DetectionState, lossNames } from "../../detection.ts";
import type { Backbone } from "../../weights/load_backbone.ts";
import { onRunDevice } from "../../train/devices.ts";
import { modelEntry } from "../../train/model_file.ts";
import { amongRanks, partOfRank } from "../../train/ranks/open_ranks.ts";
import type { BestDetector } from "../../train/results/best_detector.ts";
import { loadLogger } from "../../train/run_logger.ts";
import { checkImages, placeOf, type RunConfiguration, type RunStart } from "../../train/run_start.ts";
import { type Recipe, runTraining } from "../../train/run_training.ts";
import { type Command, command } from "../cli/command.ts";
import { EXIT_CODES } from "../cli/exit_codes.ts";
import { printOf } from "../cli/print.ts";
import { runCommand } from "../cli/run_command.ts";
import { TERMINAL } from "../cli/terminal.ts";
import { workersOf } from "../shared/common_options.ts";
import { accountsOf, lastingName } from "../shared/run_data.ts";
import { agreedStart, machineOfRank } from "../shared/shared_run.ts";
import { startWithWeights } from "../shared/start_with_weights.ts";
import { sayWeights } from "../shared/say_weights.ts";
import { networkFor } from "../shared/image_input.ts";
import { type DetectData, openDetectData } from "./detect_data.ts";
import { DETECT_OPTIONS, type DetectOptions, type GivenDetectOptions } from "./detect_options.ts";
import { detectorOf, makeDetecting } from "./detecting.ts";
import { evaluatedWeights } from "./evaluated_weights.ts";
import { keepsakesOf } from "./keepsakes.ts";
import { recalibrated } from "./recalibrated.ts";
import { emptyBatches, sceneBatches, type SceneShapes, sceneShapes } from "./scene_batches.ts";
import {
  BUILT_IN,
  detectLengths,
  detectorPart,
  resumeDetectOptions,
  settleDetectOptions,
} from "./settled_detect_options.ts";

const LINE = {
  task: "detect:train",
  ranks: true,
  purpose:
    `Trains Mask R-CNN or Faster R-CNN on a pre-trained or fresh backbone, and evaluates it by COCO's numbers. Without
--data it makes its own scenes.`,
  options: DETECT_OPTIONS,
  details:
    `The run folder holds last.safetensors (all that --resume needs), evaluated.safetensors (the weights of the last evaluation,
with running statistics taken anew: what the folder stands for where weights are asked for), best.safetensors (of the best box
AP, with the same), log.jsonl (one line per step, epoch and evaluation), report.html (scores, losses, what was found in some
images over time), detections/, tensorboard_log/ and result.json (the evaluation at the end, by class too).

mpirun -n N deno task detect:train … shares each step among N ranks (docs/many_machines.md); --batch-size is that of all
together.

${EXIT_CODES}`,
} as const;

/** What a checkpoint says of its run, besides the state. */
interface Configuration extends RunConfiguration<DetectOptions> {
  /** The best evaluation; null before the first. */
  readonly best: BestDetector | null;
  /** Steps done when these weights were evaluated; null where they are those that the run goes on from. */
  readonly evaluated?: number | null;
}

/** How a run starts. */
interface Start extends RunStart<DetectOptions, Configuration> {
  /** The pre-trained backbone of a new run; null for fresh weights, and for a run that goes on. */
  readonly backbone: Backbone | null;
}

/** Runs the command: exit code 0 for a complete run, 130 for one that Ctrl-C ended, 75 for one that other ranks ended. */
export const detectTrain: Command = command(
  LINE,
  (given) => amongRanks(given.deadline, (ranks) => trainAmong(given, ranks)),
);

async function trainAmong(given: GivenDetectOptions, collective: Collective): Promise<number> {
  const logger = collective.rank === 0 ? await loadLogger(given.logger) : () => {};
  const opened = await startRun(given, collective);
  using _lock = opened.lock;
  const data = await openDetectData(opened.options, printOf(collective));
  checkImages(opened, data.images, "--data and --val");
  const { options, ...placed } = placedOf(opened, data);
  const { batchSize, accumulate, precision } = options;
  partOfRank(batchSize, collective, accumulate); // refuses what cannot be shared
  const start = agreedStart(LINE.task, { ...opened, options }, data.images, collective);
  const { tuning, logEvery } = given;
  const machine = { tuning, precision, ...machineOfRank(given, start.folder, collective) };
  return await onRunDevice(given.device, machine, (device) => {
    const { recipe, parts } = recipeOf({ given, start, data, ...placed, device, collective });
    const settings = {
      ...{ task: LINE.task, start, model: options.model, lengths: placed.lengths, batchSize, logEvery, device },
      ...{ saveEvery: placed.lengths.evalEvery, accumulate, scaled: precision === "f16", parts, logger, collective },
    };
    return runTraining(settings, recipe, TERMINAL);
  });
}

function startRun(given: GivenDetectOptions, collective: Collective): Promise<Start> {
  const networkIn = (options: DetectOptions) => modelEntry(options.model).make();
  const tell = printOf(collective);
  return startWithWeights(given, {
    start: { task: LINE.task, out: given.out, pictures: "detections", writes: collective.rank === 0 },
    settle: settleDetectOptions,
    resume: resumeDetectOptions,
    backboneOf: (file, options) => {
      const { converted, ...backbone } = networkFor(file, options.model, inChannelsOf(networkIn(options)));
      sayWeights(backbone.account, backbone.head ? { head: "left out, as detectors have their own" } : {}, tell);
      if (converted !== null) tell(converted);
      return backbone;
    },
    nameOf: (options) => `${networkIn(options).name}-detect`,
  });
}

/** What a run works with. */
interface Opened {
  readonly given: GivenDetectOptions;
  readonly start: Start;
  readonly data: DetectData;
  /** Shapes of batches. */
  readonly shapes: SceneShapes;
  readonly lengths: ReturnType<typeof detectLengths>;
  readonly device: Device;
  /** Ranks that share the steps. */
  readonly collective: Collective;
}

/** Steps of an epoch: batches are of one shape. */
function stepsOf({ fields: { groups } }: SceneShapes, { train }: DetectData, batchSize: number): number {
  return groups ? groupedStepsPerEpoch(groups, batchSize) : stepsPerEpoch(train.length, batchSize);
}

/** Options by the place of the run in the epochs, shapes of its batches, and its lengths. */
function placedOf(start: Start, data: DetectData) {
  const shapes = sceneShapes(start.options, detectorOf(start.options, data.categories.length), data.train);
  const shift = placeOf(start, (batchSize) => stepsOf(shapes, data, batchSize));
  const options = shift === 0 ? start.options : { ...start.options, shift };
  return { options, shapes, lengths: detectLengths(options, stepsOf(shapes, data, options.batchSize)) };
}

function recipeOf({ given, start, data, shapes, lengths, device, collective }: Opened) {
  const { options, backbone } = start;
  const classes = data.categories.length;
  const tell = printOf(collective);
  tellPrecise(options, lengths, tell);
  const training = makeDetecting(options, lengths, { classes, backbone, collective }, device);
  const [workers, { batchSize, seed, accumulate }] = [workersOf(given.workers), options];
  const configuration = configurationOf(options, data);
  const others = (steps: number, part: BatchPart) =>
    sceneBatches(data.train, shapes, {
      ...{ startStep: 0, steps, batchSize, part, seed: seed + 1, workers },
      onSkip: () => {}, // the training tells
    });
  const statistics = { batches: others, device, collective };
  const { prepare, weightsOf } = evaluatedWeights(options, training, { ...statistics, lengths });
  const partOf = (size: number) => partOfRank(size, collective, accumulate);
  const recipe: Recipe<DetectionState, DetectionBatch> = {
    title: titleOf(options, data, shapes, tell),
    training,
    first: () => recalibrated(training, options, statistics),
    ...emptyBatches(shapes, (size) => partOf(size).count),
    batches: (run, onLeftOut) =>
      sceneBatches(data.train, shapes, {
        ...{ ...run, batchSize, part: partOf(batchSize), seed, workers, onLeftOut },
      }),
    leftOut: (count) =>
      `Leaves out the smallest objects of images with more than ${options.objects}: ${count} so far; raise --objects`,
    configuration,
    sources: accountsOf(data.train, ...Object.values(data.val).map(({ dataset }) => dataset)),
    weights: backbone ? [backbone.account] : [],
    beforeSave: prepare,
    keepsakes: (run) => keepsakesOf({ options, data, training, lengths, device, start, configuration, weightsOf }, run),
  };
  return { recipe, parts: lossNames(training.model) };
}

/** Says that more batches are run for statistics than are learned from, as in short runs by the recipe of long ones. */
function tellPrecise(
  { precise }: DetectOptions,
  { evalEvery }: { readonly evalEvery: number },
  tell: (line: string) => void,
): void {
  if (precise <= evalEvery) return;
  tell(
    `Running statistics are taken from ${precise} batches before each evaluation, one every ${
      evalEvery === 1 ? "step" : counted(evalEvery, "step")
    }, which takes ` +
      "longer than these: --precise says fewer",
  );
}

/** What checkpoints say of the run, but for step and best evaluation. */
function configurationOf(options: DetectOptions, { images, categories }: DetectData) {
  return {
    ...{ options: lasting(options), images, detector: detectorPart(options, categories.length) },
    categories: categories.map(({ id, name }) => ({ id, name })),
  };
}

/** Options with places that are found from any folder. */
function lasting(options: DetectOptions): DetectOptions {
  const place = (name: string | null) => name === null || name === BUILT_IN ? name : lastingName(name);
  const { data, val, images, valImages } = options;
  return { ...options, data: place(data)!, val: place(val), images: place(images), valImages: place(valImages) };
}

function titleOf(
  options: DetectOptions,
  { train, val, categories }: DetectData,
  { names }: SceneShapes,
  tell: (line: string) => void,
): string {
  const { model, init, boxesOnly } = options;
  const kind = boxesOnly ? "Faster R-CNN" : "Mask R-CNN";
  const held = Object.entries(val).map(([name, { dataset }]) => `${dataset.length} (${name})`).join(", ");
  const count = names.length === 1
    ? "1 size of batches"
    : `${names.length} sizes of batches, so ${names.length} compiled steps`;
  tell(`${count}: ${names.join("; ")}`);
  return `${kind} on ${model} ${init === null ? "from scratch" : `from ${init}`}, ${train.name}: ${
    counted(train.length, "image")
  } of ` +
    `${counted(categories.length, "class")}, ${held} to be evaluated on;`;
}

if (import.meta.main) await runCommand(detectTrain);
