/** @file The options of the reconstructing command. */
import { MODELS } from "../../train/model_table.ts";
import { count, number, oneOf, type OptionRow, size, text } from "../shared/option_table.ts";

/** Options as given on the command line. */
export interface ReconstructGiven {
  /** Checkpoint with a decoder. */
  readonly checkpoint?: string;
  /** An image, or whatever `--data` of the training command takes. */
  readonly images?: string;
  /** `random`, or a file. */
  readonly mask?: string;
  /** Share of patches that a random mask hides. */
  readonly maskRatio?: number;
  /** Height and width of the images. */
  readonly inputSize?: readonly [number, number];
  /** Number of images. */
  readonly count?: number;
  /** Seed of random masks. */
  readonly seed?: number;
  /** What the checkpoint holds. */
  readonly model?: string;
  /** Where to compute. */
  readonly device?: string;
  /** The picture. */
  readonly out?: string;
}

/** The options, in the order of the help text. */
export const RECONSTRUCT_OPTIONS: Readonly<Record<keyof ReconstructGiven, OptionRow>> = {
  checkpoint: {
    placeholder: "FILE",
    help:
      "checkpoint of pre-training, of this library or SparK's (.safetensors, .pth); its moving average if it has one",
    parse: text("a file"),
  },
  images: {
    placeholder: "PATH",
    help: "an image, or a folder or archive of images, or fluent-emoji",
    parse: text("an image, a folder or an archive"),
  },
  mask: {
    placeholder: "random|FILE",
    help: "random (default), or a JSON file of masks",
    parse: text("random or a file"),
  },
  maskRatio: {
    placeholder: "R",
    help: "share of patches that a random mask hides (default: as in training)",
    parse: number(0, 1, { open: true }),
  },
  inputSize: {
    placeholder: "N|HxW",
    help: "height and width that images are resized and cropped to (default: as in training)",
    parse: size,
  },
  count: { placeholder: "N", help: "images at most, evenly spread over PATH (default 8)", parse: count },
  seed: {
    placeholder: "N",
    help: "seed of random masks (default 0)",
    parse: number(0, 2 ** 32 - 1, { whole: true }),
  },
  model: {
    placeholder: "NAME",
    help: "what FILE holds, where that cannot be told",
    parse: oneOf(Object.keys(MODELS)),
  },
  device: {
    placeholder: "NAME",
    help: "auto (default), cpu, webgpu or reference",
    parse: oneOf(["auto", "cpu", "webgpu", "reference"]),
  },
  out: { placeholder: "FILE.png", help: "the picture, written over if it exists", parse: text("a file") },
};
