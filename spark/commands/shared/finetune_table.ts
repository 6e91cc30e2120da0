/** @file The options of the fine-tuning command: one row each, from which parsing and help both follow. */
import { MODELS } from "../../train/model_table.ts";
import { count, number, oneOf, type OptionRow, OPTIONS, size, text } from "./option_table.ts";

/** Options as given on the command line; absent where they were not. */
export interface GivenFinetuneOptions {
  /** Labelled images. */
  readonly data?: string;
  /** Labelled images to evaluate on. */
  readonly val?: string;
  /** Name in `MODELS`. */
  readonly model?: string;
  /** File or run folder of the pre-trained network. */
  readonly init?: string;
  /** Start with fresh weights. */
  readonly fromScratch?: boolean;
  /** Labelled images to train on, drawn by the seed. */
  readonly labels?: number;
  /** Height and width of the images, in pixels. */
  readonly inputSize?: readonly [number, number];
  /** Images per step. */
  readonly batchSize?: number;
  /** Passes over the data set. */
  readonly epochs?: number;
  /** Steps in total, instead of epochs. */
  readonly steps?: number;
  /** `adamw` or `lamb`. */
  readonly optimizer?: "adamw" | "lamb";
  /** `ce` or `bce`. */
  readonly loss?: "ce" | "bce";
  /** Peak learning rate per 256 images. */
  readonly baseLr?: number;
  /** Epochs of warm-up; may be a fraction. */
  readonly warmupEpochs?: number;
  /** Weight decay. */
  readonly weightDecay?: number;
  /** Factor of the learning rate from layer to layer. */
  readonly layerDecay?: number;
  /** Drop-path rate of the last block. */
  readonly dropPath?: number;
  /** Probability that all classes share. */
  readonly labelSmoothing?: number;
  /** α of mixup. */
  readonly mixup?: number;
  /** α of CutMix. */
  readonly cutmix?: number;
  /** Smallest part of the area that a crop takes. */
  readonly cropScale?: number;
  /** Random operations on images. */
  readonly augment?: "none" | "trivial" | "rand";
  /** Probability of random erasing. */
  readonly erase?: number;
  /** How often each image comes in a row. */
  readonly repeats?: number;
  /** Decay of the moving average of the weights. */
  readonly ema?: number;
  /** Seed of head, order, crops and mixing. */
  readonly seed?: number;
  /** Steps between evaluations. */
  readonly evalEvery?: number;
  /** `auto`, `cpu`, `webgpu` or `reference`. */
  readonly device?: string;
  /** Threads that cpu computes with. */
  readonly threads?: number;
  /** Workers that decode images. */
  readonly workers?: number;
  /** Run folder. */
  readonly out?: string;
  /** Checkpoint, or run folder with one. */
  readonly resume?: string;
  /** Table of tiles for webgpu, or `none`. */
  readonly tuning?: string;
  /** Steps between readings of loss and metrics. */
  readonly logEvery?: number;
}

/** What is trained, and on what. */
const SOURCES = {
  data: {
    placeholder: "PATH",
    help: "labelled images: a folder with one folder per class, tar or tar.gz of such, a WebDataset with .cls files, " +
      "CIFAR-10; or a folder that holds train/ and val/",
    parse: text("a folder or an archive"),
  },
  val: {
    placeholder: "PATH",
    help: "images to evaluate on (default: val/ beside train/, the test images of CIFAR-10's original files, else a " +
      "tenth of --data, which is then not trained on)",
    parse: text("a folder or an archive"),
  },
  model: {
    placeholder: "NAME",
    help: `one of ${Object.keys(MODELS).join(", ")} (default: that of --init)`,
    parse: oneOf(Object.keys(MODELS)),
  },
  init: {
    placeholder: "PATH",
    help: "pre-trained network: run folder or checkpoint of deno task pretrain, SparK's .pth, or a backbone of timm, " +
      "torchvision or Detectron2",
    parse: text("a file or a run folder"),
  },
  fromScratch: {
    placeholder: "",
    help: "fresh weights instead of --init",
    isFlag: true,
    parse: (given) => given === "true",
  },
  labels: { placeholder: "N", help: "train on N images, the same number of each class, drawn by --seed", parse: count },
  inputSize: {
    placeholder: "N|HxW",
    help: "height and width of the images in pixels (default 224; tiny ones 96, mini_resnet8 32)",
    parse: size,
  },
} satisfies Partial<Record<keyof GivenFinetuneOptions, OptionRow>>;

