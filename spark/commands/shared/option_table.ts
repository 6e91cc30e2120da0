/** @file The options of the training command: one row each, from which parsing and help both follow. */
import type { Target } from "../../loss.ts";
import { DEFAULT_MODEL, MODELS } from "../../train/model_table.ts";

/** Options as given on the command line; absent where they were not. */
export interface GivenOptions {
  /** `fluent-emoji`, a folder of images or archives. */
  readonly data?: string;
  /** Name in `MODELS`. */
  readonly model?: string;
  /** Height and width of the images, in pixels. */
  readonly inputSize?: readonly [number, number];
  /** Images per step. */
  readonly batchSize?: number;
  /** Passes over the data set. */
  readonly epochs?: number;
  /** Steps in total, instead of epochs. */
  readonly steps?: number;
  /** Share of patches that are masked. */
  readonly maskRatio?: number;
  /** Peak learning rate per 256 images. */
  readonly baseLr?: number;
  /** Epochs of warm-up; may be a fraction. */
  readonly warmupEpochs?: number;
  /** Weight decay of the first step. */
  readonly weightDecay?: number;
  /** Weight decay of the last step. */
  readonly weightDecayEnd?: number;
  /** Drop-path rate of the last block. */
  readonly dropPath?: number;
  /** Height and width of the patches that are masked. */
  readonly patchSize?: number;
  /** Small batches that a step is made of. */
  readonly accumulate?: number;
  /** Decay of the moving average of the weights. */
  readonly ema?: number;
  /** File whose weights the run starts from. */
  readonly initWeight?: string;
  /** Name the layer that stops being finite. */
  readonly debugNans?: boolean;
  /** Channels of the decoder at the coarsest scale. */
  readonly decoderWidth?: number;
  /** `sparse` or `zero`. */
  readonly masking?: "sparse" | "zero";
  /** How many of the coarsest maps the decoder reads. */
  readonly scales?: number;
  /** `none` or `sincos`. */
  readonly positions?: "none" | "sincos";
  /** `masked` or `all`. */
  readonly lossOn?: "masked" | "all";
  /** `l2` or `l1`. */
  readonly distance?: "l2" | "l1";
  /** `normalised`, `raw` or `centred`. */
  readonly target?: Target;
  /** `lamb`, `adamw` or `sgd`. */
  readonly optimizer?: "lamb" | "adamw" | "sgd";
  /** `auto`, `cpu`, `webgpu` or `reference`. */
  readonly device?: string;
  /** Threads that the cpu device computes with. */
  readonly threads?: number;
  /** Seed of weights, masks and order. */
  readonly seed?: number;
  /** Workers that decode images. */
  readonly workers?: number;
  /** Run folder. */
  readonly out?: string;
  /** Checkpoint, or run folder with one. */
  readonly resume?: string;
  /** Steps between checkpoints. */
  readonly saveEvery?: number;
  /** `f32` or `f16`. */
  readonly precision?: "f32" | "f16";
  /** Table of tiles for webgpu, or `none`. */
  readonly tuning?: string;
  /** Steps between readings of loss and metrics. */
  readonly logEvery?: number;
}

/** One option. */
export interface OptionRow {
  /** What stands for its value in the help text. */
  readonly placeholder: string;
  /** Help text, with the default. */
  readonly help: string;
  /** True for an option without a value: it is read as `true`. */
  readonly isFlag?: true;
  /** Reads the value; throws `RangeError` with `Cannot read --name as it must be …`. */
  readonly parse: (text: string, flag: string) => unknown;
}

function refuse(flag: string, requirement: string, text: string): never {
  throw new RangeError(`Cannot read ${flag} as it must be ${requirement}: current value is ${text}`);
}

