/** @file How an image is turned when it is shown: the tag that cameras write beside the pixels (Exif 2.3, tag 274). */
import { decodeImage, type DecodeImageOptions, ImageError } from "./decode.ts";
import { hasText, viewOf } from "./formats/head.ts";
import { segments } from "./formats/jpeg.ts";
import { tiffDirectory } from "./formats/tiff_directory.ts";
import type { Pixels } from "./pixels.ts";

/** Number of the tag. */
const ORIENTATION = 274;

/** Tells the tags within a JPEG and within some WebP files. */
const MARK = "Exif\0\0";

/** Content of the first chunk of a name: of PNG, length, name, content, checksum; of WebP, name, length, content. */
function chunkIn(bytes: Uint8Array, name: string, kind: "png" | "webp"): Uint8Array | null {
  const view = viewOf(bytes);
  const isPng = kind === "png";
  for (let at = isPng ? 8 : 12; at + 8 <= bytes.length;) {
    const size = view.getUint32(at + (isPng ? 0 : 4), !isPng);
    if (hasText(bytes, at + (isPng ? 4 : 0), name)) return bytes.subarray(at + 8, at + 8 + size);
    at += 8 + size + (isPng ? 4 : size % 2);
  }
  return null;
}

/** The tags of a file, which have the form of a TIFF file; `null` if it has none. */
function tagsOf(bytes: Uint8Array): Uint8Array | null {
  const bare = (tags: Uint8Array | null) => tags && hasText(tags, 0, MARK) ? tags.subarray(MARK.length) : tags;
  if (hasText(bytes, 0, "\xff\xd8\xff")) {
    const segment = segments(bytes).find(({ marker, at }) => marker === 0xe1 && hasText(bytes, at, MARK));
    return segment ? bytes.subarray(segment.at + MARK.length) : null;
  }
  if (hasText(bytes, 0, "\x89PNG\r\n\x1a\n")) return bare(chunkIn(bytes, "eXIf", "png"));
  if (hasText(bytes, 8, "WEBP")) return bare(chunkIn(bytes, "EXIF", "webp"));
  return hasText(bytes, 0, "II*\0") || hasText(bytes, 0, "MM\0*") ? bytes : null;
}

/**
 * Reads how an image is turned when it is shown.
 *
 * @param bytes A JPEG, PNG, WebP or TIFF file.
 * @returns 1 as it stands, 2 mirrored left to right, 3 turned by half, 4 mirrored top to bottom, 5 with rows and columns
 * exchanged, 6 turned to the right by a quarter, 7 as 5 and turned by half, 8 turned to the left; 1 where the file does not say.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { encodePng, orientationOf } from "@tessera/tessera/data";
 *
 * equal(orientationOf(encodePng({ width: 1, height: 1, channels: 3, data: new Uint8Array(3) })), 1);
 * ```
 */
export function orientationOf(bytes: Uint8Array): number {
  const tags = tagsOf(bytes);
  const number = tags ? tiffDirectory(tags)?.number(ORIENTATION, 1) ?? 1 : 1;
  return number >= 1 && number <= 8 ? number : 1;
}

/**
 * Turns an image as it is to be shown.
 *
 * @param image As it is stored.
 * @param orientation 1 to 8, as of `orientationOf`.
 * @returns The image; itself for 1. From 5 on rows and columns are exchanged.
 * @throws {RangeError} If the orientation is another number.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { turned } from "@tessera/tessera/data";
 *
 * const image = { width: 2, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3, 4, 5, 6) } as const;
 * const { width, height, data } = turned(image, 8); // to the left: the right pixel comes to the top
 * deepStrictEqual([width, height, [...data]], [1, 2, [4, 5, 6, 1, 2, 3]]);
 * ```
 */
export function turned(image: Pixels, orientation: number): Pixels {
  if (![1, 2, 3, 4, 5, 6, 7, 8].includes(orientation)) {
    throw new RangeError(
      `Cannot turn an image as its orientation must be a whole number from 1 to 8: current orientation is ${orientation}`,
    );
  }
  if (orientation === 1) return image;
  const { width, height, channels, data } = image;
  const isExchanged = orientation >= 5;
  const [rows, columns] = isExchanged ? [width, height] : [height, width];
  // Whether the image is read from the bottom, from the right.
  const [fromBottom, fromRight] = [[3, 4, 6, 7], [2, 3, 7, 8]].map((list) => list.includes(orientation));
  const out = new Uint8Array(data.length);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const [row, column] = isExchanged ? [x, y] : [y, x];
      const place = (fromBottom ? height - 1 - row : row) * width + (fromRight ? width - 1 - column : column);
      for (let c = 0; c < channels; c++) out[(y * columns + x) * channels + c] = data[place * channels + c]!;
    }
  }
  return { width: columns, height: rows, channels, data: out };
}

/** What is shown of an image. */
export interface ShownSize {
  /** In pixels. */
  readonly height: number;
  /** In pixels. */
  readonly width: number;
}

/**
 * Decodes an image in which objects are looked for, or were marked, to the frame in which it is shown: turned as its camera says.
 * Tools for marking tell the size of what they show: where that is known, and the image has it as it is stored alone, it is not
 * turned.
 *
 * @param bytes The whole file.
 * @param name What errors call it, such as its path.
 * @param size Height and width of what was shown; `null` if they are not known.
 * @param options Formats.
 * @returns The image with four channels.
 * @throws {ImageError} As `decodeImage`, and if it has another size, turned or not.
 */
export async function decodeUpright(
  bytes: Uint8Array,
  name: string,
  size: ShownSize | null,
  options: DecodeImageOptions = {},
): Promise<Pixels> {
  const image = await decodeImage(bytes, name, options);
  const orientation = orientationOf(bytes);
  const upright = turned(image, orientation);
  if (size === null) return upright;
  const { height, width } = size;
  const found = [upright, image].find((each) => each.height === height && each.width === width);
  if (found) return found;
  const tag = orientation === 1 ? "" : `, to be shown turned (orientation ${orientation})`;
  throw new ImageError(
    name,
    `it must have the ${height}×${width} pixels of its annotations: current size is ${image.height}×${image.width}${tag}`,
  );
}
