import { requireOptions } from "../../tensor/errors.ts";
import {
  DECODE_IMAGE_OPTIONS,
  decodeImage,
  type DecodeImageOptions,
  decodeRaster,
  ImageError,
} from "../images/decode.ts";
import { decodeUpright } from "../images/orientation.ts";
import type { Dataset } from "./dataset.ts";
import { type FormatSource, formatSources, openFormats } from "./format_sources.ts";
import type { ImageFormat } from "../images/image_format.ts";
import type { Pixels } from "../images/pixels.ts";

/** What `imageFiles` is made of. Plain data, but for `formats`. */
export interface ImageFilesOptions {
  /** What messages call the data set. */
  readonly name: string;
  /** Paths, in the order of the samples. */
  readonly files: readonly string[];
  /** Class of each file; absent if there are no classes. */
  readonly labels?: Int32Array;
  /** Names of the classes. */
  readonly labelNames?: readonly string[];
  /** Formats that are read; `IMAGE_FORMATS` if not given. */
  readonly formats?: readonly ImageFormat[];
}

/**
 * Makes a data set of image files.
 *
 * @param options Paths and, if there are classes, labels.
 * @returns A data set whose samples are the decoded files.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { imageFiles } from "@tessera/tessera/data";
 *
 * equal(imageFiles({ name: "two", files: ["a.png", "b.png"] }).length, 2);
 * ```
 */
export function imageFiles(options: ImageFilesOptions): Dataset {
  requireOptions("imageFiles", options, { name: true, files: true, labels: true, labelNames: true, formats: true });
  const { name, files, labels, labelNames, formats } = options;
  const sources = formatSources(formats);
  const decode: DecodeImageOptions = formats ? { formats } : {};
  return {
    name,
    length: files.length,
    ...(labels ? { labels } : {}),
    ...(labelNames ? { labelNames } : {}),
    ...(sources
      ? { source: { module: import.meta.url, factory: "openImageFiles", args: [{ name, files }, sources] } }
      : {}),
    nameOf: (index) => files[index]!,
    load: (index) => readImage(files[index]!, decode),
    loadRaster: async (index) => decodeRaster(await readImageBytes(files[index]!), files[index]!, decode),
    loadUpright: async (index, size) => decodeUpright(await readImageBytes(files[index]!), files[index]!, size, decode),
  };
}

/**
 * What a thread makes a data set of image files with.
 *
 * @param options As of `imageFiles`.
 * @param sources Where its formats are.
 * @returns The data set.
 */
export async function openImageFiles(options: ImageFilesOptions, sources: readonly FormatSource[]): Promise<Dataset> {
  return imageFiles({ ...options, formats: await openFormats(sources) });
}

/**
 * Reads and decodes an image file.
 *
 * @param path The file.
 * @param options Formats.
 * @returns The image with four channels.
 * @throws {ImageError} If the file cannot be read or decoded.
 *
 * @example Usage
 * ```ts
 * import { rejects } from "node:assert/strict";
 * import { readImage } from "@tessera/tessera/data";
 *
 * await rejects(readImage("missing.png"), /Cannot decode missing.png/);
 * ```
 */
export async function readImage(path: string, options: DecodeImageOptions = {}): Promise<Pixels> {
  requireOptions("readImage", options, DECODE_IMAGE_OPTIONS);
  return await decodeImage(await readImageBytes(path), path, options);
}

/** Bytes of an image file; an `ImageError` if it cannot be read. */
export async function readImageBytes(path: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (cause) {
    throw new ImageError(path, `it must be a readable file: current error is ${(cause as Error).message}`, { cause });
  }
}
