/** @file A run that goes on from a checkpoint of the official code. */
import type { StateDictFile } from "../../../data/mod.ts";
import { withMoments } from "../../../nn/mod.ts";
import { startAverage } from "../../average.ts";
import { kindOf } from "../../train/kind_of.ts";
import { newRun, type RunStart, type StartOptions } from "../../train/run_start.ts";
import { makeModel, modelEntry } from "../../train/model_file.ts";
import type { TrainState } from "../../train_state.ts";
import { decoderWidthOf, type SparkWeights, weightsOf } from "../../weights/load_weights.ts";
import type { GivenPretrainOptions, PretrainOptions } from "../shared/pretrain_options.ts";
import { runPlace } from "../shared/run_place.ts";
import { settleOptions } from "../shared/settled_options.ts";
import { channelsIn, modelNameOf, openWeights } from "../shared/weight_file.ts";

/** Weights, moments and place of the run that goes on. */
export interface Official {
  /** What the file holds. */
  readonly weights: SparkWeights & { readonly optimizer: NonNullable<SparkWeights["optimizer"]> };
  /** Epochs that were done: whole ones of official checkpoints, with a fraction where a run of this library was converted. */
  readonly epochs: number;
}

/** How a run starts from such a file. */
export interface OfficialStart extends RunStart<PretrainOptions> {
  /** What it goes on from. */
  readonly official: Official;
}

/** Whether `--resume` names a file of other code: this library writes safetensors. */
export function isForeign(path: string): boolean {
  return kindOf(path) === "file" && !path.toLowerCase().endsWith(".safetensors");
}

/**
 * Starts a new run folder with the weights, the moments and the steps of a checkpoint of the official code. What its run
 * was like the file does not say in full, so that the options are those of the command line and the model's recipe.
 *
 * @param path The file.
 * @param given Options of the command line.
 * @param start Task and folder.
 * @returns How the run starts.
 * @throws {Error} If the file cannot be read, or lacks the decoder or the optimizer, naming it and what to do.
 */
export async function officialStart(
  path: string,
  given: GivenPretrainOptions,
  start: StartOptions,
): Promise<OfficialStart> {
  const file = await openWeights(path, { option: "--resume", model: given.model, weights: given.weights });
  const name = modelNameOf(file, given.model);
  const size = Number(file.extra.get("input_size"));
  const inputSize = Number.isSafeInteger(size) && size > 0 ? { inputSize: [size, size] as const } : {};
  const inChannels = channelsIn(file, name);
  const official = await officialOf(file, name);
  const options = settleOptions({
    ...inputSize,
    ...decoderSizes(official.weights),
    ...inChannels === null ? {} : { inChannels },
    ...given,
    model: name,
  });
  const done = await official.weights.optimizer.step.item();
  return { ...newRun(options, modelEntry(name).make().name, start), official, done, source: path };
}

function decoderSizes({ params: { densify, decoder } }: SparkWeights) {
  return { decoderWidth: decoder.blocks[0]!.conv1.weight.shape[3]!, scales: densify.maskTokens.length };
}

async function officialOf(file: StateDictFile, name: string): Promise<Official> {
  const refuse = (requirement: string, current: string): never => {
    throw new RangeError(
      `Cannot resume ${file.path} as it must hold ${requirement}: current file ${current}; start a new run from its ` +
        `weights with --init-weight ${file.path}`,
    );
  };
  const model = makeModel(name, channelsIn(file, name));
  if (decoderWidthOf(file) === null) refuse("all of pre-training, decoder and optimizer", `is a backbone of ${name}`);
  const weights = weightsOf(file, model);
  const { optimizer } = weights;
  if (optimizer === null) return refuse("the state of the optimizer", "has none");
  return { weights: { ...weights, optimizer }, epochs: await epochsOf(file, optimizer) };
}

async function epochsOf(
  { extra }: StateDictFile,
  { step }: NonNullable<SparkWeights["optimizer"]>,
): Promise<number> {
  const { images, ...options } = argsOf(extra.get("args"));
  const place = runPlace({ options, images, step: await step.item() });
  const last = Number(extra.get("epoch"));
  return place ?? (Number.isSafeInteger(last) ? last + 1 : 0);
}

/** Options of a run that was converted; official code writes its own as a text of another form. */
function argsOf(args: unknown): { readonly images?: unknown } {
  try {
    const options = JSON.parse(String(args));
    return typeof options === "object" && options !== null ? options : {};
  } catch {
    return {};
  }
}

/**
 * The state that a run goes on with.
 *
 * @param initial First state of such a run.
 * @param official What it goes on from.
 * @returns A state with its weights, moments and steps.
 * @throws {RangeError} If the moments are not those of the optimizer.
 */
export function officialState(
  { average, ...initial }: TrainState,
  { weights: { params, state, optimizer } }: Official,
): TrainState {
  const train = { ...initial, params, state, optimizer: withMoments(initial.optimizer, optimizer) };
  return average ? startAverage(train) : train;
}