/** A number in a range, `whole` or not; `open` leaves the minimum out. */
export function number(
  min: number,
  max: number,
  { whole = false, open = false }: { readonly whole?: boolean; readonly open?: boolean } = {},
): OptionRow["parse"] {
  const range = max === Infinity ? (open ? `above ${min}` : `of at least ${min}`) : `from ${min} to ${max}`;
  const kind = whole ? "a whole number" : "a number";
  return (text, flag) => {
    const value = Number(text);
    const inRange = value >= min && value <= max && !(open && value === min) && Number.isFinite(value);
    const fits = text.trim() !== "" && inRange && (!whole || Number.isSafeInteger(value));
    return fits ? value : refuse(flag, `${kind} ${range}${open && max !== Infinity ? `, ${min} excluded` : ""}`, text);
  };
}

/** One of some words. */
export function oneOf(names: readonly string[]): OptionRow["parse"] {
  return (text, flag) => names.includes(text) ? text : refuse(flag, `one of ${names.join(", ")}`, text);
}

/** Any text that is not empty. */
export function text(requirement: string): OptionRow["parse"] {
  return (given, flag) => given.trim() !== "" ? given : refuse(flag, requirement, "empty");
}

/** Height and width. */
export function size(given: string, flag: string): readonly [number, number] {
  const [height, width] = (/^(\d{1,5})(?:[x×](\d{1,5}))?$/.exec(given) ?? []).slice(1);
  const sides: [number, number] = [Number(height), Number(width ?? height)];
  return sides.every((side) => side > 0) ? sides : refuse(flag, "N or HxW, in pixels", given);
}

/** A whole number of at least 1. */
export const count: OptionRow["parse"] = number(1, 2 ** 31 - 1, { whole: true });

