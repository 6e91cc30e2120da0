import { decode as decodePng } from "@jsquash/png";
import { decode as decodeWebp } from "@jsquash/webp";
import { type ImageFormat, type ImageHeader, readImageHeader } from "./image_header.ts";
import { decodeJpeg } from "./jpeg_codec.ts";
import type { Pixels } from "./pixels.ts";

/** Bound against decompression bombs: with its copies in the codec an image stays below 1 GiB. */
const MAX_PIXELS = 2 ** 26;

/** Deflate packs at most so many bytes into one. */
const MAX_DEFLATE_RATIO = 1032;

/** A JPEG has at least a bit for each block of 8×8 pixels in its first scan; components may be sampled 4×4 less. */
const MAX_JPEG_PIXELS_PER_BYTE = 8 * 64 * 16;

/** Whether bytes of that number may hold the image that a header declares. Says nothing of WebP, which has no bound. */
function mayHold({ format, width, height, bitsPerPixel = 1 }: ImageHeader, bytes: number): boolean {
  if (format === "jpeg") return width * height <= bytes * MAX_JPEG_PIXELS_PER_BYTE;
  return format !== "png" || height * Math.ceil(width * bitsPerPixel / 8) <= bytes * MAX_DEFLATE_RATIO;
}

/** What the codecs give: straight (not premultiplied) RGBA. */
interface Rgba {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray;
}

const CODECS: Readonly<Record<ImageFormat, (bytes: Uint8Array<ArrayBuffer>) => Rgba | Promise<Rgba>>> = {
  jpeg: (bytes) => decodeJpeg(bytes) as unknown as Rgba,
  png: (bytes) => decodePng(bytes.buffer) as Promise<unknown> as Promise<Rgba>,
  webp: (bytes) => decodeWebp(bytes.buffer) as Promise<unknown> as Promise<Rgba>,
};

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
 * Decodes a JPEG, PNG or WebP file to 8 bits a channel, to the same values as Pillow's `Image.open`. The format is found
 * by the signature. Orientation tags are not applied.
 *
 * @param bytes The whole file.
 * @param name What errors call it, such as its path.
 * @returns The image with four channels, alpha not multiplied in; 255 where the file has none.
 * @throws {ImageError} If the file is empty, truncated, corrupt, of another format, CMYK, or beyond 67 million pixels.
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
export async function decodeImage(bytes: Uint8Array, name = "image"): Promise<Pixels> {
  const header = checkedHeader(bytes, name);
  try {
    // Codecs take whole buffers: a view into a larger one must be copied.
    const own = bytes.byteLength === bytes.buffer.byteLength && bytes.buffer instanceof ArrayBuffer;
    const rgba = await CODECS[header.format](own ? bytes as Uint8Array<ArrayBuffer> : bytes.slice());
    const data = new Uint8Array(rgba.data.buffer as ArrayBuffer, rgba.data.byteOffset, rgba.data.byteLength);
    return { width: rgba.width, height: rgba.height, channels: 4, data };
  } catch (cause) {
    const reason = `its ${header.format.toUpperCase()} data must be whole and valid: current file of ` +
      `${bytes.length} bytes is truncated or corrupt`;
    throw new ImageError(name, reason, { cause });
  }
}

/** Refuses early what a codec would crash on or report without saying why. */
function checkedHeader(bytes: Uint8Array, name: string): ImageHeader {
  if (bytes.length === 0) throw new ImageError(name, "there must be bytes: current file is empty");
  const header = readImageHeader(bytes);
  if (!header) {
    const head = [...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    throw new ImageError(name, `it must be a JPEG, PNG or WebP file with a whole header: current bytes start ${head}`);
  }
  const { width, height, components } = header;
  if (components === 4) throw new ImageError(name, "a JPEG must be grey or RGB: current colours are CMYK");
  if (width * height === 0 || width * height > MAX_PIXELS) {
    throw new ImageError(name, `it must have 1 to ${MAX_PIXELS} pixels: current size is ${width}x${height}`);
  }
  if (!mayHold(header, bytes.length)) {
    throw new ImageError(
      name,
      `its ${bytes.length} bytes must be able to hold its pixels: current size ${width}x${height} is too large, so that ` +
        "the file is truncated or corrupt",
    );
  }
  return header;
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
