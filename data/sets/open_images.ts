import { requireOptions } from "../../tensor/errors.ts";
import { kindByEnding, pathAdvice } from "../formats/file_endings.ts";
import { KIND_BYTES } from "../formats/file_kind.ts";
import { openRange } from "../formats/byte_range.ts";
import type { ImageFormat } from "../images/image_format.ts";
import { formatByEnding, IMAGE_FORMATS } from "../images/image_formats.ts";
import { archiveFolders } from "./archive_folders.ts";
import { counted, leftOutKeeper } from "./account.ts";
import { cifarImages, isCifarBatch } from "./cifar10.ts";
import type { Dataset } from "./dataset.ts";
import { expandBraces } from "./expand_braces.ts";
import { imageFiles } from "./image_files.ts";
import { imageSlices } from "./image_slices.ts";
import { listArchive } from "./list_archive.ts";
import { listFolder } from "./list_folder.ts";
import type { ListedFile, Listing, ListingBuilder } from "./listing.ts";
import { parquetImages } from "./parquet_images.ts";
import { readLayout } from "./read_layout.ts";
import type { Split } from "./splits.ts";

/** Settings of `openImages`. */
export interface OpenImagesOptions {
  /**
   * Which part, where the source has several: `"train"`, `"val"` or `"test"`; of the last two one stands for the other
   * where that is not there. `"all"`: every image of every part, without classes. `"train"`, or the only one, if not given.
   */
  readonly split?: Split | "all";
  /** Names of the classes in their order, where they are known: labels are numbered by them. */
  readonly classes?: readonly string[];
  /** Formats of images that are read; `IMAGE_FORMATS` if not given. */
  readonly formats?: readonly ImageFormat[];
}

/**
 * Makes a data set of whatever a path names: a folder of images (flat, or a sub-folder for each class), one image, a tar
 * (plain or gzip) or zip archive, a folder of such, archives of archives, shards of a WebDataset (a folder of `.tar` files,
 * or `shard-{000..127}.tar`), Parquet files of images, or CIFAR-10 in its binary files or those for Python.
 *
 * Parts under their usual names (`train`, `val`, `valid`, `validation`, `dev`, `test`, `train2017`, `Testing` …) are known
 * in folders, in archives, in the names of archives and tables, in a column of a table, and in lists of images that are called
 * by them (`train.txt`, `test.txt`). Classes are what `.cls`, `.json`
 * or `.txt` files beside the images of archives tell, or the label column of a Parquet table, else folders, else a table
 * beside the images (`labels.csv`, `metadata.jsonl`) that names them and has one label column or a column of zeros and ones
 * for each class. `account` says what was found, used and left out.
 *
 * @param path The path.
 * @param options Which part, known classes, formats.
 * @returns The data set; files are listed now and read later. Archives in gzip, and those in archives unless they are
 * plain tars, are unpacked into memory, at most 512 MiB.
 * @throws {Error} If nothing is there, it is damaged, it holds no image, or not the part that was asked for; naming it and
 * what is there instead.
 *
 * @example Usage
 * ```ts
 * import { rejects } from "node:assert/strict";
 * import { openImages } from "@tessera/tessera/data";
 *
 * await rejects(openImages("no-such-folder"), /an existing folder or file: current path is no-such-folder/);
 * ```
 */
export async function openImages(path: string, options: OpenImagesOptions = {}): Promise<Dataset> {
  requireOptions("openImages", options, { split: true, classes: true, formats: true });
  const { formats = IMAGE_FORMATS } = options;
  const root = path.replace(/(?<=.)\/+$/, "");
  const builder: ListingBuilder = {
    ...{
      files: [],
      stores: [],
      folders: [],
      shards: [],
      leftOut: leftOutKeeper(),
      archives: 0,
      unpacked: 0,
      filling: null,
    },
    isImage: (file) => formatByEnding(file, formats) !== undefined,
  };
  const { kind, tables } = await listSource(builder, path, root);
  if (tables.length > 0) return await parquetImages(tables.map(fullPath(root)), { ...options, kind, path, builder });
  const images = imagesOf(builder, formats);
  if (images.length === 0) return await withoutImages(path, builder, { ...options, kind });
  const listing: Listing = { name: path, kind, ...builder };
  const { chosen, labels, labelNames, account } = readLayout(listing, images, options);
  const classes = labels ? { labels, labelNames: labelNames! } : {};
  const shared = { name: path, ...classes, ...(options.formats ? { formats } : {}) };
  const set = chosen.every(({ store }) => store < 0)
    ? imageFiles({ ...shared, files: chosen.map(({ name }) => name) })
    : imageSlices({ ...shared, stores: builder.stores, slices: chosen.map(sliceOf(builder)), format: "encoded" });
  return { ...set, account };
}

