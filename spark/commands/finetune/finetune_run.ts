/** @file From an opened fine-tuning run to its results. */
import { type Device, leaf, type Ring } from "../../../tensor/mod.ts";
import { writeFileAtomic } from "../../../data/mod.ts";
import { restore } from "../../train/checkpoint.ts";
import { bytes } from "../../train/devices.ts";
import { makeEvaluate } from "../../train/evaluation.ts";
import { evalBatches, type LabelledData, targetBatches } from "../shared/finetune_data.ts";
import type { finetuneLengths, FinetuneOptions } from "../shared/finetune_options.ts";
import { type EvaluationRecord, openFinetuneResults } from "./finetune_results.ts";
import type { FinetuneStart } from "./finetune_start.ts";
import type { GivenFinetuneOptions } from "../shared/finetune_table.ts";
import { type FinetuneTraining, makeFinetuning } from "./finetune_training.ts";
import { INTERRUPTED } from "../../train/interrupt.ts";
import { planBatch } from "../../train/largest_batch.ts";
import { makeMetricsReader } from "../../train/metrics.ts";
import { print } from "../cli/print.ts";
import { programLine } from "../cli/program_line.ts";
import type { Progress } from "../../train/progress.ts";
import { lastingName } from "../shared/run_data.ts";
import { interruptible, terminalProgress } from "../cli/run_terminal.ts";
import { trainLoop } from "../../train/train_loop.ts";

/** Steps that webgpu queues before their metrics are read, by default. */
const QUEUED_STEPS = 10;

/** What a run works with. */
export interface OpenedFinetuning {
  /** Images. */
  readonly data: LabelledData;
  /** Lengths of the run. */
  readonly lengths: ReturnType<typeof finetuneLengths>;
  /** Where to compute. */
  readonly device: Device;
}

/**
 * Compiles the step, trains, evaluates, and leaves the results in the run folder.
 *
 * @param given Options of the command line.
 * @param start How the run starts.
 * @param opened What it works with.
 * @returns Exit code: 0 for a complete run, 130 for an interrupted one.
 */
export async function runFinetuning(
  given: GivenFinetuneOptions,
  start: FinetuneStart,
  opened: OpenedFinetuning,
): Promise<number> {
  const { options, folder, resumed, backbone } = start;
  const { data, lengths, device } = opened;
  const training = makeFinetuning(options, lengths, { classes: data.classes.length, backbone }, device);
  const done = resumed?.configuration.step ?? 0;
  const first = resumed ? restore(resumed.checkpoint, training.initial) : training.initial;
  print(describe(options, opened));
  if (done > 0) print(`Goes on after step ${done}, of ${resumed!.checkpoint.path}`);
  if (done >= lengths.total) {
    print(`Nothing to do: all ${lengths.total} steps are done`);
    return 0;
  }
  const progress = terminalProgress();
  const settings = loopSettings(given, options, opened);
  print(await compile(training, options, { device, classes: data.classes.length }, settings.reader.ring()));
  const results = await openFinetuneResults(folder, {
    ...aboutRun(start, opened),
    evaluate: evaluator(given, options, { training, opened }),
    tell: (record) => progress.note(evaluationLine(record)),
  });
  settings.reader.restartClock();
  const last = await interruptible(progress, (interrupted) =>
    trainLoop({
      ...settings,
      train: first,
      done,
      step: training.step,
      batches: openBatches(given, options, { opened, done, progress }),
      log: results.log,
      save: results.save,
      show: progress.show,
      interrupted,
    }));
  return await finish(start, last, lengths.total, results.last());
}

/** Writes the result of a complete run; says how an interrupted one goes on. */
async function finish(
  { options, folder }: FinetuneStart,
  last: number,
  total: number,
  evaluation: EvaluationRecord | null,
): Promise<number> {
  if (last < total) {
    print(`Interrupted after ${last} of ${total} steps; go on with: deno task finetune --resume ${folder.path}`);
    return INTERRUPTED;
  }
  const result = { ...evaluation, options };
  await writeFileAtomic(folder.result, new TextEncoder().encode(`${JSON.stringify(result, null, 2)}\n`));
  print(`Done after ${total} steps; results in ${folder.path}`);
  return 0;
}

