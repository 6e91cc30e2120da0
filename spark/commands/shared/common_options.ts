/** @file Options that several commands take: each stands here once. */
import { MODEL_ENDINGS } from "../../train/model_file.ts";
import { DEFAULT_MODEL, MODEL_NAMES } from "../../train/model_table.ts";

/** Where to compute. */
export const DEVICE_OPTION = {
  device: {
    kind: "name",
    names: ["auto", "cpu", "webgpu", "reference"],
    help: "auto (webgpu if there is a hardware adapter, else cpu), cpu, webgpu or reference",
    default: "auto",
  },
} as const;

/** Which model, of those who start with fresh weights. */
export const MODEL_OPTION = {
  model: {
    kind: "name",
    names: MODEL_NAMES as readonly string[],
    files: MODEL_ENDINGS as readonly string[],
    help: "one of {names}; or a file of one's own that exports a model (.ts, .js)",
    default: DEFAULT_MODEL as string,
  },
} as const;

/** Which model, of those who read a file. */
export const FILE_MODEL_OPTION = {
  model: {
    kind: "name",
    names: MODEL_NAMES as readonly string[],
    files: MODEL_ENDINGS as readonly string[],
    help: "one of {names}, or a file that exports a model (default: that of the file of weights, where it can be told)",
  },
} as const;

/** Which of several sets of weights of a file. */
export const WEIGHTS_OPTION = {
  weights: {
    kind: "text",
    placeholder: "NAME",
    what: "the name of a set of weights",
    help: [
      "which of several sets of weights in a file: average or raw, or its name there, such as state_dict_ema or student",
      "(default: a moving average if there is one, else the largest set; it is said)",
    ],
    default: null,
  },
} as const;

/** Size of the images. */
export const INPUT_SIZE_OPTION = {
  inputSize: {
    kind: "size",
    help: [
      "height and width of the images in pixels, multiples of the model's stride (default by model: 224; tiny ones 96,",
      "mini_resnet8 32)",
    ],
  },
} as const;

/** Channels of the images, of networks that are trained. */
export const IN_CHANNELS_OPTION = {
  inChannels: {
    kind: "whole",
    least: 1,
    most: 256,
    help: [
      "channels of the images: 1 grey, or as many as the files have, such as 7 of .npy or TIFF; values then keep the depth",
      "of the files, so that 16 bits count (default: 3 of 8 bits, or those of the file of weights or model)",
    ],
    default: null,
  },
} as const;

/** How Pascal VOC's files count. */
export const FIRST_PIXEL_OPTION = {
  firstPixel: {
    kind: "whole",
    least: 0,
    most: 1,
    help: "of Pascal VOC's files: the number of an image's first pixel",
    default: 1,
  },
} as const;

/** What chance follows from. */
export const SEED_OPTION = {
  seed: {
    kind: "whole",
    least: 0,
    most: 4294967295,
    help: "seed of all that is drawn by chance: weights, masks, order, crops, labels",
    default: 0,
  },
} as const;

/** Threads and workers: what a computation may use of the machine. */
export const MACHINE_OPTIONS = {
  threads: {
    kind: "whole",
    least: 1,
    most: 256,
    help: "threads that the cpu device computes with (default: one a core); the results do not depend on it",
  },
  fast: {
    kind: "flag",
    help:
      "compute on the cpu in a process of its own, whose engine joins vectors: up to twice as fast, the same results",
  },
  noKernelCache: {
    kind: "flag",
    help: "assemble the kernels of the cpu device anew, and keep none in the cache folder of the user",
  },
  workers: {
    kind: "whole",
    least: 0,
    most: 256,
    help: "workers that decode images, 0 for none (default: cores - 1, at most 8); the results do not depend on it",
  },
} as const;

/** How any network is trained. */
export const TRAINING_OPTIONS = {
  batchSize: {
    kind: "whole",
    least: 1,
    most: 65536,
    help: "images per step (default by model: 32; tiny ones 8, in fine-tuning 64)",
  },
  steps: { kind: "whole", least: 1, help: "steps in total, instead of --epochs", default: null },
  warmupEpochs: {
    kind: "number",
    least: 0,
    help: "epochs in which the learning rate rises, may be a fraction (default by model: 1/60 to 1/10 of the run)",
    default: null,
  },
  dropPath: { kind: "number", least: 0, most: 0.99, help: "drop-path rate of the last block (default by model)" },
  accumulate: {
    kind: "whole",
    least: 1,
    help: "small batches that a step is made of, to fit memory; divides the batch size",
    default: 1,
  },
  precision: {
    kind: "name",
    names: ["f32", "f16"],
    help: [
      "f32, or f16: webgpu keeps activations as float16, computes in float32, scales the loss and skips steps that",
      "overflow",
    ],
    default: "f32",
  },
} as const;

