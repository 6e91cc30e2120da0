/** @file The command that trains detectors: `deno task detect:train --help`. */
import type { Device } from "../../../tensor/mod.ts";
import { counted, groupedStepsPerEpoch, stepsPerEpoch } from "../../../data/mod.ts";
import { type DetectionBatch, inChannelsOf } from "../../../nn/mod.ts";
import { type DetectionState, lossNames } from "../../detection.ts";
import type { Backbone } from "../../weights/load_backbone.ts";
import { onRunDevice } from "../../train/devices.ts";
import { modelEntry } from "../../train/model_file.ts";
import { machineOf } from "../shared/machine.ts";
import type { BestDetector } from "../../train/results/best_detector.ts";
import { loadLogger } from "../../train/run_logger.ts";
import { checkImages, placeOf, type RunConfiguration, type RunStart } from "../../train/run_start.ts";
import { type Recipe, runTraining } from "../../train/run_training.ts";
import { type Command, command } from "../cli/command.ts";
import { exitCodes } from "../cli/exit_codes.ts";
import { print } from "../cli/print.ts";
import { runCommand } from "../cli/run_command.ts";
import { TERMINAL } from "../cli/terminal.ts";
import { workersOf } from "../shared/common_options.ts";
import { accountsOf, lastingName } from "../shared/run_data.ts";
import { startWithWeights } from "../shared/start_with_weights.ts";
import { sayWeights } from "../shared/say_weights.ts";
import { networkFor } from "../shared/image_input.ts";
import { type DetectData, openDetectData } from "./detect_data.ts";
import { DETECT_OPTIONS, type DetectOptions, type GivenDetectOptions } from "./detect_options.ts";
import { makeDetecting } from "./detecting.ts";
import { keepsakesOf } from "./keepsakes.ts";
import { recalibrated } from "./recalibrated.ts";
import { emptyBatch, sceneBatches, type SceneShapes, sceneShapes } from "./scene_batches.ts";
import {
  BUILT_IN,
  detectLengths,
  detectorPart,
  resumeDetectOptions,
  settleDetectOptions,
} from "./settled_detect_options.ts";

const LINE = {
  task: "detect:train",
  purpose:
    `Trains Mask R-CNN or Faster R-CNN on a pre-trained or fresh backbone, and evaluates it by COCO's numbers. Without
--data it makes its own scenes.`,
  options: DETECT_OPTIONS,
  details:
    `The run folder holds last.safetensors (all that --resume needs), best.safetensors (of the best box AP, with running
statistics taken anew), log.jsonl (one line per step, epoch and evaluation), report.html (scores, losses, what was found in
some images over time), detections/, tensorboard_log/ and result.json (the evaluation at the end, by class too).

${exitCodes({ ranks: false })}`,
} as const;

/** What a checkpoint says of its run, besides the state. */
interface Configuration extends RunConfiguration<DetectOptions> {
  /** The best evaluation; null before the first. */
  readonly best: BestDetector | null;
}

/** How a run starts. */
interface Start extends RunStart<DetectOptions, Configuration> {
  /** The pre-trained backbone of a new run; null for fresh weights, and for a run that goes on. */
  readonly backbone: Backbone | null;
}

/** Runs the command: exit code 0 for a complete run, 130 for one that Ctrl-C ended. */
export const detectTrain: Command = command(LINE, async (given) => {
  const logger = await loadLogger(given.logger);
  const opened = await startRun(given);
  using _lock = opened.lock;
  const data = await openDetectData(opened.options);
  checkImages(opened, data.images, "--data and --val");
  const { tuning, logEvery } = given;
  const { precision, accumulate } = opened.options;
  return await onRunDevice(
    given.device,
    { tuning, kept: opened.folder.tuning, precision, ...machineOf(given) },
    async (device) => {
      const { recipe, lengths, start, parts } = recipeOf({ given, start: opened, data, device });
      const settings = {
        ...{
          task: LINE.task,
          start,
          model: start.options.model,
          lengths,
          batchSize: start.options.batchSize,
          logEvery,
        },
        ...{ saveEvery: lengths.evalEvery, accumulate, scaled: precision === "f16", parts, logger, device },
      };
      return await runTraining(settings, recipe, TERMINAL);
    },
  );
});

