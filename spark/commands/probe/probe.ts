/**
 * The probing command: `deno task probe --help`, or `deno run -A jsr:@tessera/tessera/probe --help`.
 *
 * @module
 */
import { machineOf } from "../shared/machine.ts";
import { type Collective, type Device, random, type Tree } from "../../../tensor/mod.ts";
import { type Batch, batches, type SkippedSample, writeFileAtomic } from "../../../data/mod.ts";
import type { Classifier } from "../../../nn/mod.ts";
import type { WeightAccount } from "../../weights/weight_account.ts";
import type { CountProgress } from "../../train/count_progress.ts";
import { onRunDevice } from "../../train/devices.ts";
import { type EncoderWeights, frozenFeatures, recalibrated } from "../../train/features/frozen_features.ts";
import { linearProbe } from "../../train/features/linear_probe.ts";
import { makeModel, modelEntry } from "../../train/model_file.ts";
import type { Recipe } from "../../train/model_table.ts";
import { unreadText } from "../../train/scores/evaluation.ts";
import { nearestNeighbours } from "../../train/features/nearest_neighbours.ts";
import { agree, bitsOf, textsOfAll } from "../../train/ranks/agreement.ts";
import { amongRanks, partOfRank, shareOfRank, threadsOfRank } from "../../train/ranks/open_ranks.ts";
import type { SharedBatch } from "../../train/ranks/rows_of_all.ts";
import { runFolder } from "../../train/run_folder.ts";
import { type Command, command } from "../cli/command.ts";
import { withDefaults } from "../cli/command_line.ts";
import type { OptionsOf } from "../cli/option.ts";
import { printOf } from "../cli/print.ts";
import { runCommand } from "../cli/run_command.ts";
import { countOnTerminal } from "../cli/terminal.ts";
import { workersOf } from "../shared/common_options.ts";
import { type ImageInput, inputOf, networkFor } from "../shared/image_input.ts";
import { evalTransform, type LabelledData, openLabelledData } from "../shared/labelled_data.ts";
import { sayWeights } from "../shared/say_weights.ts";
import { identityOf } from "../shared/shared_run.ts";
import { channelsIn, modelNameOf, openWeights } from "../shared/weight_file.ts";
import { requireWritable } from "../shared/writable.ts";
import { batchesForStatistics, PROBE_OPTIONS } from "./probe_options.ts";

export type { Command } from "../cli/command.ts";

type Given = OptionsOf<typeof PROBE_OPTIONS>;

const LINE = {
  task: "probe",
  ranks: true,
  purpose: `Tells what the features of a frozen network know of classes: a linear classifier on them, and a vote of the
nearest neighbours.`,
  usage: "--data PATH (--init PATH | --from-scratch --model NAME)",
  options: PROBE_OPTIONS,
  details:
    `Features are the means of the coarsest map over the whole image, which is resized and cropped without chance.
mpirun -n N deno task probe … shares the images among N ranks (docs/many_machines.md); --batch-size is that of all together.`,
} as const;

/** Result of a probe. */
interface ProbeResult {
  /** Name of the model. */
  readonly model: string;
  /** File of the network; null for fresh weights. */
  readonly init: string | null;
  /** What was read of it. */
  readonly account: WeightAccount | null;
  /** Linear classifier: shares that were right. */
  readonly linear: { readonly top1: number; readonly top5: number };
  /** Nearest neighbours: share that was right. */
  readonly neighbours: number;
  /** Images whose features the classifiers know, and images that they were asked. */
  readonly images: { readonly train: number; readonly val: number };
  /** Images of both that could not be read, and so have no part in it. */
  readonly unread: { readonly train: readonly SkippedSample[]; readonly val: readonly SkippedSample[] };
}

/** Runs the command: exit code 0, or 75 where other ranks ended it. */
export const probe: Command = command(
  LINE,
  (given) => amongRanks(given.deadline, (ranks) => probeAmong(given, ranks)),
);

