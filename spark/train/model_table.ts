import {
  type Classifier,
  convnextBase,
  convnextLarge,
  convnextSmall,
  convnextTiny,
  type InputOptions,
  resnet,
  resnet101,
  resnet152,
  resnet18,
  resnet200,
  resnet34,
  resnet50,
  tinyResnet,
} from "../../nn/mod.ts";

/** How a model is pre-trained where the command line says nothing. */
export interface Recipe {
  /** Height and width of the images. */
  readonly inputSize: readonly [number, number];
  /** Images per step. */
  readonly batchSize: number;
  /** Passes over the data set. */
  readonly epochs: number;
  /** Steps, if the run is counted in steps. */
  readonly steps: number | null;
  /** Share of the run that the warm-up takes. */
  readonly warmupShare: number;
  /** Peak learning rate per 256 images. */
  readonly baseLr: number;
  /** Channels of the decoder at the coarsest scale. */
  readonly decoderWidth: number;
}

/** A row of the table: how to make the model, and its recipe. */
export interface ModelEntry {
  /** Makes the model; a file's is as it is, whatever the options. */
  readonly make: (options?: InputOptions) => Classifier;
  /** Its defaults. */
  readonly recipe: Recipe;
}

/** What SparK's authors use at 224 pixels, but for the batch: theirs of 4096 needs many machines. */
export const AUTHORS: Recipe = {
  inputSize: [224, 224],
  batchSize: 32,
  epochs: 1600,
  steps: null,
  warmupShare: 40 / 1600,
  baseLr: 2e-4,
  decoderWidth: 768,
};

/** A job that two cores without a GPU finish in three minutes; its numbers are measured, not the authors'. */
const SMALL: Recipe = {
  inputSize: [96, 96],
  batchSize: 8,
  epochs: 1,
  steps: 600,
  warmupShare: 0.1,
  baseLr: 0.32,
  decoderWidth: 64,
};

/**
 * The model of a first run. Its stride of 8 cuts 96 pixels into 12×12 patches, so that objects of a few patches are
 * told apart after minutes; the 6×6 patches of `tiny_resnet` need many more steps.
 */
function tinyResnet8(options: InputOptions = {}): Classifier {
  return resnet({
    ...options,
    name: "tiny_resnet8",
    block: "basic",
    depths: [1, 2, 3],
    widths: [32, 64, 128],
    stemWidth: 32,
    stem: "light",
  });
}

/** A network for images of 32 pixels, such as those of CIFAR-10: 78,000 parameters, 4×4 patches. */
function miniResnet8(options: InputOptions = {}): Classifier {
  return resnet({
    ...options,
    name: "mini_resnet8",
    block: "basic",
    depths: [1, 1, 1],
    widths: [16, 32, 64],
    stemWidth: 16,
    stem: "light",
  });
}

const MINI: Recipe = { ...SMALL, inputSize: [32, 32], batchSize: 64, steps: 2400, baseLr: 0.12, decoderWidth: 32 };

const ENTRIES: readonly (readonly [ModelEntry["make"], Recipe])[] = [
  [tinyResnet8, SMALL],
  [miniResnet8, MINI],
  [tinyResnet, { ...SMALL, decoderWidth: 128 }],
  [resnet18, AUTHORS],
  [resnet34, AUTHORS],
  [resnet50, AUTHORS],
  [resnet101, AUTHORS],
  [resnet152, AUTHORS],
  [resnet200, AUTHORS],
  [convnextTiny, AUTHORS],
  [convnextSmall, AUTHORS],
  [convnextBase, AUTHORS],
  [convnextLarge, AUTHORS],
];

/** The model that `--model` names if it is not given. */
export const DEFAULT_MODEL = "tiny_resnet8";

/** The models that `--model` names. */
export const MODELS: Readonly<Record<string, ModelEntry>> = Object.fromEntries(
  ENTRIES.map(([make, recipe]) => [make().name, { make, recipe }]),
);

/** Their names. */
export const MODEL_NAMES: readonly string[] = Object.keys(MODELS);
