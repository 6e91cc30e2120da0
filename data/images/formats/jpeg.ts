import type { ImageFormat, ImageSize } from "../image_format.ts";
import { decodeJpeg } from "../jpeg_codec.ts";
import { inksToColours } from "./inks.ts";
import { hasText } from "./head.ts";

/** A JPEG has at least a bit for each block of 8×8 pixels in its first scan; components may be sampled 4×4 less. */
const MAX_PIXELS_PER_BYTE = 8 * 64 * 16;

/** Start-of-frame markers: C0 … CF without the tables C4, CC and the reserved C8. */
const isFrame = (marker: number): boolean => marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

/** A segment before the picture. */
export interface Segment {
  readonly marker: number;
  /** Where its content begins, after the length. */
  readonly at: number;
}

/** Segments of a JPEG, in their order, as far as they are whole. */
export function* segments(bytes: Uint8Array): Generator<Segment> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 2;
  while (at + 4 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1]!;
    if (marker === 0xff) at++; // fill byte
    else {
      yield { marker, at: at + 4 };
      at += 2 + view.getUint16(at + 2);
    }
  }
}

/** Size, and components of a pixel: 1 grey, 3 colour, 4 inks. */
function frameOf(
  bytes: Uint8Array,
): { readonly width: number; readonly height: number; readonly components: number } | null {
  const frame = segments(bytes).find(({ marker }) => isFrame(marker));
  if (!frame || frame.at + 6 > bytes.length) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset + frame.at);
  return { height: view.getUint16(1), width: view.getUint16(3), components: view.getUint8(5) };
}

function measure(bytes: Uint8Array): ImageSize | null {
  const frame = frameOf(bytes);
  return frame && { ...frame, leastBytes: Math.ceil(frame.width * frame.height / MAX_PIXELS_PER_BYTE) };
}

/** JPEG: grey, colour, and inks (CMYK, YCCK), to the values of Pillow. Orientation tags are not applied. */
export const JPEG: ImageFormat = {
  name: "JPEG",
  endings: [".jpg", ".jpeg", ".jpe", ".jfif"],
  sniff: (bytes) => hasText(bytes, 0, "\xff\xd8\xff"),
  measure,
  decode: async (bytes) => {
    const { width, height, components } = frameOf(bytes)!;
    const isCmyk = components === 4;
    const data = await decodeJpeg(bytes, { width, height, isCmyk });
    // As Pillow has it, inks stand upside down, as Adobe's programs write them, whether the file says that or not.
    if (isCmyk) inksToColours(data);
    return { width, height, channels: 4, data, opaque: true };
  },
};
