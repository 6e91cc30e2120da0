/** @file The options of pre-training: one row each, from which parsing, help, types and what checkpoints keep follow. */
import type { StreamVersion } from "../../random_stream.ts";
import type { OptionsOf, SettledOf } from "../cli/option.ts";
import {
  CONDUCT_OPTIONS,
  DEADLINE_OPTION,
  DEVICE_OPTION,
  IN_CHANNELS_OPTION,
  INPUT_SIZE_OPTION,
  MACHINE_OPTIONS,
  MODEL_OPTION,
  RANK_OPTIONS,
  RUN_OPTIONS,
  SEED_OPTION,
  TRAINING_OPTIONS,
  WEIGHTS_OPTION,
} from "./common_options.ts";

/** What is trained on. */
const DATA = {
  data: {
    kind: "text",
    placeholder: "PATH",
    what: "a folder, an archive or fluent-emoji",
    help: [
      "images: a folder, with folders within or without; a tar or zip archive, shards {000..127}.tar, Parquet tables,",
      "CIFAR-10's files; or fluent-emoji, 3D emoji from npm",
    ],
    default: "fluent-emoji",
  },
} as const;

/** How long it is learned from, and how. */
const METHOD = {
  epochs: {
    kind: "whole",
    least: 1,
    help: "passes over the data set (default 1600; tiny ones count steps: 600, mini_resnet8 2400)",
  },
  maskRatio: {
    kind: "number",
    least: 0,
    most: 1,
    help: "share of patches that are masked, between 0 and 1 (default 0.6; 0.75 from 384 pixels)",
  },
  baseLr: {
    kind: "number",
    above: 0,
    help: [
      "peak learning rate per 256 images; the peak is R * batch / 256 (default 2e-4; 4e-4 from 384 pixels; tiny ones",
      "0.32, mini_resnet8 0.12)",
    ],
  },
  weightDecay: { kind: "number", least: 0, help: "weight decay of the first step", default: 0.04 },
  weightDecayEnd: { kind: "number", least: 0, help: "weight decay of the last step", default: 0.2 },
  optimizer: { kind: "name", names: ["lamb", "adamw", "sgd"], help: "lamb, adamw or sgd", default: "lamb" },
  patchSize: {
    kind: "whole",
    least: 1,
    most: 65536,
    help: "height and width of the masked patches in pixels, a multiple of the model's stride (default: the stride)",
    default: null,
  },
  ema: {
    kind: "number",
    above: 0,
    most: 0.999999,
    help: "decay of a moving average of the weights, such as 0.9999, which the pictures then show (default: none)",
    default: null,
  },
  normParts: {
    kind: "whole",
    least: 1,
    most: 65536,
    help: "of one process: batch norm takes its statistics over N parts of the batch, each by itself, as N ranks do",
    default: 1,
  },
  permuteBatch: {
    kind: "whole",
    least: 1,
    most: 65536,
    help: [
      "of one process: images of a batch are computed in the N-th other order, each part by itself where batch norm has",
      "parts; that changes rounding alone: to measure it (default: as drawn)",
    ],
    default: null,
  },
  initWeight: {
    kind: "text",
    placeholder: "FILE",
    what: "a file",
    help: [
      "weights to start from, for small data sets: a checkpoint of this library, SparK's, or a backbone's (.pth,",
      ".safetensors)",
    ],
    default: null,
  },
} as const;

/** The decoder, and ablations. */
const ABLATIONS = {
  decoderWidth: {
    kind: "whole",
    least: 1,
    most: 65536,
    help: "channels of the decoder at the coarsest scale, a multiple of the stride (default 768; tiny ones 64, 128)",
    default: null,
  },
  masking: {
    kind: "name",
    names: ["sparse", "zero"],
    help: "sparse, or zero, an ablation: masked pixels are zero and the encoder is dense",
    default: "sparse",
  },
  scales: {
    kind: "whole",
    least: 1,
    most: 16,
    help: "how many of the coarsest maps the decoder reads (default all; 1 is the ablation without hierarchy)",
    default: null,
  },
  positions: {
    kind: "name",
    names: ["none", "sincos"],
    help: "none, or sincos, an ablation: mask tokens carry a position embedding",
    default: "none",
  },
  lossOn: {
    kind: "name",
    names: ["masked", "all"],
    help: "patches that count: masked, or all, an ablation",
    default: "masked",
  },
  distance: {
    kind: "name",
    names: ["l2", "l1"],
    help: "l2, the squared error, or l1, the absolute one, an ablation",
    default: "l2",
  },
  target: {
    kind: "name",
    names: ["normalised", "raw", "centred"],
    help: [
      "what is predicted: patches normalised each by itself (normalised), pixels (raw), or pixels less the mean colour",
      "of the image (centred)",
    ],
    default: "normalised",
  },
} as const;

/** What decides no bit of the results. */
const CONDUCT = {
  val: {
    kind: "text",
    placeholder: "PATH",
    what: "a folder or an archive",
    help: "images that are not trained on: the loss on their masked patches is computed with every checkpoint",
  },
  debugNans: {
    kind: "flag",
    help: "name the layer in which loss or gradient stops being finite; keeps a second copy of the state",
  },
  saveEvery: {
    kind: "whole",
    least: 1,
    help: "steps between checkpoints, each with pictures and loss curve (default: a fifth of the run, at most 500)",
  },
} as const;

/** All that decides the bits of a run. */
type Deciding =
  & typeof DATA
  & typeof MODEL_OPTION
  & typeof INPUT_SIZE_OPTION
  & typeof IN_CHANNELS_OPTION
  & typeof TRAINING_OPTIONS
  & typeof SEED_OPTION
  & typeof METHOD
  & typeof RANK_OPTIONS
  & typeof WEIGHTS_OPTION
  & typeof ABLATIONS;

/** All that decides the bits of a run. Checkpoints carry it; those that lack one were written before there was a choice. */
export const DECIDING_OPTIONS: Deciding = {
  ...DATA,
  ...MODEL_OPTION,
  ...INPUT_SIZE_OPTION,
  ...IN_CHANNELS_OPTION,
  ...TRAINING_OPTIONS,
  ...METHOD,
  ...RANK_OPTIONS,
  ...WEIGHTS_OPTION,
  ...ABLATIONS,
  ...SEED_OPTION,
};

/** The options of the command, in the order of its help text. */
export const PRETRAIN_OPTIONS:
  & Deciding
  & typeof DEVICE_OPTION
  & typeof MACHINE_OPTIONS
  & typeof RUN_OPTIONS
  & typeof CONDUCT_OPTIONS
  & typeof DEADLINE_OPTION
  & typeof CONDUCT = {
    ...DECIDING_OPTIONS,
    ...DEVICE_OPTION,
    ...MACHINE_OPTIONS,
    ...RUN_OPTIONS,
    ...CONDUCT_OPTIONS,
    ...DEADLINE_OPTION,
    ...CONDUCT,
  };

/** Options as given on the command line; absent where they were not. */
export type GivenPretrainOptions = OptionsOf<typeof PRETRAIN_OPTIONS>;

/** All that decides the bits of a run, with defaults filled in. Plain data: checkpoints carry it. */
export type PretrainOptions = SettledOf<Deciding> & {
  /** Which random bits are drawn: those of the time at which the run began. */
  readonly randomStream: StreamVersion;
  /** Of `RunLengths`; absent where it is 0. */
  readonly shift?: number;
};