/** How it is trained. */
const RECIPE = {
  batchSize: { placeholder: "N", help: "images per step (default 32)", parse: number(1, 65536, { whole: true }) },
  epochs: {
    placeholder: "N",
    help: "passes over the images (default by model: 200 to 400; tiny ones 20)",
    parse: count,
  },
  steps: { placeholder: "N", help: "steps in total, instead of --epochs", parse: count },
  optimizer: { placeholder: "NAME", help: "lamb (default of ResNets) or adamw", parse: oneOf(["lamb", "adamw"]) },
  loss: {
    placeholder: "NAME",
    help: "ce, cross-entropy of soft targets, or bce, binary cross-entropy of each class (default of ResNets)",
    parse: oneOf(["ce", "bce"]),
  },
  baseLr: {
    placeholder: "R",
    help: "peak learning rate per 256 images; the peak is R * batch / 256 (default by model)",
    parse: number(0, Infinity, { open: true }),
  },
  warmupEpochs: {
    placeholder: "N",
    help: "epochs in which the learning rate rises, may be a fraction (default 1/60 to 1/10 of the run)",
    parse: number(0, Infinity),
  },
  weightDecay: { placeholder: "R", help: "weight decay (default by model)", parse: number(0, Infinity) },
  layerDecay: {
    placeholder: "R",
    help: "factor of the learning rate from each group of layers to the one before (default 0.7 or 0.8; tiny ones 1)",
    parse: number(0, 1, { open: true }),
  },
  dropPath: { placeholder: "R", help: "drop-path rate of the last block (default by model)", parse: number(0, 0.99) },
  labelSmoothing: {
    placeholder: "R",
    help: "share of the probability that all classes divide (default 0.1)",
    parse: number(0, 0.99),
  },
  mixup: { placeholder: "R", help: "α of mixup, 0 for none (default by model)", parse: number(0, Infinity) },
  cutmix: { placeholder: "R", help: "α of CutMix, 0 for none (default 1; tiny ones 0)", parse: number(0, Infinity) },
  cropScale: {
    placeholder: "R",
    help: "smallest part of the area that a random crop takes (default 0.08; tiny ones 0.35)",
    parse: number(0, 1, { open: true }),
  },
  augment: {
    placeholder: "NAME",
    help:
      "random operations on images: trivial (TrivialAugment, default), rand (RandAugment) or none (default of tiny ones)",
    parse: oneOf(["none", "trivial", "rand"]),
  },
  erase: {
    placeholder: "R",
    help: "probability that a rectangle of an image is erased (default 0.25; tiny ones 0)",
    parse: number(0, 1),
  },
  repeats: {
    placeholder: "N",
    help: "how often each image comes in a row, augmented anew each time (default 1; ConvNeXts 3)",
    parse: number(1, 100, { whole: true }),
  },
  ema: {
    placeholder: "R",
    help: "decay of a moving average of the weights, 0 for none (default 0.9999; tiny ones none)",
    parse: number(0, 0.999999),
  },
} satisfies Partial<Record<keyof GivenFinetuneOptions, OptionRow>>;

/** The options, in the order of the help text. */
export const FINETUNE_OPTIONS: Readonly<Record<keyof GivenFinetuneOptions, OptionRow>> = {
  ...SOURCES,
  ...RECIPE,
  seed: { ...OPTIONS.seed, help: "seed of head, order, crops, mixing and labels (default 0)" },
  evalEvery: {
    placeholder: "N",
    help: "steps between evaluations, each with a checkpoint (default: a tenth of the run, at most 1000)",
    parse: count,
  },
  device: OPTIONS.device,
  threads: OPTIONS.threads,
  workers: OPTIONS.workers,
  out: OPTIONS.out,
  resume: OPTIONS.resume,
  tuning: OPTIONS.tuning,
  logEvery: OPTIONS.logEvery,
};
