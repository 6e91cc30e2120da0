/**
 * The pre-training command: `deno task pretrain --help`, or `deno run -A jsr:@tessera/tessera/pretrain --help`.
 *
 * @module
 */
import { type Collective, type Device, type Tensor, zeros } from "../../../tensor/mod.ts";
import { batches, counted, type Dataset, stepsPerEpoch } from "../../../data/mod.ts";
import type { TrainState } from "../../train_state.ts";
import type { WeightAccount } from "../../weights/weight_account.ts";
import { onRunDevice } from "../../train/devices.ts";
import { makeHeldOutLoss } from "../../train/scores/held_out_loss.ts";
import { withSeenImages } from "../../train/scores/seen_images.ts";
import { modelEntry } from "../../train/model_file.ts";
import { pictureResults } from "../../train/results/picture_results.ts";
import { makePainter } from "../../train/results/pictures.ts";
import { launchOf } from "../../train/results/rank_report.ts";
import { amongRanks, partOfRank } from "../../train/ranks/open_ranks.ts";
import { type RunLengths, runLengths } from "../../train/run_lengths.ts";
import { loadLogger } from "../../train/run_logger.ts";
import { checkImages, newRun, placeOf, resumedRun, type RunStart } from "../../train/run_start.ts";
import { type KeepsakeRun, type Recipe, runTraining } from "../../train/run_training.ts";
import { type Command, command } from "../cli/command.ts";
import { EXIT_CODES } from "../cli/exit_codes.ts";
import { printOf } from "../cli/print.ts";
import { runCommand } from "../cli/run_command.ts";
import { TERMINAL } from "../cli/terminal.ts";
import { checkpointOf } from "../shared/checkpoint_stages.ts";
import { workersOf } from "../shared/common_options.ts";
import { type GivenPretrainOptions, PRETRAIN_OPTIONS, type PretrainOptions } from "../shared/pretrain_options.ts";
import { imageInput } from "../shared/image_input.ts";
import { evalBatches } from "../shared/labelled_data.ts";
import { accountsOf, fingerprint, fixedImages, lastingName, openRunData } from "../shared/run_data.ts";
import { ablationOf, checkRanks, resumeOptions, settleOptions } from "../shared/settled_options.ts";
import { agreedStart, machineOfRank } from "../shared/shared_run.ts";
import { isForeign, type OfficialStart, officialStart, officialState } from "./official_run.ts";
import { makePretraining, type Pretraining } from "./pretraining.ts";
import { startingWeights } from "./starting_weights.ts";

export type { Command } from "../cli/command.ts";

const LINE = {
  task: "pretrain",
  ranks: true,
  purpose: `Pre-trains a convolutional network with SparK and leaves checkpoints, pictures and a log in a run folder.
Without options: a small ResNet on 3D emoji, a few minutes on two cores without a GPU.`,
  options: PRETRAIN_OPTIONS,
  details: `The run folder holds last.safetensors (all that --resume needs), log.jsonl (one line per step and
epoch), report.html, reconstructions/*.png (input, masked, reconstruction), loss.svg and
tensorboard_log/.

mpirun -n N deno task pretrain … shares each step among N ranks (docs/many_machines.md); --batch-size is that of all
together.

${EXIT_CODES}`,
} as const;

/** Images in the pictures. */
const SHOWN = 8;

/** What a run works with. */
interface Opened {
  /** Options of the command line. */
  readonly given: GivenPretrainOptions;
  /** How the run starts. */
  readonly start: Start;
  /** Images. */
  readonly dataset: Dataset;
  /** Images that are not trained on; null: none. */
  readonly held: Dataset | null;
  /** Which images, of `fingerprint`. */
  readonly images: string;
  /** Steps of the run. */
  readonly lengths: RunLengths;
  /** Where to compute. */
  readonly device: Device;
  /** Ranks that share the steps. */
  readonly collective: Collective;
}

/** Runs the command: exit code 0 for a complete run, 130 for one that Ctrl-C ended, 75 for one that other ranks ended. */
export const pretrain: Command = command(
  LINE,
  (given) => amongRanks(given.deadline, (ranks) => trainAmong(given, ranks)),
);

