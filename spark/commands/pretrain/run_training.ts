/** @file From an opened run to its results. */
import { type Device, leaf, type Ring } from "../../../tensor/mod.ts";
import { batches, type Dataset } from "../../../data/mod.ts";
import { restore } from "../../train/checkpoint.ts";
import { bytes } from "../../train/devices.ts";
import { INTERRUPTED } from "../../train/interrupt.ts";
import { planBatch } from "../../train/largest_batch.ts";
import { makeMetricsReader } from "../../train/metrics.ts";
import type { GivenOptions } from "../shared/option_table.ts";
import type { RunLengths, RunOptions } from "../shared/options.ts";
import { makePainter } from "../shared/pictures.ts";
import { print } from "../cli/print.ts";
import type { Progress } from "../../train/progress.ts";
import { fixedImages, lastingName } from "../shared/run_data.ts";
import { programLine } from "../cli/program_line.ts";
import { openRunResults } from "./run_results.ts";
import { interruptible, terminalProgress } from "../cli/run_terminal.ts";
import type { RunStart } from "./run_start.ts";
import { startingWeights } from "./starting_weights.ts";
import { trainLoop } from "../../train/train_loop.ts";
import { makeTraining, type Training } from "./training.ts";

/** Images in the pictures. */
const SHOWN = 8;

/** Steps that webgpu queues before their metrics are read, by default: waiting for each would leave it idle. */
const QUEUED_STEPS = 10;

/** What a run works with. */
export interface Opened {
  /** Images. */
  readonly dataset: Dataset;
  /** Which images, of `fingerprint`. */
  readonly images: string;
  /** Steps of the run. */
  readonly lengths: RunLengths;
  /** Where to compute. */
  readonly device: Device;
}

/**
 * Compiles the step, trains, and leaves the results in the run folder.
 *
 * @param given Options of the command line.
 * @param start How the run starts.
 * @param opened What it works with.
 * @returns Exit code: 0 for a complete run, 130 for an interrupted one.
 */
export async function runTraining(given: GivenOptions, start: RunStart, opened: Opened): Promise<number> {
  const { options, folder, resumed } = start;
  const { dataset, lengths: { total }, device } = opened;
  const training = makeTraining(options, opened.lengths, device, { debug: given.debugNans ?? false });
  const done = resumed?.configuration.step ?? 0;
  const first = resumed ? restore(resumed.checkpoint, training.initial) : await startingWeights(options, training);
  print(describe(options, opened));
  if (done > 0) print(`Goes on after step ${done}, of ${resumed!.checkpoint.path}`);
  if (done >= total) {
    print(`Nothing to do: all ${total} steps are done`);
    return 0;
  }
  const settings = loopSettings(given, options, opened);
  print(await compile(training, options, device, settings.reader.ring()));
  const shown = await fixedImages(dataset, options.inputSize, { count: SHOWN, seed: options.seed });
  const paint = makePainter(training.model, options, shown, device);
  const results = await openRunResults(folder, { ...aboutRun(start, opened), paint });
  await results.paint(first, done); // what cannot be drawn is found out now, not after hours
  const progress = terminalProgress();
  const skipped = { count: 0 };
  settings.reader.restartClock();
  const last = await interruptible(progress, (interrupted) =>
    trainLoop({
      ...settings,
      train: first,
      done,
      step: (train, metrics, { images }) => training.step(train, metrics, images),
      explain: training.explain && ((train, { images }) => training.explain!(train, images)),
      batches: openBatches(given, options, { opened, done, progress, skipped }),
      log: results.log,
      save: results.save,
      advice: "--debug-nans names the layer",
      show: progress.show,
      interrupted,
    }));
  print(closing(last, total, skipped.count) + folder.path);
  if (last === total) return 0;
  print(`Go on with: deno task pretrain --resume ${folder.path}`);
  return INTERRUPTED;
}

/** What the log, the events and the report say of the run. */
function aboutRun({ options, folder, log }: RunStart, { lengths, device, images }: Opened) {
  const { stepsPerEpoch, total, warmup } = lengths;
  const line = programLine(folder.path, "pretrain");
  return {
    configuration: { options: { ...options, data: lastingName(options.data) }, images },
    before: log,
    lengths: { stepsPerEpoch, total, batchSize: options.batchSize },
    head: { ...line, model: options.model },
    about: { ...options, steps: total, warmupSteps: warmup, stepsPerEpoch, images, device: device.name, cmd: line.cmd },
  };
}

/** What is trained, in a line. */
function describe(options: RunOptions, { dataset, lengths, device }: Opened): string {
  const { model, inputSize: [height, width], batchSize } = options;
  const epochs = (lengths.total / lengths.stepsPerEpoch).toFixed(1);
  return `${model} on ${dataset.name}: ${dataset.length} images at ${height}×${width}, ${lengths.total} ` +
    `${lengths.total === 1 ? "step" : "steps"} of ${batchSize} (${epochs} epochs), on ${device.name}`;
}

/** Plans and compiles the step, and tells what it will need. */
async function compile(
  { step, initial }: Training,
  options: RunOptions,
  device: Device,
  metrics: Ring,
): Promise<string> {
  const { batchSize, inputSize: [height, width] } = options;
  // Only the shape counts here: no values are read.
  const images = (batch: number) =>
    leaf({ shape: [batch, height, width, 3], dtype: "float32" }, { host: new Float32Array(0) });
  const begin = performance.now();
  const { plannedBytes, launches } = planBatch(
    device,
    (batch) => step.stats(initial, metrics, images(batch)),
    batchSize,
  );
  await step.prepare(initial, metrics, images(batchSize));
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  return `Planned memory: ${bytes(plannedBytes)}, in ${launches} launches a step; compiled in ${seconds} s`;
}

/** What was done, in the last line. */
function closing(last: number, total: number, skipped: number): string {
  const files = skipped > 0 ? `, ${skipped} ${skipped === 1 ? "file" : "files"} skipped` : "";
  return `${last < total ? "Interrupted" : "Done"} after ${last} of ${total} steps${files}; results in `;
}

function loopSettings(given: GivenOptions, { batchSize, precision }: RunOptions, { lengths, device }: Opened) {
  const { total, stepsPerEpoch } = lengths;
  const readEvery = given.debugNans ? 1 : given.logEvery ?? (device.name === "webgpu" ? QUEUED_STEPS : 1);
  return {
    total,
    batchSize,
    saveEvery: given.saveEvery ?? Math.min(500, Math.ceil(total / 5)),
    readEvery,
    reader: makeMetricsReader({
      ...{ device, length: readEvery, batchSize, stepsPerEpoch, scaled: precision === "f16" },
      now: () => performance.now(),
    }),
  };
}

function openBatches(
  given: GivenOptions,
  { inputSize, batchSize, seed }: RunOptions,
  { opened, done, progress, skipped }: {
    readonly opened: Opened;
    readonly done: number;
    readonly progress: Progress;
    readonly skipped: { count: number };
  },
) {
  return batches(opened.dataset, {
    size: inputSize,
    batchSize,
    seed,
    steps: opened.lengths.total,
    startStep: done,
    workers: given.workers ?? Math.min(8, Math.max(1, navigator.hardwareConcurrency - 1)),
    onSkip({ name, reason }) {
      skipped.count++;
      progress.note(`Skips ${name} as ${reason}`);
    },
  });
}
