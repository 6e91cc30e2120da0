import { batchPaths, cifarImages } from "./cifar10.ts";
import { isImagePath } from "./classes.ts";
import type { Dataset } from "./dataset.ts";
import { folder } from "./folder.ts";
import { imageFiles } from "./image_files.ts";
import { tarImages, type TarImagesOptions } from "./tar_images.ts";

/** Settings of `openImages`. */
export type OpenImagesOptions = Pick<TarImagesOptions, "split">;

/** More shards than this are a slip. */
const MAX_SHARDS = 100_000;

/**
 * Makes a data set of whatever a path names: a folder of images (flat, or a sub-folder for each class), one image, a tar
 * archive (plain or gzip), shards of a WebDataset (a folder of `.tar` files, or `shard-{000..127}.tar`), or CIFAR-10 in its
 * binary files.
 *
 * @param path The path.
 * @param options Which part of CIFAR-10's binary files; `"train"` if not given.
 * @returns The data set.
 * @throws {Error} If nothing is there, it is damaged, or it holds no image; naming it.
 *
 * @example Usage
 * ```ts
 * import { rejects } from "node:assert/strict";
 * import { openImages } from "@tessera/tessera/data";
 *
 * await rejects(openImages("no-such-folder"), /an existing folder: current path is no-such-folder/);
 * ```
 */
export async function openImages(path: string, options: OpenImagesOptions = {}): Promise<Dataset> {
  const shards = expandBraces(path);
  if (shards.length > 1) return await tarImages(shards, { ...options, name: path });
  const info = await Deno.stat(path).catch(() => null);
  if (info?.isFile) {
    if (isImagePath(path)) return imageFiles({ name: path, files: [path] });
    return path.endsWith(".bin") ? await cifarImages(path, options) : await tarImages([path], options);
  }
  if (!info?.isDirectory) return folder(path); // which says what is missing
  if ((await batchPaths(path)).length > 0) return await cifarImages(path, options);
  const archives = archivesIn(path);
  return archives.length > 0 ? await tarImages(archives, { ...options, name: path }) : folder(path);
}

/** The archives of a folder that has no image beside them. */
function archivesIn(path: string): readonly string[] {
  const names = [...Deno.readDirSync(path)].filter(({ isDirectory }) => !isDirectory).map(({ name }) => name);
  if (names.some(isImagePath)) return [];
  const root = path.replace(/(?<=.)\/+$/, "");
  return names.filter((name) => /^[^.].*\.(tar|tgz|tar\.gz)$/i.test(name)).sort().map((name) => `${root}/${name}`);
}

/**
 * Writes out `{first..last}` in a path, with as many digits as `first` has.
 *
 * @param path The path.
 * @returns The paths that it stands for; the path itself if it has no such range.
 * @throws {RangeError} If the range is empty or has more than 100,000 numbers.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { expandBraces } from "@tessera/tessera/data";
 *
 * deepStrictEqual(expandBraces("a-{08..10}.tar"), ["a-08.tar", "a-09.tar", "a-10.tar"]);
 * ```
 */
export function expandBraces(path: string): readonly string[] {
  const match = /\{(\d{1,15})\.\.(\d{1,15})\}/.exec(path);
  if (!match) return [path];
  const [range, first, last] = match as unknown as [string, string, string];
  const count = Number(last) - Number(first) + 1;
  if (count < 1 || count > MAX_SHARDS) {
    throw new RangeError(
      `Cannot write out ${path} as a range must have 1 to ${MAX_SHARDS} numbers: current range is ${range}`,
    );
  }
  return Array.from({ length: count }, (_, i) => {
    const number = String(Number(first) + i).padStart(first.length, "0");
    return path.slice(0, match.index) + number + path.slice(match.index + range.length);
  });
}