async function probeAmong(given: Given, collective: Collective): Promise<number> {
  const isFirst = collective.rank === 0;
  const tell = printOf(collective);
  const { model, recipe, weights, init, account, input } = await openNetwork(given, tell);
  const { data: path, val = null, labels = null, seed = 0 } = given;
  if (path === undefined) refuse("there must be labelled images", "--data is absent");
  if (isFirst && given.out !== undefined) requireWritable(given.out, "--out");
  const data = await openLabelledData({ data: path, val, labels, seed, input, tell });
  const machine = machineOf({ ...given, threads: threadsOfRank(given.threads) });
  return await onRunDevice(given.device, { kept: "", tuning: "none", ...machine }, async (device) => {
    const opened = { model, recipe, weights, data, device, input, collective };
    await agreeOn(given, opened);
    const found = await probeNetwork(given, opened);
    tell(resultLine(model.name, init, found));
    const result: ProbeResult = { model: model.name, init, account, ...found };
    if (isFirst && given.out !== undefined) {
      await writeFileAtomic(given.out, `${JSON.stringify(result, null, 2)}\n`);
    }
    return 0;
  });
}

/** Ends all ranks unless they do the same. */
async function agreeOn(given: Given, { model, weights, data, device, collective }: Opened): Promise<void> {
  const { batchSize, seed, recalibrate, epochs, neighbours } = withDefaults(PROBE_OPTIONS, given);
  partOfRank(batchSize, collective);
  if (collective.size === 1) return;
  const { inputSize = null, labels = null } = given;
  const options = { model: model.name, inputSize, labels, batchSize, seed, recalibrate, epochs, neighbours };
  agree(collective, {
    ...identityOf(LINE.task, { options, folder: runFolder(""), done: 0 }, data.images),
    "weights of --init": await bitsOf({ params: weights.params, state: weights.state }, device),
  });
}

function resultLine(model: string, init: string | null, { linear, neighbours, images, unread }: Found): string {
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  const source = init === null ? "with fresh weights" : `of ${init}`;
  return `${model} ${source}: linear top-1 ${percent(linear.top1)}, top-5 ${
    percent(linear.top5)
  }; nearest neighbours ` +
    percent(neighbours) + unreadText({ images: images.val, unread: unread.val }) +
    unreadText({ images: images.train, unread: unread.train }, "trained on");
}

function refuse(requirement: string, current: string): never {
  throw new RangeError(`Cannot probe as ${requirement}: current ${current}`);
}

/** The network that `--init` names, or a fresh one. */
async function openNetwork(
  { init, fromScratch, model: name, weights, inChannels: asked, seed = 0 }: Given,
  tell: (line: string) => void,
): Promise<{
  readonly model: Classifier;
  readonly recipe: Recipe;
  readonly weights: EncoderWeights;
  readonly init: string | null;
  readonly account: WeightAccount | null;
  readonly input: ImageInput;
}> {
  const inChannels = asked ?? null;
  if ((init === undefined) === !fromScratch) {
    refuse("there must be either --init or --from-scratch", init === undefined ? "network is absent" : "are both");
  }
  if (init === undefined) {
    const known = name ?? refuse("fresh weights need --model", "--model is absent");
    const model = makeModel(known, inChannels);
    const fresh = { weights: model.init(random.key(seed)), init: null, account: null };
    return { model, recipe: modelEntry(known).recipe, ...fresh, input: inputOf(model, inChannels) };
  }
  const file = await openWeights(init, { option: "--init", model: name, weights });
  const known = modelNameOf(file, name);
  const network = networkFor(file, known, inChannels);
  sayWeights(network.account, { head: "not used" }, tell);
  if (network.converted !== null) tell(network.converted);
  const trained = inChannels ?? channelsIn(file, known);
  const model = makeModel(known, trained);
  const found = { weights: network, init: file.path, account: network.account };
  return { model, recipe: modelEntry(known).recipe, ...found, input: inputOf(model, trained) };
}

/** What is known of the features. */
type Found = Omit<ProbeResult, "model" | "init" | "account">;

