/**
 * The reconstructing command: `deno task reconstruct --help`, or `deno run -A jsr:@tessera/tessera/reconstruct --help`.
 *
 * @module
 */
import {
  counted,
  dataKey,
  type Dataset,
  drawsOf,
  ImageError,
  imageGrid,
  imageValues,
  normalisationFor,
  writeFileAtomic,
} from "../../../data/mod.ts";
import { inputGrid } from "../../input_grid.ts";
import { onRunDevice } from "../../train/devices.ts";
import { unreadText } from "../../train/scores/evaluation.ts";
import { enlargementFor } from "../../train/results/pictures.ts";
import { type Command, command } from "../cli/command.ts";
import { withDefaults } from "../cli/command_line.ts";
import type { OptionsOf } from "../cli/option.ts";
import { print } from "../cli/print.ts";
import { runCommand } from "../cli/run_command.ts";
import { DEVICE_OPTION, FILE_MODEL_OPTION, SEED_OPTION, WEIGHTS_OPTION } from "../shared/common_options.ts";
import { type MaskRows, parseMasks } from "../shared/mask_file.ts";
import { randomMasks, reconstructImages } from "../shared/reconstruct_images.ts";
import { openRunData } from "../shared/run_data.ts";
import type { ImageInput } from "../shared/image_input.ts";
import { readSavedModel, type SavedModel } from "../shared/saved_model.ts";
import { requireWritable } from "../shared/writable.ts";

export type { Command } from "../cli/command.ts";

const OPTIONS = {
  checkpoint: {
    kind: "text",
    placeholder: "PATH",
    what: "a file or a run folder",
    help: "run folder or checkpoint of pre-training, of this library or SparK's (.safetensors, .pth)",
  },
  images: {
    kind: "text",
    placeholder: "PATH",
    what: "an image, a folder or an archive",
    help: "an image, or a folder or archive of images, or fluent-emoji",
  },
  mask: {
    kind: "text",
    placeholder: "random|FILE",
    what: "random or a file",
    help: "random, or a JSON file of masks",
    default: "random",
  },
  maskRatio: {
    kind: "number",
    above: 0,
    most: 1,
    help: "share of patches that a random mask hides (default: as in training)",
  },
  inputSize: {
    kind: "size",
    help: "height and width that images are resized and cropped to (default: as in training)",
  },
  count: { kind: "whole", least: 1, help: "images at most, evenly spread over PATH", default: 8 },
  ...SEED_OPTION,
  ...FILE_MODEL_OPTION,
  ...WEIGHTS_OPTION,
  ...DEVICE_OPTION,
  out: { kind: "text", placeholder: "FILE.png", what: "a file", help: "the picture, written over if it exists" },
} as const;

type Given = OptionsOf<typeof OPTIONS>;

const LINE = {
  task: "reconstruct",
  purpose: "Shows what a pre-trained model makes of masked images: a row of pictures for each.",
  usage: "--checkpoint PATH --images PATH --out FILE.png",
  options: OPTIONS,
  details:
    `Columns: input; masked input; reconstruction in which each masked patch has its true mean and deviation, as \
in the
figures of SparK's authors, so that its brightness and contrast are given; and reconstruction in which both are
estimated from the visible patches. A model that was trained to predict pixels has one reconstruction.

A mask file lists patches, from the upper left corner: {"visible": [[row, column], …]} or {"masked": […]} for all
images, or a list of these, one for each image. {"grid": [rows, columns], …} says what grid it was made for.`,
} as const;

function required(given: Given, name: "checkpoint" | "images" | "out"): string {
  const value = given[name];
  if (value !== undefined) return value;
  throw new RangeError(`Cannot reconstruct as --${name} must be given: current value is absent; see --help`);
}