/** The options, in the order of the help text. */
export const OPTIONS: Readonly<Record<keyof GivenOptions, OptionRow>> = {
  data: {
    placeholder: "PATH",
    help:
      "folder of images, flat or with one folder per class; tar or tar.gz of images, shards {000..127}.tar, CIFAR-10 " +
      "binary files; or fluent-emoji (default), 3D emoji from npm",
    parse: text("a folder, an archive or fluent-emoji"),
  },
  model: {
    placeholder: "NAME",
    help: `one of ${Object.keys(MODELS).join(", ")} (default ${DEFAULT_MODEL})`,
    parse: oneOf(Object.keys(MODELS)),
  },
  inputSize: {
    placeholder: "N|HxW",
    help: "height and width of the images in pixels, multiples of the model's stride (default 224; tiny ones 96)",
    parse: size,
  },
  batchSize: {
    placeholder: "N",
    help: "images per step (default 32; tiny ones 8)",
    parse: number(1, 65536, { whole: true }),
  },
  epochs: { placeholder: "N", help: "passes over the data set (default 1600; tiny ones count steps)", parse: count },
  steps: { placeholder: "N", help: "steps in total, instead of --epochs (tiny ones: default 600)", parse: count },
  maskRatio: {
    placeholder: "R",
    help: "share of patches that are masked, between 0 and 1 (default 0.6; 0.75 from 384 pixels)",
    parse: number(0, 1),
  },
  baseLr: {
    placeholder: "R",
    help:
      "peak learning rate per 256 images; the peak is R * batch / 256 (default 2e-4; 4e-4 from 384 pixels; tiny ones 0.32)",
    parse: number(0, Infinity, { open: true }),
  },
  warmupEpochs: {
    placeholder: "N",
    help: "epochs in which the learning rate rises, may be a fraction (default 1/40 of the run; tiny ones 1/10)",
    parse: number(0, Infinity),
  },
  weightDecay: { placeholder: "R", help: "weight decay of the first step (default 0.04)", parse: number(0, Infinity) },
  weightDecayEnd: { placeholder: "R", help: "weight decay of the last step (default 0.2)", parse: number(0, Infinity) },
  dropPath: {
    placeholder: "R",
    help: "drop-path rate of the last block (default by model, 0 to 0.4)",
    parse: number(0, 0.99),
  },
  patchSize: {
    placeholder: "N",
    help: "height and width of the masked patches in pixels, a multiple of the model's stride (default: the stride)",
    parse: number(1, 65536, { whole: true }),
  },
  accumulate: {
    placeholder: "N",
    help: "small batches that a step is made of, to fit memory; divides the batch size (default 1)",
    parse: count,
  },
  ema: {
    placeholder: "R",
    help: "decay of a moving average of the weights, such as 0.9999, which the pictures then show (default: none)",
    parse: number(0, 0.999999, { open: true }),
  },
  initWeight: {
    placeholder: "FILE",
    help:
      "weights to start from, for small data sets: a checkpoint of this library, SparK's, or a backbone's (.pth, .safetensors)",
    parse: text("a file"),
  },
  debugNans: {
    placeholder: "",
    help: "name the layer in which loss or gradient stops being finite; keeps a second copy of the state",
    isFlag: true,
    parse: (given) => given === "true",
  },
  decoderWidth: {
    placeholder: "N",
    help: "channels of the decoder at the coarsest scale, a multiple of the stride (default 768; tiny ones 64, 128)",
    parse: number(1, 65536, { whole: true }),
  },
  masking: {
    placeholder: "NAME",
    help: "sparse (default), or zero, an ablation: masked pixels are zero and the encoder is dense",
    parse: oneOf(["sparse", "zero"]),
  },
  scales: {
    placeholder: "N",
    help: "how many of the coarsest maps the decoder reads (default all; 1 is the ablation without hierarchy)",
    parse: number(1, 16, { whole: true }),
  },
  positions: {
    placeholder: "NAME",
    help: "none (default), or sincos, an ablation: mask tokens carry a position embedding",
    parse: oneOf(["none", "sincos"]),
  },
  lossOn: {
    placeholder: "NAME",
    help: "patches that count: masked (default) or all, an ablation",
    parse: oneOf(["masked", "all"]),
  },
  distance: {
    placeholder: "NAME",
    help: "l2 (default), the squared error, or l1, the absolute one, an ablation",
    parse: oneOf(["l2", "l1"]),
  },
  target: {
    placeholder: "NAME",
    help:
      "what is predicted: patches normalised each by itself (normalised, default), pixels (raw), or pixels less the mean colour of the image (centred)",
    parse: oneOf(["normalised", "raw", "centred"]),
  },
  optimizer: {
    placeholder: "NAME",
    help: "lamb (default), adamw or sgd",
    parse: oneOf(["lamb", "adamw", "sgd"]),
  },
  precision: {
    placeholder: "NAME",
    help:
      "f32 (default), or f16: webgpu keeps activations as float16, computes in float32, scales the loss and skips steps that overflow",
    parse: oneOf(["f32", "f16"]),
  },
  device: {
    placeholder: "NAME",
    help: "auto (default: webgpu if there is a hardware adapter, else cpu), cpu, webgpu or reference",
    parse: oneOf(["auto", "cpu", "webgpu", "reference"]),
  },
  threads: {
    placeholder: "N",
    help: "threads that the cpu device computes with (default: one a core); the results do not depend on it",
    parse: number(1, 256, { whole: true }),
  },
  seed: {
    placeholder: "N",
    help: "seed of weights, masks and order of the images (default 0)",
    parse: number(0, 2 ** 32 - 1, { whole: true }),
  },
  workers: {
    placeholder: "N",
    help: "workers that decode images, 0 for none (default: cores - 1, at most 8); the results do not depend on it",
    parse: number(0, 256, { whole: true }),
  },
  out: {
    placeholder: "FOLDER",
    help: "run folder (default runs/MODEL-DATE, or that of --resume)",
    parse: text("a folder"),
  },
  resume: {
    placeholder: "PATH",
    help: "checkpoint, or run folder with one, to continue; it brings its options, others must agree",
    parse: text("a checkpoint or a run folder"),
  },
  saveEvery: {
    placeholder: "N",
    help: "steps between checkpoints, each with pictures and loss curve (default: a fifth of the run, at most 500)",
    parse: count,
  },
  tuning: {
    placeholder: "FILE",
    help: "tiles for webgpu, of deno task tune, or none (default: those of the resumed run, else of the user's cache)",
    parse: text("a file or none"),
  },
  logEvery: {
    placeholder: "N",
    help: "steps that are queued before their losses are read and logged (default: webgpu 10, others 1)",
    parse: number(1, 10_000, { whole: true }),
  },
};
