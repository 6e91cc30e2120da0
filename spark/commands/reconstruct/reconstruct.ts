/** @file The reconstructing command: `deno task reconstruct --help`. */
import {
  applyTransform,
  dataKey,
  type Dataset,
  drawsOf,
  ImageError,
  imageGrid,
  normalise,
  writeFileAtomic,
} from "../../../data/mod.ts";
import { inputGrid } from "../../input_grid.ts";
import { parseOptions } from "../cli/command_line.ts";
import { openRunDevice } from "../../train/devices.ts";
import { helpOf } from "../cli/help.ts";
import { type MaskRows, parseMasks } from "../shared/mask_file.ts";
import { enlargementFor } from "../shared/pictures.ts";
import { print } from "../cli/print.ts";
import { randomMasks, reconstructImages } from "../shared/reconstruct_images.ts";
import { RECONSTRUCT_OPTIONS, type ReconstructGiven } from "./reconstruct_table.ts";
import { runCommand } from "../cli/run_command.ts";
import { openRunData } from "../shared/run_data.ts";
import { readSavedModel, type SavedModel } from "../shared/saved_model.ts";

const HEAD = `Shows what a pre-trained model makes of masked images: a row of pictures for each.

Usage: deno task reconstruct --checkpoint FILE --images PATH --out FILE.png [OPTIONS]
`;

const TAIL = `
Columns: input; masked input; reconstruction in which each masked patch has its true mean and deviation, as in the
figures of SparK's authors, so that its brightness and contrast are given; and reconstruction in which both are
estimated from the visible patches. A model that was trained to predict pixels has one reconstruction.

A mask file lists patches, from the upper left corner: {"visible": [[row, column], …]} or {"masked": […]} for all
images, or a list of these, one for each image. {"grid": [rows, columns], …} says what grid it was made for.`;

/** Images of a run's demonstrations. */
const SHOWN = 8;

function required(given: ReconstructGiven, name: "checkpoint" | "images" | "out"): string {
  const value = given[name];
  if (value !== undefined) return value;
  throw new RangeError(`Cannot reconstruct as --${name} must be given: current value is absent; see --help`);
}

/** Images that can be read, evenly spread over the data set, whole; and what they are called. */
async function loadImages(dataset: Dataset, size: readonly [number, number], count: number) {
  const shown = Math.min(count, dataset.length);
  const found: { readonly name: string; readonly values: Float32Array<ArrayBuffer> }[] = [];
  let refused: ImageError | undefined;
  for (let i = 0; i < shown; i++) {
    const index = Math.floor(i * dataset.length / shown);
    const draw = drawsOf(dataKey(index));
    try {
      const image = await dataset.load(index, draw);
      const values = normalise(applyTransform(image, size, { kind: "centerCrop" }, draw));
      found.push({ name: dataset.nameOf(index), values });
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      refused = error;
      print(`Skips ${error.file} as ${error.reason}`);
    }
  }
  if (found.length === 0 && refused) throw refused;
  return found;
}

async function masksFor(
  given: ReconstructGiven,
  saved: SavedModel,
  { grid, count }: { readonly grid: readonly [number, number]; readonly count: number },
): Promise<readonly MaskRows[]> {
  const { mask = "random", maskRatio = saved.maskRatio, seed = 0 } = given;
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

/**
 * Runs the command.
 *
 * @param args Arguments of the command line.
 * @returns Exit code.
 * @throws {Error} If something does not fit, with a message for the user.
 */
export async function reconstructCommand(args: readonly string[]): Promise<number> {
  const given = parseOptions<ReconstructGiven>(args, RECONSTRUCT_OPTIONS);
  if (given === "help") {
    print(helpOf(RECONSTRUCT_OPTIONS, { head: HEAD, tail: TAIL }));
    return 0;
  }
  const [checkpoint, path, out] = [required(given, "checkpoint"), required(given, "images"), required(given, "out")];
  checkName(out);
  const saved = await readSavedModel(checkpoint, given.model);
  const inputSize = given.inputSize ?? saved.inputSize;
  const grid = inputGrid(saved.model, inputSize, saved.method.patchSize);
  const found = await loadImages(await openRunData(path), inputSize, given.count ?? SHOWN);
  const masks = await masksFor(given, saved, { grid, count: found.length });
  const images = found.map(({ values }) => values);
  const device = await openRunDevice(given.device ?? "auto", { kept: "" });
  try {
    const { rows, loss, errors } = await reconstructImages(saved, { images, masks, inputSize }, device);
    const png = imageGrid(rows, { enlarge: enlargementFor(inputSize[0]) });
    await writeFileAtomic(out, png);
    print(
      `${saved.model.name}${saved.isAverage ? " (moving average)" : ""} of ${checkpoint}: ${images.length} ` +
        `${images.length === 1 ? "image" : "images"} at ${inputSize.join("×")}, ${hiddenIn(masks, grid)}, loss ` +
        loss.toFixed(4),
    );
    print(`Mean error of masked pixels, of 255: ${errors.map((error, kind) => described(error, kind)).join(", ")}`);
    print(`Wrote ${out}`);
  } finally {
    device.close();
  }
  return 0;
}

const described = (error: number, kind: number): string =>
  `${error.toFixed(1)} ${kind === 0 ? "with true mean and deviation of patches" : "with estimated ones"}`;

if (import.meta.main) await runCommand(reconstructCommand);
