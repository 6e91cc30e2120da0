/** @file The options of training a detector: one row each, from which parsing, help, types and what checkpoints keep follow. */
import type { OptionsOf, SettledOf } from "../cli/option.ts";
import {
  CONDUCT_OPTIONS,
  DEADLINE_OPTION,
  DEVICE_OPTION,
  FILE_MODEL_OPTION,
  FIRST_PIXEL_OPTION,
  INPUT_SIZE_OPTION,
  MACHINE_OPTIONS,
  RANK_OPTIONS,
  RUN_OPTIONS,
  SEED_OPTION,
  TRAINING_OPTIONS,
  WEIGHTS_OPTION,
} from "../shared/common_options.ts";
import { SCENE_IMAGE_OPTIONS } from "./scene_image_options.ts";
import { SCENE_OPTIONS } from "./scene_options.ts";
import { SOURCE_OPTIONS } from "./source_options.ts";

/** What the detector is like. */
const DETECTOR = {
  variant: {
    kind: "name",
    names: ["detectron2", "torchvision", "mmdetection"],
    help: "whose rules: one of {names} (default: detectron2, of ConvNeXts mmdetection)",
  },
  boxesOnly: { kind: "flag", help: "Faster R-CNN: no masks" },
  backboneNorm: {
    kind: "name",
    names: ["live", "frozen", "recalibrated"],
    help: [
      "batch norms of the backbone: live, statistics of the batch; frozen, those of --init; recalibrated, taken anew from",
      "--precise batches at the start, then frozen",
    ],
    default: "live",
  },
  freezeAt: {
    kind: "whole",
    least: 0,
    most: 5,
    help: [
      "parts of the backbone that are not learned, from the input on: 1 the stem, 2 the first stage too, … (FREEZE_AT of",
      "detectron2; default 0, with --backbone-norm frozen 2 of a pre-trained ResNet)",
    ],
  },
  headNorm: {
    kind: "name",
    names: ["batch", "none"],
    help: "norms of pyramid and heads (default: batch, of ConvNeXts none)",
  },
  precise: {
    kind: "whole",
    least: 0,
    help: "batches from which running statistics are taken anew before each evaluation, 0: none (default by model)",
  },
  fpnChannels: { kind: "whole", least: 1, help: "channels of the pyramid (default 256; tiny ones 32)" },
  anchorScale: { kind: "number", above: 0, help: "side of anchors in cells of their map (default 8; tiny ones 6)" },
  canonicalScale: {
    kind: "number",
    above: 0,
    help: "side of a box that belongs to the third map (default 224; tiny ones 64)",
  },
  boxConvs: {
    kind: "text",
    placeholder: "N,N,…",
    what: "numbers with commas between them",
    help: "channels of the box head's convolutions, 0: none (default by model)",
  },
  boxFcs: {
    kind: "text",
    placeholder: "N,N,…",
    what: "numbers with commas between them",
    help: "widths of the box head's linear layers (default by model)",
  },
  maskConvs: {
    kind: "text",
    placeholder: "N,N,…",
    what: "numbers with commas between them",
    help: "channels of the mask head's convolutions (default by model)",
  },
  rpnBatch: { kind: "whole", least: 2, help: "anchors of an image that are learned from (default 256; tiny ones 32)" },
  roiBatch: {
    kind: "whole",
    least: 4,
    help: "proposals of an image that are learned from (default 512; tiny ones 32)",
  },
  preNms: {
    kind: "text",
    placeholder: "N,N,…",
    what: "numbers with commas between them",
    help:
      "best proposals of a map before suppression, in training and evaluation (default 2000,1000; tiny ones 300,200)",
  },
  postNms: {
    kind: "text",
    placeholder: "N,N,…",
    what: "numbers with commas between them",
    help: "proposals after suppression (default by --variant; tiny ones 150,100)",
  },
} as const;

