import type { Raster } from "./raster.ts";

/** What the head of an image file declares. */
export interface ImageSize {
  /** Columns. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** Bytes of a decoded pixel; 4 if not given. */
  readonly pixelBytes?: number;
  /** Least number of bytes that such an image takes in a file; no bound if not given. */
  readonly leastBytes?: number;
}

/** What `decode` throws of a file that is whole, and of a form that is not read. */
export class UnreadFormError extends Error {}

/**
 * A format of image files: all that reading it takes. The built-in ones are of this form too (`IMAGE_FORMATS`); another
 * is given as an argument, `openImages(path, { formats: [...IMAGE_FORMATS, mine] })`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { decodeImage, IMAGE_FORMATS, type ImageFormat } from "@tessera/tessera/data";
 *
 * // A byte of width, a byte of height, then grey values.
 * const tiny: ImageFormat = {
 *   name: "tiny",
 *   endings: [".tiny"],
 *   sniff: (bytes) => bytes[0] === 0x74,
 *   decode: (bytes) => ({ width: bytes[1]!, height: bytes[2]!, channels: 1, data: bytes.subarray(3) }),
 * };
 * const file = Uint8Array.of(0x74, 1, 2, 7, 9);
 * const { data } = await decodeImage(file, "a.tiny", { formats: [...IMAGE_FORMATS, tiny] });
 * deepStrictEqual(data, Uint8Array.of(7, 7, 7, 255, 9, 9, 9, 255));
 * ```
 */
export interface ImageFormat {
  /** What messages call it, such as `"PNG"`. */
  readonly name: string;
  /** Endings by which a listing takes a file for such an image, lower case, with the dot. */
  readonly endings: readonly string[];
  /** True for arrays and volumes: in a folder they count as images only where there are no pictures. */
  readonly isArray?: boolean;
  /** Whether a file is of this format, by its content; `bytes` may be the first 4,096 only. */
  sniff(bytes: Uint8Array): boolean;
  /** Reads the declared size without decoding, so that what is too large is refused early; null if the head is not whole. */
  measure?(bytes: Uint8Array): ImageSize | null;
  /**
   * Decodes a file, the first picture of several. What it throws becomes the reason of an `ImageError`.
   *
   * @param bytes The whole file, in a buffer of its own.
   * @returns The image as the file has it.
   */
  decode(bytes: Uint8Array<ArrayBuffer>): Raster | Promise<Raster>;
  /**
   * Module and name of the export that is this format, for threads: they import it. Without it, a data set that was opened
   * with the format is read in the calling thread alone.
   */
  readonly source?: { readonly module: string; readonly name: string };
}
