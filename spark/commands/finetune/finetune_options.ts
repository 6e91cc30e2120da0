/** @file The options of fine-tuning: one row each, from which parsing, help, types and what checkpoints keep follow. */
import type { StreamVersion } from "../../random_stream.ts";
import type { OptionsOf, SettledOf } from "../cli/option.ts";
import {
  CONDUCT_OPTIONS,
  DEADLINE_OPTION,
  DEVICE_OPTION,
  FILE_MODEL_OPTION,
  IN_CHANNELS_OPTION,
  INPUT_SIZE_OPTION,
  LABELLED_OPTIONS,
  MACHINE_OPTIONS,
  RANK_OPTIONS,
  RUN_OPTIONS,
  SEED_OPTION,
  TRAINING_OPTIONS,
  WEIGHTS_OPTION,
} from "../shared/common_options.ts";

/** How the network is trained where its recipe says nothing else. */
const RECIPE = {
  epochs: {
    kind: "whole",
    least: 1,
    help: "passes over the images (default by model: 200 to 400; tiny ones 20)",
  },
  optimizer: { kind: "name", names: ["lamb", "adamw"], help: "lamb (default of ResNets) or adamw" },
  loss: {
    kind: "name",
    names: ["ce", "bce"],
    help: "ce, cross-entropy of soft targets, or bce, binary cross-entropy of each class (default of ResNets)",
  },
  baseLr: {
    kind: "number",
    above: 0,
    help: "peak learning rate per 256 images; the peak is R * batch / 256 (default by model)",
  },
  weightDecay: { kind: "number", least: 0, help: "weight decay (default by model)" },
  layerDecay: {
    kind: "number",
    above: 0,
    most: 1,
    help: "factor of the learning rate from each group of layers to the one before (default 0.7 or 0.8; tiny ones 1)",
  },
  mixup: { kind: "number", least: 0, help: "α of mixup, 0 for none (default by model)" },
  cutmix: { kind: "number", least: 0, help: "α of CutMix, 0 for none (default 1; tiny ones 0)" },
  cropScale: {
    kind: "number",
    above: 0,
    most: 1,
    help: "smallest part of the area that a random crop takes (default 0.08; tiny ones 0.35)",
  },
  augment: {
    kind: "name",
    names: ["none", "trivial", "rand"],
    help: [
      "random operations on images: trivial (TrivialAugment, default), rand (RandAugment) or none (default of tiny",
      "ones)",
    ],
  },
  erase: {
    kind: "number",
    least: 0,
    most: 1,
    help: "probability that a rectangle of an image is erased (default 0.25; tiny ones 0)",
  },
  repeats: {
    kind: "whole",
    least: 1,
    most: 100,
    help: "how often each image comes in a row, augmented anew each time (default 1; ConvNeXts 3)",
  },
  ema: {
    kind: "number",
    least: 0,
    most: 0.999999,
    help: "decay of a moving average of the weights, 0 for none (default 0.9999; tiny ones none)",
  },
} as const;

/** What no recipe decides. */
const OTHERS = {
  labelSmoothing: {
    kind: "number",
    least: 0,
    most: 0.99,
    help: "share of the probability that all classes divide",
    default: 0.1,
  },
  evalEvery: {
    kind: "whole",
    least: 1,
    help: "steps between evaluations, each with a checkpoint (default: a tenth of the run, at most 1000)",
    default: null,
  },
} as const;

/** All that decides the bits of a run, as options. */
type Deciding =
  & typeof LABELLED_OPTIONS
  & typeof WEIGHTS_OPTION
  & typeof FILE_MODEL_OPTION
  & typeof INPUT_SIZE_OPTION
  & typeof IN_CHANNELS_OPTION
  & typeof TRAINING_OPTIONS
  & typeof RANK_OPTIONS
  & typeof SEED_OPTION
  & typeof RECIPE
  & typeof OTHERS;

/** All that decides the bits of a run, as options. */
export const DECIDING_OPTIONS: Deciding = {
  ...LABELLED_OPTIONS,
  ...WEIGHTS_OPTION,
  ...FILE_MODEL_OPTION,
  ...INPUT_SIZE_OPTION,
  ...IN_CHANNELS_OPTION,
  ...TRAINING_OPTIONS,
  ...RANK_OPTIONS,
  ...RECIPE,
  ...OTHERS,
  ...SEED_OPTION,
};

/** The options of the command, in the order of its help text. */
export const FINETUNE_OPTIONS:
  & Deciding
  & typeof DEVICE_OPTION
  & typeof MACHINE_OPTIONS
  & typeof RUN_OPTIONS
  & typeof CONDUCT_OPTIONS
  & typeof DEADLINE_OPTION = {
    ...DECIDING_OPTIONS,
    ...DEVICE_OPTION,
    ...MACHINE_OPTIONS,
    ...RUN_OPTIONS,
    ...CONDUCT_OPTIONS,
    ...DEADLINE_OPTION,
  };

/** Options as given on the command line; absent where they were not. */
export type GivenFinetuneOptions = OptionsOf<typeof FINETUNE_OPTIONS>;

/** What a recipe decides, as it is settled. */
export type RecipeOptions =
  & Omit<SettledOf<typeof RECIPE>, "ema">
  & Pick<SettledOf<Deciding>, "batchSize" | "dropPath">
  & {
    /** Decay of the moving average; null: none. */
    readonly ema: number | null;
  };

/** All that decides the bits of a run, with defaults filled in. Plain data: checkpoints carry it. */
export type FinetuneOptions = Omit<SettledOf<Deciding>, keyof RecipeOptions | "fromScratch"> & RecipeOptions & {
  /** Tells these checkpoints from those of pre-training. */
  readonly task: "finetune";
  /** Which random bits are drawn: those of the time at which the run began. */
  readonly randomStream: StreamVersion;
  /** Of `RunLengths`; absent where it is 0. */
  readonly shift?: number;
};