/** Images that can be read, evenly spread over the data set, whole; and those that cannot. */
async function loadImages(
  dataset: Dataset,
  { size, input }: { readonly size: readonly [number, number]; readonly input: ImageInput },
  count: number,
) {
  const how = { size, transform: { kind: "centerCrop" }, normalisation: normalisationFor(3), ...input } as const;
  const shown = Math.min(count, dataset.length);
  const images: Float32Array<ArrayBuffer>[] = [];
  const unread: { readonly name: string; readonly reason: string }[] = [];
  for (let i = 0; i < shown; i++) {
    const index = Math.floor(i * dataset.length / shown);
    const draw = drawsOf(dataKey(index));
    try {
      images.push(await imageValues(dataset, how, index, draw));
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      unread.push({ name: error.file, reason: error.reason });
      print(`Skips ${error.file} as ${error.reason}`);
    }
  }
  if (images.length > 0) return { images, unread };
  const [{ name, reason }] = unread as [typeof unread[0]];
  throw new ImageError(name, `${reason}; it is one of ${shown} chosen by --count, of which none can be read`);
}

async function masksFor(
  given: Given,
  saved: SavedModel,
  { grid, count }: { readonly grid: readonly [number, number]; readonly count: number },
): Promise<readonly MaskRows[]> {
  const { mask, maskRatio = saved.maskRatio, seed } = withDefaults(OPTIONS, given);
  if (mask === "random") return await randomMasks(seed, { count, grid, maskRatio });
  if (given.maskRatio !== undefined) {
    throw new RangeError(`Cannot mask as --mask-ratio goes with --mask random: current mask is ${mask}`);
  }
  return parseMasks(await readText(mask), { path: mask, grid, count });
}

async function readText(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    throw new Error(
      `Cannot read ${path} as masks as --mask must be random or a file: current error is ${(cause as Error).message}`,
      { cause },
    );
  }
}

function checkName(out: string): void {
  if (/\.png$/i.test(out)) return;
  throw new RangeError(`Cannot write ${out} as --out must end with .png: current name does not`);
}

/** Masked patches of all images: one number if they have as many. */
function hiddenIn(masks: readonly MaskRows[], [rows, columns]: readonly [number, number]): string {
  const counts = masks.map((mask) => mask.flat().filter((cell) => cell === 0).length);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  return `${least === most ? least : `${least} to ${most}`} of ${rows * columns} patches masked`;
}

/** Runs the command: exit code 0. */
export const reconstructCommand: Command = command(LINE, async (given) => {
  const [checkpoint, path, out] = [required(given, "checkpoint"), required(given, "images"), required(given, "out")];
  checkName(out);
  requireWritable(out, "--out");
  const saved = await readSavedModel(checkpoint, { ...given, option: "--checkpoint" });
  const inputSize = given.inputSize ?? saved.inputSize;
  const grid = inputGrid(saved.model, inputSize, saved.method.patchSize);
  const { count } = withDefaults(OPTIONS, given);
  const { images, unread } = await loadImages(await openRunData(path, { input: saved.input }), {
    size: inputSize,
    input: saved.input,
  }, count);
  const masks = await masksFor(given, saved, { grid, count: images.length });
  return await onRunDevice(given.device, { kept: "" }, async (device) => {
    const { rows, loss, errors } = await reconstructImages(saved, { images, masks, inputSize }, device);
    const png = imageGrid(rows, { enlarge: enlargementFor(inputSize[0]) });
    await writeFileAtomic(out, png);
    print(
      `${saved.model.name}${saved.isAverage ? " (moving average)" : ""} of ${checkpoint}: ` +
        `${counted(images.length, "image")} at ${inputSize.join("×")}, ${hiddenIn(masks, grid)}, loss ` +
        loss.toFixed(4) + unreadText({ images: images.length, unread }, "made of"),
    );
    print(`Mean error of masked pixels, of 255: ${errors.map((error, kind) => described(error, kind)).join(", ")}`);
    print(`Wrote ${out}: input, masked, ${errors.map((_, kind) => `reconstruction ${statisticsOf(kind)}`).join(", ")}`);
    return 0;
  });
});

/** Of which composite. */
const statisticsOf = (kind: number): string =>
  kind === 0 ? "with true mean and deviation of patches" : "with estimated ones";

const described = (error: number, kind: number): string => `${error.toFixed(1)} ${statisticsOf(kind)}`;

if (import.meta.main) await runCommand(reconstructCommand);