/** What a probe works with. */
interface Opened {
  readonly model: Classifier;
  readonly recipe: Recipe;
  readonly weights: EncoderWeights;
  readonly data: LabelledData;
  readonly device: Device;
  readonly input: ImageInput;
  readonly collective: Collective;
}

async function probeNetwork(
  given: Given,
  { model, recipe, weights, data, device, input, collective }: Opened,
): Promise<Found> {
  const { batchSize, seed, recalibrate, epochs, neighbours } = withDefaults(PROBE_OPTIONS, given);
  const size = given.inputSize ?? recipe.inputSize;
  const shared = { collective, batchSize };
  const reading = { batchSize, part: partOfRank(batchSize, collective), seed, workers: workersOf(given.workers) };
  const source = { size, ...input, ...reading, transform: evalTransform(size) };
  const progress = progressOf(collective);
  const unread = { train: [] as SkippedSample[], val: [] as SkippedSample[] };
  const open = (which: "train" | "val") =>
    batches(data[which], { ...source, epochs: 1, onSkip: collector(unread[which], progress) });
  const state = await statisticsOf({ model, weights, device, shared }, progress, {
    batches: (steps) => batches(data.train, { ...source, steps }),
    count: batchesForStatistics(recalibrate, data.train.length, batchSize),
  });
  const frozen = { params: weights.params, state };
  const shown = (what: string, total: number) => (done: number) => progress.show(what, done, total);
  const [onKnown, onAsked] = [shown("training images", data.train.length), shown("test images", data.val.length)];
  const known = await frozenFeatures(frozen, { model, device, shared, batches: open("train"), onImages: onKnown });
  const asked = await frozenFeatures(frozen, { model, device, shared, batches: open("val"), onImages: onAsked });
  const common = { classes: data.classes.length, device, collective };
  const onEpoch = shown("passes of the linear classifier", epochs);
  const linear = await linearProbe(known, asked, { ...common, epochs, batchSize: 4 * batchSize, seed, onEpoch });
  const onVote = shown(
    `votes of neighbours${collective.size === 1 ? "" : " by rank 0"}`,
    shareOfRank(asked.labels.length, collective).count,
  );
  const vote = await nearestNeighbours(known, asked, { ...common, neighbours, onImages: onVote });
  progress.end();
  return {
    linear,
    neighbours: vote,
    images: { train: known.labels.length, val: asked.labels.length },
    unread: { train: ofAll(unread.train, collective), val: ofAll(unread.val, collective) },
  };
}

/** The first rank shows how far it is; others say who they are. */
function progressOf({ rank }: Collective): CountProgress {
  const progress = countOnTerminal();
  if (rank === 0) return progress;
  return { ...progress, show: () => {}, note: (line) => progress.note(`rank ${rank}: ${line}`) };
}

/** Collects images that cannot be read, and says so. */
function collector(unread: SkippedSample[], { note }: CountProgress): (sample: SkippedSample) => void {
  return (sample) => {
    unread.push(sample);
    note(`Skips ${sample.name} as ${sample.reason}`);
  };
}

/** Images that any rank could not read, each once. */
function ofAll(own: readonly SkippedSample[], collective: Collective): readonly SkippedSample[] {
  const all = textsOfAll(collective, JSON.stringify(own)).flatMap((text) => JSON.parse(text) as SkippedSample[]);
  return [...new Map(all.map((sample) => [sample.index, sample])).values()];
}

/** Running statistics: those of the network, or new ones of some batches. */
async function statisticsOf(
  { shared, weights, ...where }: Pick<Opened, "model" | "weights" | "device"> & { readonly shared: SharedBatch },
  progress: CountProgress,
  { batches, count }: { readonly batches: (steps: number) => AsyncIterable<Batch>; readonly count: number },
): Promise<Tree> {
  if (count === 0) return weights.state;
  const done = { batches: 0 };
  const onBatch = () => progress.show("batches for statistics", ++done.batches, count);
  return await recalibrated(weights, { ...where, shared, batches: batches(count), onBatch });
}

if (import.meta.main) await runCommand(probe);
