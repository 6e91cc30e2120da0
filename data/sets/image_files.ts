import { decodeImage, ImageError } from "../images/decode.ts";
import type { Dataset } from "./dataset.ts";
import type { Pixels } from "../images/pixels.ts";

/** What `imageFiles` is made of. Plain data. */
export interface ImageFilesOptions {
  /** What messages call the data set. */
  readonly name: string;
  /** Paths, in the order of the samples. */
  readonly files: readonly string[];
  /** Class of each file; absent if there are no classes. */
  readonly labels?: Int32Array;
  /** Names of the classes. */
  readonly labelNames?: readonly string[];
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
  const { name, files, labels, labelNames } = options;
  return {
    name,
    length: files.length,
    ...(labels ? { labels } : {}),
    ...(labelNames ? { labelNames } : {}),
    source: { module: import.meta.url, factory: "imageFiles", args: [{ name, files }] },
    nameOf: (index) => files[index]!,
    load: (index) => readImage(files[index]!),
  };
}

/**
 * Reads and decodes an image file.
 *
 * @param path The file.
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
export async function readImage(path: string): Promise<Pixels> {
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(path);
  } catch (cause) {
    throw new ImageError(path, `it must be a readable file: current error is ${(cause as Error).message}`, { cause });
  }
  return await decodeImage(bytes, path);
}