async function trainAmong(given: GivenPretrainOptions, collective: Collective): Promise<number> {
  const tell = printOf(collective);
  const logger = collective.rank === 0 ? await loadLogger(given.logger) : () => {};
  const opened = await startRun(given, collective);
  using _lock = opened.lock;
  const input = imageInput(opened.options.inChannels);
  const dataset = await openRunData(opened.options.data, { tell, input });
  const held = given.val === undefined ? null : await withSeenImages(
    dataset,
    await openRunData(given.val, { split: "val", tell, input, option: "--val" }),
    tell,
  );
  const images = await fingerprint(dataset, opened.options.data);
  checkImages(opened, images, "--data");
  const { options, lengths } = placed(opened, dataset.length);
  checkRanks(options, collective);
  const start = agreedStart(LINE.task, { ...opened, options }, images, collective);
  const { tuning, logEvery } = given;
  return await onRunDevice(
    given.device,
    { tuning, precision: options.precision, ...machineOfRank(given, start.folder, collective) },
    (device) => {
      const settings = {
        ...{ task: LINE.task, start, model: options.model, lengths, batchSize: options.batchSize, logEvery, device },
        saveEvery: given.saveEvery ?? Math.min(500, Math.ceil(lengths.total / 5)),
        scaled: options.precision === "f16",
        accumulate: options.accumulate,
        ...{ logger, collective },
      };
      return runTraining(
        settings,
        recipeOf({ given, start, dataset, held, images, lengths, device, collective }),
        TERMINAL,
      );
    },
  );
}

/** How a run starts; `official` of one that goes on from a checkpoint of the official code. */
type Start = RunStart<PretrainOptions> & Partial<OfficialStart>;

/** Options and lengths of a run by its place in the epochs. */
function placed(start: Start, images: number): { readonly options: PretrainOptions; readonly lengths: RunLengths } {
  const { official, done } = start;
  const perEpoch = (batchSize: number) => stepsPerEpoch(images, batchSize);
  const each = perEpoch(start.options.batchSize);
  const shift = official ? Math.round(official.epochs * each) - done : placeOf(start, perEpoch);
  const options = shift === 0 ? start.options : { ...start.options, shift };
  const { warmupShare } = modelEntry(options.model).recipe;
  return { options, lengths: runLengths({ ...options, warmupShare }, each) };
}

async function startRun(given: GivenPretrainOptions, { rank }: Collective): Promise<Start> {
  const start = { task: LINE.task, out: given.out, pictures: "pictures" as const, writes: rank === 0 };
  if (given.resume !== undefined && isForeign(given.resume)) return await officialStart(given.resume, given, start);
  if (given.resume !== undefined) return await resumedRun(given.resume, (saved) => resumeOptions(saved, given), start);
  const options = settleOptions(given);
  return newRun(options, modelEntry(options.model).make().name, start);
}

function recipeOf(opened: Opened): Recipe<TrainState, Tensor> {
  const { given, start: { options, official }, dataset, held, images, lengths, device, collective } = opened;
  const { model, inputSize: [height, width], inChannels, batchSize, seed } = options;
  const input = imageInput(inChannels);
  const { debugNans: debug = false } = given;
  const checkpoint = checkpointOf(given);
  const training = makePretraining(options, lengths, device, { debug, checkpoint, collective });
  const read: WeightAccount[] = [];
  const partOf = (size: number) => partOfRank(size, collective, options.accumulate);
  const part = partOf(batchSize);
  const samples = { size: options.inputSize, ...input, batchSize, part, seed, workers: workersOf(given.workers) };
  return {
    title: `${model} on ${dataset.name}: ${counted(dataset.length, "image")} at ${height}×${width},`,
    training,
    first: () =>
      official
        ? officialState(training.initial, official)
        : startingWeights(options, training, (account) => read.push(account)),
    weights: read,
    batchOf: (size) => zeros([partOf(size).count, height, width, inChannels ?? 3]),
    batches: (run) => imagesOf(batches(dataset, { ...samples, ...run })),
    configuration: { options: { ...options, data: lastingName(options.data) }, images },
    sources: accountsOf(dataset, ...held ? [held] : []),
    keepsakes: (run) => keepsakesOf(opened, training, run),
    advice: "--debug-nans names the layer",
    enlarging: " or lower --mask-ratio",
  };
}

async function* imagesOf(source: ReturnType<typeof batches>): AsyncGenerator<Tensor, void, void> {
  for await (const { images } of source) yield images;
}

async function keepsakesOf(
  { given, start: { options, folder, log }, dataset, held, images, lengths, device }: Opened,
  { model }: Pretraining,
  { head, note: tell, emit }: KeepsakeRun,
) {
  const { inputSize, maskRatio, seed } = options;
  const input = imageInput(options.inChannels);
  const shown = await fixedImages(dataset, inputSize, { count: SHOWN, seed, input });
  const { total, warmup: warmupSteps, stepsPerEpoch } = lengths;
  const settings = { inputSize, maskRatio, seed, method: ablationOf(options, model) };
  const each = { size: inputSize, input, batchSize: options.batchSize, workers: workersOf(given.workers) };
  const counted = { epochs: options.steps === null ? options.epochs : null, steps: total, warmupSteps, stepsPerEpoch };
  return pictureResults(folder, {
    ...{ title: head.name, before: log, total, tell, emit },
    about: { ...options, ...counted, images, val: held?.name, device: device.name, ...launchOf(head) },
    paint: makePainter(model, settings, shown, device),
    ...held && { heldOut: makeHeldOutLoss(model, settings, () => evalBatches(held, each), device) },
  });
}

if (import.meta.main) await runCommand(pretrain);
