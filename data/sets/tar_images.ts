import { type Classes, classesOf, IMAGE_ENDINGS, isImagePath } from "./classes.ts";
import { openByteSource } from "../formats/byte_source.ts";
import { cifarImages, isCifarBatch } from "./cifar10.ts";
import type { Dataset } from "./dataset.ts";
import { imageSlices, type Slice } from "./image_slices.ts";
import { tarEntries, type TarEntry } from "../formats/tar.ts";

/** Settings of `tarImages`. */
export interface TarImagesOptions {
  /** What messages call the data set; the archives if not given. */
  readonly name?: string;
  /** Part of CIFAR-10 if an archive holds its binary files; `"train"` if not given. */
  readonly split?: "train" | "test";
}

/** A gzip archive is unpacked into memory. */
const MAX_UNPACKED = 2 ** 29;

/** A label of WebDataset is a number in a file of its own. */
const MAX_LABEL = 1_000_000;

/** What an archive holds, as far as it is used. */
interface Found {
  readonly paths: string[];
  readonly slices: Slice[];
  readonly stores: (string | SharedArrayBuffer)[];
  /** Number in the `.cls` file of a sample, by the path without endings. */
  readonly numbers: Map<string, number>;
}

/**
 * Makes a data set of the images in tar archives, in their order: one archive, or the shards of a WebDataset. Plain
 * archives are read in place; gzip ones, up to 512 MiB, into memory that the threads share.
 *
 * Classes are the numbers in `.cls` files beside the images (`0001.jpg`, `0001.cls`) if every image has one; else each
 * folder is a class if all images lie in folders, a folder that holds everything left out. CIFAR-10's original archive
 * is known by its `.bin` files.
 *
 * @param paths Archives.
 * @param options Name; which part of CIFAR-10.
 * @returns The data set.
 * @throws {TarError} If an archive is damaged or hostile, naming it.
 * @throws {Error} If a file cannot be read, or there is no image.
 *
 * @example Usage
 * ```ts
 * import { rejects } from "node:assert/strict";
 * import { tarImages } from "@tessera/tessera/data";
 *
 * await rejects(tarImages(["missing.tar"]), /Cannot read missing.tar/);
 * ```
 */
export async function tarImages(paths: readonly string[], options: TarImagesOptions = {}): Promise<Dataset> {
  const { name = paths.join(", "), split = "train" } = options;
  const found: Found = { paths: [], slices: [], stores: [], numbers: new Map() };
  let [entries, batches] = [0, 0];
  for (const path of paths) {
    const counts = await readArchive(path, found);
    entries += counts.entries;
    batches += counts.batches;
  }
  const { slices, stores } = found;
  if (slices.length > 0) return imageSlices({ name, stores, slices, format: "encoded", ...labelled(found) });
  if (batches > 0 && paths.length === 1) return await cifarImages(paths[0]!, { name, split });
  throw new Error(
    `Cannot make a data set as the archive must hold images (${IMAGE_ENDINGS.join(", ")}): current archive ${name} ` +
      `has ${entries} files, none of these`,
  );
}

async function readArchive(
  path: string,
  found: Found,
): Promise<{ readonly entries: number; readonly batches: number }> {
  const { source, packed } = await openByteSource(path);
  await source.close();
  const kept = keeper();
  let [entries, batches] = [0, 0];
  const store = found.stores.length;
  for await (const entry of tarEntries(path, packed ? { maxBytes: MAX_UNPACKED } : {})) {
    entries++;
    if (entry.path.split("/").some((part) => part.startsWith("."))) continue; // such as those of macOS
    if (isCifarBatch(entry.path)) batches++;
    if (entry.path.endsWith(".cls")) await readLabel(entry, found);
    if (!isImagePath(entry.path)) continue;
    const offset = packed ? kept.keep(await entry.read()) : entry.offset;
    found.paths.push(entry.path);
    found.slices.push({ name: `${path}/${entry.path}`, store, offset, size: entry.size });
  }
  found.stores.push(packed ? kept.shared() : path);
  return { entries, batches };
}

/** Collects bytes, one part behind the other. */
function keeper() {
  const parts: Uint8Array[] = [];
  const state = { size: 0 };
  return {
    keep(bytes: Uint8Array): number {
      parts.push(bytes);
      state.size += bytes.length;
      return state.size - bytes.length;
    },
    shared(): SharedArrayBuffer {
      const buffer = new SharedArrayBuffer(state.size);
      const all = new Uint8Array(buffer);
      parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
      return buffer;
    },
  };
}

/** WebDataset's key of a sample: the path up to the first dot of the file's name. */
function keyOf(path: string): string {
  const dot = path.indexOf(".", path.lastIndexOf("/") + 1);
  return dot < 0 ? path : path.slice(0, dot);
}

async function readLabel(entry: TarEntry, { numbers }: Found): Promise<void> {
  if (entry.size > 64) return;
  const text = new TextDecoder().decode(await entry.read()).trim();
  if (/^\d{1,7}$/.test(text) && Number(text) < MAX_LABEL) numbers.set(keyOf(entry.path), Number(text));
}

function labelled({ paths, numbers }: Found): Partial<Classes> {
  const labels = paths.map((path) => numbers.get(keyOf(path)));
  if (labels.every((label) => label !== undefined)) {
    const count = labels.reduce((most, label) => Math.max(most, label), 0) + 1;
    return { labels: Int32Array.from(labels), labelNames: Array.from({ length: count }, (_, i) => String(i)) };
  }
  return classesOf(withoutCommonFolders(paths)) ?? {};
}

/** Leaves out folders that hold everything, as long as there are folders below. */
function withoutCommonFolders(paths: readonly string[]): readonly string[] {
  const folder = paths[0]!.slice(0, paths[0]!.indexOf("/") + 1);
  const deep = folder !== "" && paths.every((path) => path.startsWith(folder) && path.includes("/", folder.length));
  return deep ? withoutCommonFolders(paths.map((path) => path.slice(folder.length))) : paths;
}
