/** @file Damaged images where `--fast` puts them: decoded in the process of the command, computed with in that of the engine. */
import { decodeImage } from "../../data/images/decode.ts";
import { fastCpuDevice } from "../../spark/train/fast_cpu/fast_cpu_device.ts";
import { type Device, mul, tensor } from "../../tensor/mod.ts";
import { damagedFile } from "../fuzz/fuzz.ts";
import type { Target } from "../fuzz/target.ts";
import { TARGETS } from "../fuzz/targets.ts";

/** Formats of single images; what else is fuzzed never comes near an engine. */
const FORMATS = ["jpeg", "png", "dicom", "nifti", "cmyk", "webp", "gif", "bmp", "tiff", "avif", "ppm", "png16"];
/** Values of an image that are sent: from its start, so that large ones cost no more. */
const MOST = 2 ** 16;

/** What came of the images. */
export interface ImageTally {
  /** Images that were decoded and came back from the engine as they should. */
  read: number;
  /** Images that were refused by an error that names them. */
  refused: number;
  /** What went wrong, a line each. */
  readonly problems: string[];
}

const path = "damaged.image";

/** The values of a damaged image; null if it is refused. */
async function decoded(bytes: Uint8Array): Promise<Float32Array | null> {
  try {
    const { data } = await decodeImage(bytes, path);
    return Float32Array.from(data.subarray(0, MOST));
  } catch (error) {
    if (error instanceof Error && error.message.startsWith("Cannot ") && error.message.includes(path)) return null;
    throw error;
  }
}

/** True if the engine doubles what it is given. */
async function doubles(device: Device, values: Float32Array): Promise<boolean> {
  const twice = await mul(tensor(values), 2).data({ device });
  return values.every((x, i) => twice[i] === 2 * x);
}

/**
 * Decodes damaged images, and lets an engine compute with those that can be read.
 *
 * @param count How many, of all formats in turns.
 * @param seed Of the damage.
 * @returns What came of them.
 */
export async function fuzzImages(count: number, seed: number): Promise<ImageTally> {
  const tally: ImageTally = { read: 0, refused: 0, problems: [] };
  const targets = TARGETS.filter(({ name }) => FORMATS.includes(name));
  const seeds = new Map<Target, readonly Uint8Array[]>();
  for (const target of targets) seeds.set(target, await target.seeds());
  const { device } = await fastCpuDevice({ threads: 1 });
  for (let index = 0; index < count; index++) {
    const target = targets[index % targets.length]!;
    try {
      const values = await decoded(damagedFile(target, seeds.get(target)!, { seed, index }));
      if (values === null) tally.refused++;
      else if (await doubles(device, values)) tally.read++;
      else tally.problems.push(`${target.name} ${index}: other values came back`);
    } catch (error) {
      tally.problems.push(`${target.name} ${index}: ${String(error).slice(0, 300)}`);
    }
  }
  device.close();
  return tally;
}
