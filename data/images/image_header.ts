/** Image formats that can be decoded. */
export type ImageFormat = "jpeg" | "png" | "webp";

/** What the first bytes of an image file tell. */
export interface ImageHeader {
  /** Format, known by its signature, never by the file name. */
  readonly format: ImageFormat;
  /** Columns. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** Components of a JPEG pixel: 1 grey, 3 colour, 4 CMYK. Absent for the other formats. */
  readonly components?: number;
  /** Bits of a PNG pixel in the file. Absent for the other formats. */
  readonly bitsPerPixel?: number;
}

/** Samples of a PNG pixel by colour type: grey, colour, palette, grey and alpha, colour and alpha. */
const PNG_SAMPLES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/** Start-of-frame markers: C0 … CF without the tables C4, CC and the reserved C8. */
const isFrame = (marker: number): boolean => marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

const hasText = (bytes: Uint8Array, at: number, text: string): boolean =>
  bytes.length >= at + text.length && [...text].every((letter, i) => bytes[at + i] === letter.charCodeAt(0));

/**
 * Reads format and size from the head of an image file.
 *
 * @param bytes The file, or enough of its beginning.
 * @returns Format, width and height in pixels; `null` if the bytes are no JPEG, PNG or WebP or end before the size.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { readImageHeader } from "@tessera/tessera/data";
 *
 * equal(readImageHeader(Uint8Array.of(0x42, 0x4d)), null);
 * ```
 */
export function readImageHeader(bytes: Uint8Array): ImageHeader | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (hasText(bytes, 0, "\xff\xd8\xff")) return jpegHeader(view);
  if (hasText(bytes, 0, "\x89PNG\r\n\x1a\n")) {
    if (!hasText(bytes, 12, "IHDR") || bytes.length < 26) return null;
    const bitsPerPixel = bytes[24]! * (PNG_SAMPLES[bytes[25]!] ?? 1);
    return { format: "png", width: view.getUint32(16), height: view.getUint32(20), bitsPerPixel };
  }
  return hasText(bytes, 0, "RIFF") && hasText(bytes, 8, "WEBP") ? webpHeader(bytes, view) : null;
}

/** Walks the segments before the picture. */
function jpegHeader(view: DataView): ImageHeader | null {
  let at = 2;
  while (at + 10 <= view.byteLength && view.getUint8(at) === 0xff) {
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) at++; // fill byte
    else if (isFrame(marker)) {
      const [height, width] = [view.getUint16(at + 5), view.getUint16(at + 7)];
      return { format: "jpeg", width, height, components: view.getUint8(at + 9) };
    } else at += 2 + view.getUint16(at + 2);
  }
  return null;
}

function webpHeader(bytes: Uint8Array, view: DataView): ImageHeader | null {
  if (bytes.length < 30) return null;
  const format = "webp";
  if (hasText(bytes, 12, "VP8 ")) {
    return { format, width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
  }
  if (hasText(bytes, 12, "VP8L")) {
    const bits = view.getUint32(21, true);
    return { format, width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
  }
  if (!hasText(bytes, 12, "VP8X")) return null;
  const size24 = (at: number) => (view.getUint16(at, true) | (view.getUint8(at + 2) << 16)) + 1;
  return { format, width: size24(24), height: size24(27) };
}
