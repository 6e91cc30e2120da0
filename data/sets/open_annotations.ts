import { parseJson } from "../formats/json.ts";
import { readCocoSet } from "./coco/annotations.ts";
import type { CocoSet } from "./coco/coco_set.ts";
import { readVocSet, type VocSetOptions } from "./voc/voc_set.ts";
import { requireOptions } from "../../tensor/errors.ts";

/**
 * Opens the annotations of a set of images: a COCO file, or a folder of Pascal VOC's files, of which all that end with `.xml` are
 * read.
 *
 * @param path JSON file or folder.
 * @param options Of VOC's files: classes, and the number of the first pixel.
 * @returns Images, categories, objects, and what was left out.
 * @throws {Error} If it cannot be read, or is neither, naming the path.
 */
export async function openAnnotations(path: string, options: VocSetOptions = {}): Promise<CocoSet> {
  requireOptions("openAnnotations", options, { firstPixel: true, classes: true });
  const { isDirectory } = await named(path, () => Deno.stat(path));
  if (!isDirectory) {
    const bytes = await named(path, () => Deno.readFile(path));
    return readCocoSet(parseJson(bytes, path, "COCO annotations"), path);
  }
  const files = await Array.fromAsync(Deno.readDir(path));
  const names = files.filter(({ name, isFile }) => isFile && name.endsWith(".xml")).map(({ name }) =>
    `${path}/${name}`
  );
  if (names.length === 0) {
    throw new RangeError(
      `Cannot read ${path} as annotations as a folder must hold files of Pascal VOC, .xml: current number is 0`,
    );
  }
  const read = (name: string) => named(name, async () => ({ path: name, file: await Deno.readFile(name) }));
  return readVocSet(await Promise.all(names.map(read)), options);
}

/** Runs what reads a path, and names the path where it cannot. */
async function named<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw new Error(
      `Cannot read ${path} as annotations as it must be a file or folder that can be read: current error is ` +
        `${(cause as Error).message}`,
      { cause },
    );
  }
}