/** What was evaluated, in a line. */
function evaluationLine({ evaluated, val, ema, best }: EvaluationRecord): string {
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  const average = ema ? `, average top-1 ${percent(ema.top1)}, top-5 ${percent(ema.top5)}` : "";
  return `step ${evaluated}: top-1 ${percent(val.top1)}, top-5 ${percent(val.top5)}, loss ${val.loss.toFixed(4)}` +
    `${average}; best ${percent(best.top1)} after step ${best.step}`;
}

function evaluator(
  given: GivenFinetuneOptions,
  { inputSize: size, batchSize }: FinetuneOptions,
  { training, opened }: { readonly training: FinetuneTraining; readonly opened: OpenedFinetuning },
) {
  const { data, device } = opened;
  const open = () => evalBatches(data.val, { size, batchSize, workers: workersOf(given) });
  return makeEvaluate(training.model, open, device);
}

const workersOf = ({ workers }: GivenFinetuneOptions) =>
  workers ?? Math.min(8, Math.max(1, navigator.hardwareConcurrency - 1));

/** What the log and the checkpoints say of the run. */
function aboutRun({ options, folder, log, resumed }: FinetuneStart, { data, lengths }: OpenedFinetuning) {
  const { stepsPerEpoch, total, evalEvery } = lengths;
  const lasting = {
    ...options,
    data: lastingName(options.data),
    val: options.val === null ? null : lastingName(options.val),
  };
  return {
    configuration: { options: lasting, images: data.images, classes: data.classes },
    best: resumed?.configuration.best ?? null,
    before: log,
    lengths: { stepsPerEpoch, total, evalEvery, batchSize: options.batchSize },
    head: { ...programLine(folder.path, "finetune"), model: options.model },
  };
}

/** What is trained, in a line. */
function describe(options: FinetuneOptions, { data, lengths, device }: OpenedFinetuning): string {
  const { model, init, inputSize: [height, width], batchSize } = options;
  const epochs = (lengths.total / lengths.stepsPerEpoch).toFixed(1);
  return `${model} ${init === null ? "from scratch" : `from ${init}`} on ${data.train.name}: ${data.train.length} ` +
    `images of ${data.classes.length} classes at ${height}×${width}, evaluated on ${data.val.length}; ` +
    `${lengths.total} steps of ${batchSize} (${epochs} epochs), on ${device.name}`;
}

/** Plans and compiles the step, and tells what it will need. */
async function compile(
  { step, initial }: FinetuneTraining,
  { batchSize, inputSize: [height, width] }: FinetuneOptions,
  { device, classes }: { readonly device: Device; readonly classes: number },
  metrics: Ring,
): Promise<string> {
  // Only the shape counts here: no values are read.
  const empty = (shape: readonly number[]) => leaf({ shape, dtype: "float32" }, { host: new Float32Array(0) });
  const batchOf = (count: number) => ({ images: empty([count, height, width, 3]), targets: empty([count, classes]) });
  const begin = performance.now();
  const { plannedBytes, launches } = planBatch(
    device,
    (count) => step.stats(initial, metrics, batchOf(count)),
    batchSize,
  );
  await step.prepare(initial, metrics, batchOf(batchSize));
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  return `Planned memory: ${bytes(plannedBytes)}, in ${launches} launches a step; compiled in ${seconds} s`;
}

function loopSettings(given: GivenFinetuneOptions, { batchSize }: FinetuneOptions, opened: OpenedFinetuning) {
  const { lengths: { total, stepsPerEpoch, evalEvery }, device } = opened;
  const readEvery = given.logEvery ?? (device.name === "webgpu" ? QUEUED_STEPS : 1);
  return {
    total,
    batchSize,
    saveEvery: evalEvery,
    readEvery,
    reader: makeMetricsReader({ device, length: readEvery, batchSize, stepsPerEpoch, now: () => performance.now() }),
  };
}

function openBatches(
  given: GivenFinetuneOptions,
  options: FinetuneOptions,
  { opened, done, progress }: {
    readonly opened: OpenedFinetuning;
    readonly done: number;
    readonly progress: Progress;
  },
) {
  const { data, lengths } = opened;
  return targetBatches(data.train, options, data.classes.length, {
    steps: lengths.total,
    startStep: done,
    workers: workersOf(given),
    onSkip: ({ name, reason }) => progress.note(`Skips ${name} as ${reason}`),
  });
}