const fullPath = (root: string) => (table: string): string => table === "" ? root : `${root}/${table}`;

/** A file of a folder beside archives is a store of its own. */
function sliceOf(builder: ListingBuilder) {
  return ({ name, store, offset, size, zip }: ListedFile) => {
    if (store < 0) {
      return { name, store: builder.stores.push(name) - 1, offset: 0, size: Deno.statSync(name).size };
    }
    return { name, store, offset, size, ...(zip ? { zip } : {}) };
  };
}

async function listSource(
  builder: ListingBuilder,
  path: string,
  root: string,
): Promise<{ readonly kind: string; readonly tables: readonly string[] }> {
  const shards = expandBraces(path);
  if (shards.length > 1) {
    const { folders, shards: numbered } = archiveFolders(
      shards.map((shard) => shard.slice(shard.lastIndexOf("/") + 1)),
    );
    builder.shards.push(...numbered);
    for (const shard of shards) {
      await listArchive(builder, shard, folders.get(shard.slice(shard.lastIndexOf("/") + 1))!);
    }
    return { kind: `${shards.length} archives`, tables: [] };
  }
  const info = await Deno.stat(root).catch(() => null);
  if (info?.isDirectory) return await listFolder(builder, root);
  if (!info?.isFile) {
    throw new Error(
      `Cannot make a data set as images must lie in an existing folder or file: current path is ${path}` +
        (info ? ", a device" : pathAdvice(path)),
    );
  }
  return await listFile(builder, path);
}

async function listFile(builder: ListingBuilder, path: string) {
  const range = openRange(path);
  const head = range.read(0, KIND_BYTES);
  range.close();
  const kind = kindOfHead(head);
  if (kind === "parquet") return { kind: "Parquet table", tables: [""] };
  const isImage = builder.isImage(path) || IMAGE_FORMATS.some(({ sniff }) => sniff(head));
  if (isImage || isCifarBatch(path)) {
    builder.files.push({
      path: path.slice(path.lastIndexOf("/") + 1),
      name: path,
      archive: -1,
      store: -1,
      offset: 0,
      size: 0,
    });
    return { kind: "file", tables: [] };
  }
  return { kind: await listArchive(builder, path, ""), tables: [] };
}

const kindOfHead = (head: Uint8Array): "parquet" | "other" =>
  new TextDecoder("latin1").decode(head.subarray(0, 4)) === "PAR1" ? "parquet" : "other";

/** Pictures; or arrays where there are none; or, in a folder without either, files whose content says so. */
function imagesOf(builder: ListingBuilder, formats: readonly ImageFormat[]): readonly ListedFile[] {
  const known = builder.files.map((file) => [file, formatByEnding(file.path, formats)] as const);
  const pictures = known.filter(([, format]) => format && !format.isArray).map(([file]) => file);
  if (pictures.length > 0) return pictures;
  const arrays = known.filter(([, format]) => format).map(([file]) => file);
  if (arrays.length > 0) return arrays;
  if (builder.files.some(({ path }) => isCifarBatch(path))) return [];
  return builder.files.filter(({ name, archive }) => archive < 0 && hasFormat(name, formats));
}

function hasFormat(path: string, formats: readonly ImageFormat[]): boolean {
  const range = openRange(path);
  try {
    const head = range.read(0, KIND_BYTES);
    return head.length > 0 && formats.some(({ sniff }) => sniff(head));
  } finally {
    range.close();
  }
}

/** CIFAR-10, or an error that says what was found. */
async function withoutImages(
  path: string,
  { files, leftOut }: ListingBuilder,
  options: OpenImagesOptions & { readonly kind: string },
): Promise<Dataset> {
  if (files.some((file) => isCifarBatch(file.path))) {
    return await cifarImages(path, { split: options.split === "val" || options.split === "test" ? "test" : "train" });
  }
  const kinds = Map.groupBy(files, (file) => kindByEnding(file.path));
  const found = [...kinds].sort(([, a], [, b]) => b.length - a.length).slice(0, 5)
    .map(([kind, of]) => `${counted(of.length, kind)}, such as ${of[0]!.path}`);
  const hidden = leftOut.list().map(({ kind, reason, count }) => `${count} ${kind} ${reason}`.trim());
  const names = (options.formats ?? IMAGE_FORMATS).map(({ name }) => name).join(", ");
  throw new Error(
    `Cannot make a data set as the ${options.kind} must hold images (${names}), flat or in a sub-folder for each class: ` +
      `current ${path} has ${[...found, ...hidden].join("; ") || "no file"}`,
  );
}