/** How several ranks share a step. */
export const RANK_OPTIONS = {
  syncBn: {
    kind: "flag",
    help: "of several ranks: batch norm takes its statistics over the whole batch, not over the images of each rank",
  },
  bucketMb: {
    kind: "number",
    least: 0,
    help: [
      "of several ranks: MiB of gradients that are summed together while others are computed, the first of them",
      "1 at most; 0: all at once when all are there",
    ],
    default: 25,
  },
} as const;

/** How long ranks wait for each other. */
export const DEADLINE_OPTION = {
  deadline: {
    kind: "number",
    above: 0,
    help: "of several ranks: seconds after which one that takes no part in a step is given up (default 300)",
  },
} as const;

/** What decides no bit of the results of a training. */
export const CONDUCT_OPTIONS = {
  logger: {
    kind: "text",
    placeholder: "FILE.ts",
    what: "a file",
    help: "module whose default export is a function that is told what happens in the run, for loggers of others",
  },
  checkpoint: {
    kind: "flag",
    help: "compute the inner values of blocks again for gradients instead of keeping them: less memory, more time",
  },
  checkpointStages: {
    kind: "whole",
    least: 1,
    help: "compute them again in the first N stages of the network alone, whose maps are the largest",
  },
} as const;

/** Where a run leaves its results and what it goes on from. */
export const RUN_OPTIONS = {
  out: {
    kind: "text",
    placeholder: "FOLDER",
    what: "a folder",
    help: "run folder (default runs/MODEL-DATE, or that of --resume)",
  },
  resume: {
    kind: "text",
    placeholder: "PATH",
    what: "a checkpoint or a run folder",
    help: [
      "checkpoint, or run folder with one, to continue; it brings its options, others must agree; of pretrain also an",
      "official checkpoint with its optimizer, to which the options of its run are given anew",
    ],
  },
  extend: {
    kind: "flag",
    help: [
      "go on with --resume with more --epochs or --steps, another --batch-size, --base-lr or other schedule; what changes",
      "is said",
    ],
  },
  tuning: {
    kind: "text",
    placeholder: "FILE",
    what: "a file or none",
    help: "tiles for webgpu, of deno task tune, or none (default: those of the resumed run, else of the user's cache)",
  },
  logEvery: {
    kind: "whole",
    least: 1,
    most: 10000,
    help: "steps that are queued before their losses are read and logged (default: webgpu 10, others 1)",
  },
} as const;

/** Labelled images, and the network that is to tell them apart. */
export const LABELLED_OPTIONS = {
  data: {
    kind: "text",
    placeholder: "PATH",
    what: "a folder or an archive",
    help: [
      "labelled images: a folder or archive (tar, zip) with a folder for each class or a table of labels (CSV, JSON lines),",
      "a WebDataset, Parquet tables, CIFAR-10; with train/ and val/ or without",
    ],
  },
  val: {
    kind: "text",
    placeholder: "PATH",
    what: "a folder or an archive",
    help: [
      "images to evaluate on (default: val/ beside train/, the test images of CIFAR-10's original files, else a tenth of",
      "--data, which is then not trained on)",
    ],
    default: null,
  },
  init: {
    kind: "text",
    placeholder: "PATH",
    what: "a file or a run folder",
    help: [
      "pre-trained network: run folder or checkpoint of deno task pretrain, finetune or detect:train (of a detector the",
      "backbone), SparK's .pth, or a backbone of timm, torchvision or Detectron2",
    ],
    default: null,
  },
  fromScratch: { kind: "flag", help: "fresh weights instead of --init" },
  labels: {
    kind: "whole",
    least: 1,
    help: "train on N images, the same number of each class, drawn by --seed",
    default: null,
  },
} as const;

/**
 * Workers that decode images.
 *
 * @param workers Value of `--workers`, if it was given.
 * @returns It, else one a core but for one, at most 8.
 */
export function workersOf(workers: number | undefined): number {
  return workers ?? Math.min(8, Math.max(1, navigator.hardwareConcurrency - 1));
}
