import { type OptionNames, requireOptions } from "../../tensor/errors.ts";
import { fileKindOf } from "../formats/file_kind.ts";
import { type ImageFormat, type ImageSize, UnreadFormError } from "./image_format.ts";
import { IMAGE_FORMATS } from "./image_formats.ts";
import type { Pixels } from "./pixels.ts";
import { type Raster, toPixels } from "./raster.ts";

/** Bounds against decompression bombs: with its copies in the codec an image stays below 1 GiB. */
const MAX_PIXELS = 2 ** 26;
const MAX_DECODED = 2 ** 28;

/** Settings of `decodeImage` and `decodeRaster`. */
export interface DecodeImageOptions {
  /** Formats that are read; `IMAGE_FORMATS` if not given. */
  readonly formats?: readonly ImageFormat[];
}

/** Names of DecodeImageOptions. */
export const DECODE_IMAGE_OPTIONS: OptionNames<DecodeImageOptions> = { formats: true };

/**
 * Thrown when a file is no image that can be decoded.
 *
 * @example Usage
 * ```ts
 * import { rejects } from "node:assert/strict";
 * import { decodeImage, ImageError } from "@tessera/tessera/data";
 *
 * await rejects(decodeImage(new Uint8Array(0), "empty.jpg"), ImageError);
 * ```
 */
export class ImageError extends Error {
  /** File or other name of the bytes. */
  readonly file: string;
  /** What is wrong with it. */
  readonly reason: string;

  /**
   * Builds `Cannot decode <file> as <reason>`.
   *
   * @param file File or other name of the bytes.
   * @param reason Requirement and current value.
   * @param options As of `Error`.
   */
  constructor(file: string, reason: string, options?: ErrorOptions) {
    super(`Cannot decode ${file} as ${reason}`, options);
    this.name = "ImageError";
    this.file = file;
    this.reason = reason;
  }
}

/**
 * Decodes an image file to 8 bits a channel, to the same values as Pillow's `Image.open(…).convert("RGBA")` for JPEG (inks
 * too), PNG and WebP. The format is found by the content. Of several pictures it is the first. Orientation tags are not
 * applied.
 *
 * @param bytes The whole file.
 * @param name What errors call it, such as its path.
 * @param options Formats.
 * @returns The image with four channels, alpha not multiplied in; 255 where the file has none. Grey is spread over the
 * colours, 16 bits lose their lower byte, floats are stretched from the least to the largest value.
 * @throws {ImageError} If the file is empty, truncated, corrupt, of another format, or beyond 67 million pixels.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { decodeImage, encodePng } from "@tessera/tessera/data";
 *
 * const image = { width: 1, height: 1, channels: 3, data: Uint8Array.of(9, 8, 7) } as const;
 * deepStrictEqual((await decodeImage(encodePng(image), "one.png")).data, Uint8Array.of(9, 8, 7, 255));
 * ```
 */
export async function decodeImage(
  bytes: Uint8Array,
  name = "image",
  options: DecodeImageOptions = {},
): Promise<Pixels> {
  requireOptions("decodeImage", options, DECODE_IMAGE_OPTIONS);
  const raster = await decodeRaster(bytes, name, options);
  if (raster.channels <= 4) return toPixels(raster);
  throw new ImageError(name, `it must have 1 to 4 channels to be red, green and blue: it has ${raster.channels}`);
}

/**
 * Decodes an image file with the channels and the depth that it has: for models of other inputs than 8-bit colours.
 *
 * @param bytes The whole file.
 * @param name What errors call it, such as its path.
 * @param options Formats.
 * @returns The image. 8-bit colours come with four channels, and say whether the last is only a filler.
 * @throws {ImageError} As `decodeImage`.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { decodeRaster, encodeNpy } from "@tessera/tessera/data";
 *
 * const file = encodeNpy({ dtype: "F32", shape: [8, 8, 7], data: new Float32Array(448) });
 * equal((await decodeRaster(file, "seven.npy")).channels, 7);
 * ```
 */
