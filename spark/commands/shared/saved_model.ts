/** @file A pre-trained model with its decoder, from a checkpoint of this library or of the official code. */
import type { Model } from "../../../nn/mod.ts";
import type { StateDictFile } from "../../../data/mod.ts";
import type { SparkParams, SparkState } from "../../forward.ts";
import { decoderWidthOf, weightsOf } from "../../weights/load_weights.ts";
import type { TrainStepOptions } from "../../train_step.ts";
import { makeModel, modelEntry } from "../../train/model_file.ts";
import type { PretrainOptions } from "./pretrain_options.ts";
import { ablationOf, resumeOptions } from "./settled_options.ts";
import { sayWeights } from "./say_weights.ts";
import { type ImageInput, inputOf } from "./image_input.ts";
import { channelsIn, configurationOf, modelNameOf, openWeights, otherModel, type WeightChoice } from "./weight_file.ts";

/** A model, and how it was trained. */
export interface SavedModel {
  /** The model. */
  readonly model: Model;
  /** Parameters; those of the moving average if there is one. */
  readonly params: SparkParams;
  /** Running statistics of the same. */
  readonly state: SparkState;
  /** True if weights are those of the moving average. */
  readonly isAverage: boolean;
  /** Patch size and ablations. */
  readonly method: TrainStepOptions & { readonly patchSize: number };
  /** Channels of the images. */
  readonly input: ImageInput;
  /** Height and width of the images. */
  readonly inputSize: readonly [number, number];
  /** Share of patches that were masked. */
  readonly maskRatio: number;
}

/**
 * Reads a model with its decoder.
 *
 * @param path A checkpoint: `.safetensors` of this library, or SparK's full `.pth`; or a run folder.
 * @param choice Option that names it; the model, where the file does not tell; which of several sets.
 * @returns The model and its weights. What was read is said.
 * @throws {Error} If the file cannot be read, is damaged, has no decoder, or fits no model; naming it.
 */
export async function readSavedModel(path: string, choice: WeightChoice): Promise<SavedModel> {
  const file = await openWeights(path, choice);
  const known = modelNameOf(file, choice.model);
  const inChannels = channelsIn(file, known);
  const model = makeModel(known, inChannels);
  if (decoderWidthOf(file) === null) {
    throw new RangeError(
      `Cannot reconstruct with ${path} as it must hold a decoder, as checkpoints of pre-training do: current file is a ` +
        `backbone of ${model.name}`,
    );
  }
  const { params, state, account } = fullWeights(file, model);
  sayWeights(account);
  const { options } = (configurationOf(file) ?? {}) as { readonly options?: Partial<PretrainOptions> };
  const method = ablationOf(resumeOptions(options ?? {}, {}).options, model);
  return {
    model,
    params,
    state,
    isAverage: account.isAverage,
    method,
    input: inputOf(model, inChannels),
    ...sizesOf(file, known, options ?? {}),
  };
}

function fullWeights(file: StateDictFile, model: Model): ReturnType<typeof weightsOf> {
  try {
    return weightsOf(file, model);
  } catch (error) {
    throw error instanceof RangeError ? otherModel(file, model.name, error) : error;
  }
}

/** Official checkpoints keep the size beside the weights, and the ratio in their `config`. */
function sizesOf(file: StateDictFile, name: string, options: Partial<PretrainOptions>) {
  const { make, recipe } = modelEntry(name);
  const { stride } = make();
  const config = file.values.get("config");
  const side = options.inputSize ?? file.extra.get("input_size");
  const size = Array.isArray(side) ? side : [side, side];
  const fits = size.length === 2 &&
    size.every((x) => Number.isSafeInteger(x) && x > 0 && x <= 8192 && x % stride === 0);
  const ratio = options.maskRatio ?? (config instanceof Map ? config.get("mask_ratio") : undefined);
  return {
    inputSize: fits ? size as unknown as readonly [number, number] : recipe.inputSize,
    maskRatio: typeof ratio === "number" && ratio > 0 && ratio < 1 ? ratio : 0.6,
  };
}