function startRun(given: GivenDetectOptions): Promise<Start> {
  const networkIn = (options: DetectOptions) => modelEntry(options.model).make();
  return startWithWeights(given, {
    start: { task: LINE.task, out: given.out, pictures: "detections" },
    settle: settleDetectOptions,
    resume: resumeDetectOptions,
    backboneOf: (file, options) => {
      const { converted, ...backbone } = networkFor(file, options.model, inChannelsOf(networkIn(options)));
      sayWeights(backbone.account, backbone.head ? { head: "left out, as detectors have their own" } : {});
      if (converted !== null) print(converted);
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
  readonly device: Device;
}

/** Steps of an epoch: batches are of one shape. */
function stepsOf({ fields: { groups } }: SceneShapes, { train }: DetectData, batchSize: number): number {
  return groups ? groupedStepsPerEpoch(groups, batchSize) : stepsPerEpoch(train.length, batchSize);
}

function recipeOf({ given, start: opened, data, device }: Opened) {
  const classes = data.categories.length;
  const shapesOf = (options: DetectOptions) => sceneShapes(options, makeModel(options, classes, device), data.train);
  const shapes = shapesOf(opened.options);
  const shift = placeOf(opened, (batchSize) => stepsOf(shapes, data, batchSize));
  const options = shift === 0 ? opened.options : { ...opened.options, shift };
  const start = { ...opened, options };
  const lengths = detectLengths(options, stepsOf(shapes, data, options.batchSize));
  tellPrecise(options, lengths);
  const training = makeDetecting(options, lengths, { classes, backbone: opened.backbone }, device);
  const [workers, { batchSize, seed }] = [workersOf(given.workers), options];
  const configuration = {
    ...{ options: lasting(options), images: data.images, detector: detectorPart(options, classes) },
    categories: data.categories.map(({ id, name }) => ({ id, name })),
  };
  const batches = (steps: number, onSkip: (skipped: { name: string; reason: string }) => void = () => {}) =>
    sceneBatches(data.train, shapes, { startStep: 0, steps, batchSize, seed: seed + 1, workers, onSkip });
  const [first, ...others] = byArea(shapes);
  const recipe: Recipe<DetectionState, DetectionBatch> = {
    title: titleOf(options, data, shapes),
    training,
    first: () => recalibrated(training, options, { batches, device }),
    batchOf: (size) => emptyBatch(shapes, first!, size),
    ...others.length > 0 && {
      buckets: {
        first: shapes.names[first!]!,
        others: Object.fromEntries(
          others.map((k) => [shapes.names[k]!, (size: number) => emptyBatch(shapes, k, size)]),
        ),
      },
    },
    batches: (run, note) =>
      sceneBatches(data.train, shapes, { ...run, batchSize, seed, workers, onLeftOut: tellLeftOut(options, note) }),
    configuration,
    sources: accountsOf(data.train, ...Object.values(data.val).map(({ dataset }) => dataset)),
    weights: opened.backbone ? [opened.backbone.account] : [],
    keepsakes: (run) => keepsakesOf({ options, data, training, lengths, device, start, configuration, batches }, run),
  };
  return { recipe, lengths, start, parts: lossNames(training.model) };
}

/** The model alone, for the shapes of batches. */
function makeModel(options: DetectOptions, classes: number, device: Device) {
  const lengths = { stepsPerEpoch: 1, total: 2, warmup: 0, shift: 0, scheduleShift: 0 };
  return makeDetecting(options, lengths, { classes, backbone: null }, device).model;
}

/** Buckets, the largest first: it decides what memory holds. */
function byArea({ fields: { buckets } }: SceneShapes): readonly number[] {
  const area = (k: number) => buckets[k]!.images!.shape.reduce((product, side) => product * side, 1);
  return buckets.map((_, k) => k).sort((a, b) => area(b) - area(a) || a - b);
}

/** Says that more batches are run for statistics than are learned from, as in short runs by the recipe of long ones. */
function tellPrecise({ precise }: DetectOptions, { evalEvery }: { readonly evalEvery: number }): void {
  if (precise <= evalEvery) return;
  print(
    `Running statistics are taken from ${precise} batches before each evaluation, one every ${evalEvery} steps, which takes ` +
      "longer than these: --precise says fewer",
  );
}

/** Says once that there are objects without a place, and how many at every power of ten. */
function tellLeftOut({ objects }: DetectOptions, note: (line: string) => void): (count: number) => void {
  const sum = { now: 0, next: 1 };
  return (count) => {
    sum.now += count;
    if (sum.now < sum.next) return;
    sum.next = 10 ** Math.ceil(Math.log10(sum.now + 1));
    note(`Leaves out the smallest objects of images with more than ${objects}: ${sum.now} so far; raise --objects`);
  };
}

/** Options with places that are found from any folder. */
function lasting(options: DetectOptions): DetectOptions {
  const place = (name: string | null) => name === null || name === BUILT_IN ? name : lastingName(name);
  const { data, val, images, valImages } = options;
  return { ...options, data: place(data)!, val: place(val), images: place(images), valImages: place(valImages) };
}

function titleOf(options: DetectOptions, { train, val, categories }: DetectData, { names }: SceneShapes): string {
  const { model, init, boxesOnly } = options;
  const kind = boxesOnly ? "Faster R-CNN" : "Mask R-CNN";
  const held = Object.entries(val).map(([name, { dataset }]) => `${dataset.length} (${name})`).join(", ");
  const count = names.length === 1
    ? "1 size of batches"
    : `${names.length} sizes of batches, so ${names.length} compiled steps`;
  print(`${count}: ${names.join("; ")}`);
  return `${kind} on ${model} ${init === null ? "from scratch" : `from ${init}`}, ${train.name}: ${
    counted(train.length, "image")
  } of ` +
    `${counted(categories.length, "class")}, ${held} to be evaluated on;`;
}

if (import.meta.main) await runCommand(detectTrain);
