import { requireOptions } from "../../tensor/errors.ts";
import type { Dataset } from "./dataset.ts";
import { fileRange, memoryRange } from "../formats/byte_range.ts";
import { closing } from "../formats/bytes.ts";
import { readZipEntry, type ZipEntry } from "../formats/zip_directory.ts";
import { decodeImage, type DecodeImageOptions, decodeRaster, ImageError } from "../images/decode.ts";
import type { ImageFormat } from "../images/image_format.ts";
import { decodeUpright } from "../images/orientation.ts";
import { type FormatSource, formatSources, openFormats } from "./format_sources.ts";
import type { Pixels } from "../images/pixels.ts";

/** Where the bytes of a sample lie. */
export interface Slice {
  /** What messages call it. */
  readonly name: string;
  /** Number of its store. */
  readonly store: number;
  /** First byte in the store. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
  /** Entry of the zip archive that the store is; absent where the bytes lie there as they are. */
  readonly zip?: ZipEntry;
}

/** What `imageSlices` is made of. Plain data, but for `formats`; threads share the buffers. */
export interface ImageSlicesOptions {
  /** What messages call the data set. */
  readonly name: string;
  /** Files, or memory. */
  readonly stores: readonly (string | SharedArrayBuffer)[];
  /** The samples in order. */
  readonly slices: readonly Slice[];
  /** `encoded`: whole image files. `cifar`: a byte of label, then 32×32 bytes each of red, green and blue. */
  readonly format: "encoded" | "cifar";
  /** Class of each sample; absent if there are no classes. */
  readonly labels?: Int32Array;
  /** Names of the classes. */
  readonly labelNames?: readonly string[];
  /** Formats of image files that are read; `IMAGE_FORMATS` if not given. */
  readonly formats?: readonly ImageFormat[];
}

/** Bytes of a record of CIFAR-10. */
export const CIFAR_RECORD: number = 1 + 3 * 32 * 32;

/**
 * Makes a data set of images that lie in parts of larger files or of memory.
 *
 * @param options Stores, and where the samples lie in them.
 * @returns A data set; nothing is read before a sample is asked for.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { dataKey, drawsOf, imageSlices } from "@tessera/tessera/data";
 *
 * const slices = [{ name: "first", store: 0, offset: 0, size: 3073 }];
 * const set = imageSlices({ name: "grey", stores: [new SharedArrayBuffer(3073)], slices, format: "cifar" });
 * deepStrictEqual((await set.load(0, drawsOf(dataKey(1)))).data, new Uint8Array(32 * 32 * 3));
 * ```
 */
export function imageSlices(options: ImageSlicesOptions): Dataset {
  requireOptions("imageSlices", options, {
    name: true,
    stores: true,
    slices: true,
    format: true,
    labels: true,
    labelNames: true,
    formats: true,
  });
  const { name, stores, slices, format, labels, labelNames, formats } = options;
  const sources = formatSources(formats);
  const decode: DecodeImageOptions = formats ? { formats } : {};
  const plain = { name, stores, slices, format };
  const read = (slice: Slice) => bytesOf(stores[slice.store]!, slice);
  return {
    name,
    length: slices.length,
    ...(labels ? { labels } : {}),
    ...(labelNames ? { labelNames } : {}),
    ...(sources ? { source: { module: import.meta.url, factory: "openImageSlices", args: [plain, sources] } } : {}),
    nameOf: (index) => slices[index]!.name,
    load: async (index) => {
      const slice = slices[index]!;
      const bytes = await read(slice);
      return format === "cifar" ? interleaved(bytes) : await decodeImage(bytes, slice.name, decode);
    },
    loadRaster: async (index) => {
      const slice = slices[index]!;
      const bytes = await read(slice);
      return format === "cifar" ? interleaved(bytes) : await decodeRaster(bytes, slice.name, decode);
    },
    ...format === "cifar" ? {} : {
      loadUpright: async (index, size) =>
        await decodeUpright(await read(slices[index]!), slices[index]!.name, size, decode),
    },
  };
}

/**
 * What a thread makes a data set of slices with.
 *
 * @param options As of `imageSlices`.
 * @param sources Where its formats are.
 * @returns The data set.
 */
export async function openImageSlices(options: ImageSlicesOptions, sources: readonly FormatSource[]): Promise<Dataset> {
  return imageSlices({ ...options, formats: await openFormats(sources) });
}

async function bytesOf(store: string | SharedArrayBuffer, slice: Slice): Promise<Uint8Array> {
  const { name, offset, size, zip } = slice;
  try {
    // Codecs and text decoders take no shared memory: a copy.
    if (typeof store !== "string") {
      if (zip) return readZipEntry(memoryRange(new Uint8Array(store), name), zip).slice();
      return new Uint8Array(new Uint8Array(store, offset, size));
    }
    return await closing(
      await Deno.open(store),
      (file) => zip ? readZipEntry(fileRange(file, store), zip) : readAt(file, offset, size),
    );
  } catch (cause) {
    throw new ImageError(name, `it must be readable: current error is ${(cause as Error).message}`, { cause });
  }
}

async function readAt(file: Deno.FsFile, offset: number, size: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(size);
  file.seekSync(offset, Deno.SeekMode.Start);
  for (let filled = 0; filled < size;) {
    const got = await file.read(bytes.subarray(filled));
    if (got === null) throw new Deno.errors.UnexpectedEof("the file has become shorter");
    filled += got;
  }
  return bytes;
}

/** From planes to pixels. */
function interleaved(record: Uint8Array): Pixels {
  const data = new Uint8Array(CIFAR_RECORD - 1);
  for (let i = 0; i < 1024; i++) {
    for (let c = 0; c < 3; c++) data[i * 3 + c] = record[1 + c * 1024 + i]!;
  }
  return { width: 32, height: 32, channels: 3, data };
}