/** How long it is learned, and at which rate. */
const SCHEDULE = {
  epochs: { kind: "whole", least: 1, help: "passes over the images (default by model; scene-paste counts steps)" },
  baseLr: {
    kind: "number",
    above: 0,
    help:
      "peak learning rate per 16 images; the peak is R * batch / 16 (default by model: 2.5e-4 or 2e-4; tiny ones 4e-3)",
  },
  weightDecay: { kind: "number", least: 0, help: "weight decay (default by model)" },
  layerDecay: {
    kind: "number",
    above: 0,
    most: 1,
    help:
      "factor of the rate from each group of layers to the one before (default 0.6, of ConvNeXts 0.65; fresh weights 1)",
  },
  schedule: {
    kind: "name",
    names: ["step", "cosine"],
    help: "how the rate falls: by --decay-factor at --decay-at, or as a cosine to 0 (default step; tiny ones cosine)",
  },
  decayAt: {
    kind: "text",
    placeholder: "N,N,…",
    what: "numbers with commas between them",
    help: "step: shares of the run after which the rate falls (default by model)",
  },
  decayFactor: { kind: "number", above: 0, most: 1, help: "step: what it is multiplied by (default by model)" },
  clip: { kind: "number", least: 0, help: "largest norm of the gradient, 0: any (default 0; tiny ones 5)" },
  ema: {
    kind: "number",
    least: 0,
    most: 0.999999,
    help: "decay of a moving average of the weights, 0 for none",
    default: 0,
  },
  evalEvery: {
    kind: "whole",
    least: 1,
    help: "steps between evaluations, each with a checkpoint (default: a fifth of the run, at most 5000)",
    default: null,
  },
} as const;

/** Detectors take one kind of images, as those of all libraries do. */
const CHANNELS = {
  inChannels: {
    kind: "whole",
    least: 1,
    most: 256,
    help: [
      "3, red, green and blue of 8 bits, is all that detectors take: grey images become colours, and the first convolution",
      "of an --init for other channels is made to fit",
    ],
  },
} as const;

type Deciding =
  & typeof SOURCE_OPTIONS
  & typeof FIRST_PIXEL_OPTION
  & typeof WEIGHTS_OPTION
  & typeof FILE_MODEL_OPTION
  & typeof INPUT_SIZE_OPTION
  & typeof SCENE_OPTIONS
  & typeof SCENE_IMAGE_OPTIONS
  & typeof DETECTOR
  & typeof TRAINING_OPTIONS
  & typeof RANK_OPTIONS
  & typeof SCHEDULE
  & typeof SEED_OPTION;

/** All that decides the bits of a run, as options. */
export const DECIDING_OPTIONS: Deciding = {
  ...SOURCE_OPTIONS,
  ...FIRST_PIXEL_OPTION,
  ...WEIGHTS_OPTION,
  ...FILE_MODEL_OPTION,
  ...INPUT_SIZE_OPTION,
  ...SCENE_OPTIONS,
  ...SCENE_IMAGE_OPTIONS,
  ...DETECTOR,
  ...TRAINING_OPTIONS,
  ...RANK_OPTIONS,
  ...SCHEDULE,
  ...SEED_OPTION,
};

/** The options of the command, in the order of its help text. */
export const DETECT_OPTIONS:
  & Deciding
  & typeof DEVICE_OPTION
  & typeof MACHINE_OPTIONS
  & typeof RUN_OPTIONS
  & typeof CHANNELS
  & typeof DEADLINE_OPTION
  & { readonly logger: (typeof CONDUCT_OPTIONS)["logger"] } = {
    ...DECIDING_OPTIONS,
    ...CHANNELS,
    ...DEVICE_OPTION,
    ...MACHINE_OPTIONS,
    ...RUN_OPTIONS,
    ...DEADLINE_OPTION,
    logger: CONDUCT_OPTIONS.logger, // --checkpoint, which computes blocks twice, is not for the step of detectors
  };

/** Options as given on the command line; absent where they were not. */
export type GivenDetectOptions = OptionsOf<typeof DETECT_OPTIONS>;

/** All that decides the bits of a run, with defaults filled in. Plain data: checkpoints carry it. */
export type DetectOptions = SettledOf<Deciding> & {
  /** Tells these checkpoints from those of other commands. */
  readonly task: "detect:train";
  /** Short side of evaluations, under the name by which prediction knows it. */
  readonly short: number;
  /** Share of the run that the warm-up takes. */
  readonly warmupShare: number;
  /** Of `RunLengths`; absent where it is 0. */
  readonly shift?: number;
};
