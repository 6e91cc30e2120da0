/**
 * The probing command: `deno task probe --help`, or `deno run -A jsr:@tessera/tessera/probe --help`.
 *
 * @module
 */
import { machineOf } from "../shared/machine.ts";
import { type Device, random, type Tree } from "../../../tensor/mod.ts";
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
import { type Command, command } from "../cli/command.ts";
import { withDefaults } from "../cli/command_line.ts";
import type { OptionsOf } from "../cli/option.ts";
import { print } from "../cli/print.ts";
import { runCommand } from "../cli/run_command.ts";
import { countOnTerminal } from "../cli/terminal.ts";
import { workersOf } from "../shared/common_options.ts";
import { type ImageInput, inputOf, networkFor } from "../shared/image_input.ts";
import { evalTransform, type LabelledData, openLabelledData } from "../shared/labelled_data.ts";
import { sayWeights } from "../shared/say_weights.ts";
import { channelsIn, modelNameOf, openWeights } from "../shared/weight_file.ts";
import { requireWritable } from "../shared/writable.ts";
import { batchesForStatistics, PROBE_OPTIONS } from "./probe_options.ts";

export type { Command } from "../cli/command.ts";

type Given = OptionsOf<typeof PROBE_OPTIONS>;

const LINE = {
  task: "probe",
  purpose: `Tells what the features of a frozen network know of classes: a linear classifier on them, and a vote of the
nearest neighbours.`,
  usage: "--data PATH (--init PATH | --from-scratch --model NAME)",
  options: PROBE_OPTIONS,
  details:
    `Features are the means of the coarsest map over the whole image, which is resized and cropped without chance.`,
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

/** Runs the command: exit code 0. */
export const probe: Command = command(LINE, async (given) => {
  const { model, recipe, weights, init, account, input } = await openNetwork(given);
  const { data: path, val = null, labels = null, seed = 0 } = given;
  if (path === undefined) refuse("there must be labelled images", "--data is absent");
  if (given.out !== undefined) requireWritable(given.out, "--out");
  const data = await openLabelledData({ data: path, val, labels, seed, input });
  return await onRunDevice(given.device, { kept: "", tuning: "none", ...machineOf(given) }, async (device) => {
    const found = await probeNetwork(given, { model, recipe, weights, data, device, input });
    print(resultLine(model.name, init, found));
    const result: ProbeResult = { model: model.name, init, account, ...found };
    if (given.out !== undefined) {
      await writeFileAtomic(given.out, `${JSON.stringify(result, null, 2)}\n`);
    }
    return 0;
  });
});

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
async function openNetwork({ init, fromScratch, model: name, weights, inChannels: asked, seed = 0 }: Given): Promise<{
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
  sayWeights(network.account, { head: "not used" });
  if (network.converted !== null) print(network.converted);
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
}

async function probeNetwork(
  given: Given,
  { model, recipe, weights, data, device, input }: Opened,
): Promise<Found> {
  const { batchSize, seed, recalibrate, epochs, neighbours } = withDefaults(PROBE_OPTIONS, given);
  const size = given.inputSize ?? recipe.inputSize;
  const shared = { size, ...input, batchSize, seed, workers: workersOf(given.workers), transform: evalTransform(size) };
  const progress = countOnTerminal();
  const unread = { train: [] as SkippedSample[], val: [] as SkippedSample[] };
  const open = (part: "train" | "val") => {
    const onSkip = (sample: SkippedSample) => {
      unread[part].push(sample);
      progress.note(`Skips ${sample.name} as ${sample.reason}`);
    };
    return batches(data[part], { ...shared, epochs: 1, onSkip });
  };
  const state = await statisticsOf({ model, weights, device }, progress, {
    batches: (steps) => batches(data.train, { ...shared, steps }),
    count: batchesForStatistics(recalibrate, data.train.length, batchSize),
  });
  const frozen = { params: weights.params, state };
  const shown = (what: string, total: number) => (done: number) => progress.show(what, done, total);
  const [onKnown, onAsked] = [shown("training images", data.train.length), shown("test images", data.val.length)];
  const known = await frozenFeatures(frozen, { model, device, batches: open("train"), onImages: onKnown });
  const asked = await frozenFeatures(frozen, { model, device, batches: open("val"), onImages: onAsked });
  const common = { classes: data.classes.length, device };
  const onEpoch = shown("passes of the linear classifier", epochs);
  const linear = await linearProbe(known, asked, { ...common, epochs, batchSize: 4 * batchSize, seed, onEpoch });
  const onVote = shown("votes of neighbours", asked.labels.length);
  const vote = await nearestNeighbours(known, asked, { ...common, neighbours, onImages: onVote });
  progress.end();
  return {
    linear,
    neighbours: vote,
    images: { train: known.labels.length, val: asked.labels.length },
    unread,
  };
}

/** Running statistics: those of the network, or new ones of some batches. */
async function statisticsOf(
  { model, weights, device }: Pick<Opened, "model" | "weights" | "device">,
  progress: CountProgress,
  { batches, count }: { readonly batches: (steps: number) => AsyncIterable<Batch>; readonly count: number },
): Promise<Tree> {
  if (count === 0) return weights.state;
  const done = { batches: 0 };
  const onBatch = () => progress.show("batches for statistics", ++done.batches, count);
  return await recalibrated(weights, { model, device, batches: batches(count), onBatch });
}

if (import.meta.main) await runCommand(probe);
