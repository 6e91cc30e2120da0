/** @file The data set of a run. */
import { resolve } from "node:path";
import {
  dataKey,
  type Dataset,
  describeSource,
  drawsOf,
  fluentEmoji,
  ImageError,
  imageValues,
  normalisationFor,
  openImages,
  type OpenImagesOptions,
  requireReadable,
  type SourceAccount,
} from "../../../data/mod.ts";
import { print } from "../cli/print.ts";
import { conversionLine, type ImageInput } from "./image_input.ts";

/** The accounts of data sets, for the log and the result of a run. */
export function accountsOf(...sets: readonly Dataset[]): readonly SourceAccount[] {
  return sets.flatMap(({ account }) => account ? [account] : []);
}

/** Separates the randomness of pictures from that of training. */
const PICTURE_STREAM = 3;

/**
 * Opens the data set that `--data` names, and says in two lines what is used of it and what is left out.
 *
 * @param name `fluent-emoji`, or whatever `openImages` takes: a folder of images, archives, tables, CIFAR-10.
 * @param options Which part; whom to tell; the option that names the place, for errors; channels of the
 * images.
 * @returns The data set.
 * @throws {Error} If there are no images, saying what was looked for; or none of them can be read.
 */
export async function openRunData(
  name: string,
  { tell = print, option = "--data", input = {}, ...options }: OpenImagesOptions & {
    readonly tell?: (line: string) => void;
    readonly option?: "--data" | "--val";
    readonly input?: ImageInput;
  } = {},
): Promise<Dataset> {
  const dataset = name === "fluent-emoji"
    ? await fluentEmoji()
    : await openImages(name, options).catch((error: Error) => {
      throw Object.assign(error, { message: `${error.message} (${option})` });
    });
  if (dataset.account) describeSource(dataset.account).forEach(tell);
  await requireReadable(dataset, input.channels);
  const converted = await conversionLine(dataset, input);
  if (converted) tell(converted);
  return dataset;
}

/**
 * Sums up which images a data set holds, so that a run goes on with the same ones.
 *
 * @param dataset The data set.
 * @param name What `--data` names; it and the folder of the part that is used are left out of the names of its files.
 * @returns Number of images and a hash of their names, in order.
 */
export async function fingerprint(dataset: Dataset, name: string): Promise<string> {
  const root = `${name.replace(/(?<=.)\/+$/, "")}/`;
  const split = dataset.account?.split;
  const inSplit = split ? `${root}${split}/` : root;
  const prefix = dataset.length > 0 && dataset.nameOf(0).startsWith(inSplit) ? inSplit : root;
  const names = Array.from({ length: dataset.length }, (_, i) => dataset.nameOf(i))
    .map((path) => path.startsWith(prefix) ? path.slice(prefix.length) : path);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(names.join("\n")));
  const hex = [...new Uint8Array(digest).subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0"));
  return `${dataset.length}-${hex.join("")}`;
}

/**
 * Says where a data set will be found again.
 *
 * @param name What `--data` names.
 * @returns The name, or the absolute path of the folder.
 */
export function lastingName(name: string): string {
  return name === "fluent-emoji" ? name : resolve(name);
}

/**
 * Loads images for pictures: spread over the data set, whole, without chance but that of the data set itself.
 *
 * @param dataset The data set.
 * @param size Height and width.
 * @param options How many, at most, the seed of the run, and channels of the images.
 * @returns Normalised images, row-major `[count, height, width, channels]`, and how many there are. Images that cannot be read
 * are passed over.
 */
export async function fixedImages(
  dataset: Dataset,
  size: readonly [number, number],
  { count, seed, input = {} }: { readonly count: number; readonly seed: number; readonly input?: ImageInput },
): Promise<{ readonly values: Float32Array<ArrayBuffer>; readonly count: number }> {
  const wanted = Math.min(count, dataset.length);
  const found: Float32Array[] = [];
  for (let i = 0; i < wanted; i++) {
    const image = await firstImage(dataset, size, {
      from: Math.floor((i + 0.5) * dataset.length / wanted),
      ...{ seed, input },
    });
    if (image) found.push(image);
  }
  const values = new Float32Array(found.length * size[0] * size[1] * (input.channels ?? 3));
  found.forEach((image, i) => values.set(image, i * image.length));
  return { values, count: found.length };
}

/** The first image at or after a place that can be read. */
async function firstImage(
  dataset: Dataset,
  size: readonly [number, number],
  { from, seed, input }: { readonly from: number; readonly seed: number; readonly input: ImageInput },
): Promise<Float32Array | undefined> {
  for (let index = from; index < dataset.length; index++) {
    try {
      const draw = drawsOf(dataKey(seed, PICTURE_STREAM, index));
      const how = { size, transform: { kind: "centerCrop" }, normalisation: normalisationFor(3), ...input } as const;
      return await imageValues(dataset, how, index, draw);
    } catch (error) {
      if (!(error instanceof ImageError)) throw error; // the training batches name and count such files
    }
  }
}