export async function decodeRaster(
  bytes: Uint8Array,
  name = "image",
  options: DecodeImageOptions = {},
): Promise<Raster> {
  requireOptions("decodeRaster", options, DECODE_IMAGE_OPTIONS);
  const { formats = IMAGE_FORMATS } = options;
  const format = formatOf(bytes, name, formats);
  checkSize(format, bytes, name);
  let raster: Raster;
  try {
    // Codecs take whole buffers: a view into a larger one must be copied.
    const own = bytes.byteLength === bytes.buffer.byteLength && bytes.buffer instanceof ArrayBuffer;
    raster = await format.decode(own ? bytes as Uint8Array<ArrayBuffer> : bytes.slice());
  } catch (cause) {
    if (cause instanceof UnreadFormError) {
      throw new ImageError(name, `its ${format.name} data must be of a form that is read: ${cause.message}`, { cause });
    }
    const { message } = cause instanceof Error ? cause : { message: String(cause) };
    // What a library written in another language says of itself tells nobody anything.
    const told = /unwrap|unreachable|RuntimeError/.test(message) ? "" : ` (${message.split("\n")[0]!.slice(0, 200)})`;
    const reason =
      `its ${format.name} data must be whole and valid: current file of ${bytes.length} bytes is truncated ` +
      `or corrupt, or of a form that is not read${told}`;
    throw new ImageError(name, reason, { cause });
  }
  const { width, height, channels, data } = raster;
  if (width > 0 && height > 0 && data.length === width * height * channels) return raster;
  const reason = `its ${format.name} data must be whole and valid: current file has ${data.length} values for ` +
    `${width}x${height}x${channels}`;
  throw new ImageError(name, reason);
}

/** By the content, never by the name. */
function formatOf(bytes: Uint8Array, name: string, formats: readonly ImageFormat[]): ImageFormat {
  if (bytes.length === 0) throw new ImageError(name, "there must be bytes: current file is empty");
  const format = formats.find(({ sniff }) => sniff(bytes));
  if (format) return format;
  const names = formats.map((each) => each.name).join(", ");
  const kind = fileKindOf(bytes);
  const head = [...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  throw new ImageError(
    name,
    `it must be an image (${names}): current file ${
      kind === null ? `starts with the bytes ${head}` : `is ${kind.name}`
    }`,
  );
}

/** A head that cannot be read is not whole. */
function measured(format: ImageFormat, bytes: Uint8Array): ImageSize | null {
  try {
    return format.measure!(bytes);
  } catch {
    return null;
  }
}

/** Refuses early what a codec would crash on or report without saying why. */
function checkSize(format: ImageFormat, bytes: Uint8Array, name: string): void {
  if (!format.measure) return;
  const size = measured(format, bytes);
  if (!size) {
    throw new ImageError(
      name,
      `its ${format.name} header must be whole: current file of ${bytes.length} bytes is truncated or corrupt`,
    );
  }
  const { width, height, pixelBytes = 4, leastBytes = 0 } = size;
  if (width * height === 0 || width * height > MAX_PIXELS) {
    throw new ImageError(name, `it must have 1 to ${MAX_PIXELS} pixels: current size is ${width}x${height}`);
  }
  if (width * height * pixelBytes > MAX_DECODED) {
    const bytes = width * height * pixelBytes;
    throw new ImageError(name, `it must have at most ${MAX_DECODED} bytes decoded: current number is ${bytes}`);
  }
  if (leastBytes > bytes.length) {
    throw new ImageError(
      name,
      `its ${bytes.length} bytes must be able to hold its pixels: current size ${width}x${height} is too large, so that ` +
        "the file is truncated or corrupt",
    );
  }
}

/**
 * Drops the alpha channel, as Pillow's `convert("RGB")` does: colours under transparent pixels come out as stored.
 *
 * @param image Any image.
 * @returns Three channels; the image itself if it has three.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { dropAlpha } from "@tessera/tessera/data";
 *
 * const image = { width: 1, height: 1, channels: 4, data: Uint8Array.of(9, 8, 7, 0) } as const;
 * deepStrictEqual(dropAlpha(image).data, Uint8Array.of(9, 8, 7));
 * ```
 */
export function dropAlpha(image: Pixels): Pixels {
  if (image.channels === 3) return image;
  const count = image.width * image.height;
  const data = new Uint8Array(count * 3);
  for (let i = 0; i < count; i++) {
    data[i * 3] = image.data[i * 4]!;
    data[i * 3 + 1] = image.data[i * 4 + 1]!;
    data[i * 3 + 2] = image.data[i * 4 + 2]!;
  }
  return { ...image, channels: 3, data };
}
