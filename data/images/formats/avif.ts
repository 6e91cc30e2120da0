import type { ImageFormat, ImageSize } from "../image_format.ts";
import { hasText, viewOf } from "./head.ts";

/** The head with all that is told of the picture is small. */
const MAX_HEAD = 65_536;

/** Size by the first `ispe` box, "image spatial extents". */
function measure(bytes: Uint8Array): ImageSize | null {
  const view = viewOf(bytes);
  for (let at = 8; at + 16 <= Math.min(bytes.length, MAX_HEAD); at++) {
    if (hasText(bytes, at, "ispe")) return { width: view.getUint32(at + 8), height: view.getUint32(at + 12) };
  }
  return null;
}

/** AVIF, 8 bits a channel. */
export const AVIF: ImageFormat = {
  name: "AVIF",
  endings: [".avif"],
  sniff: (bytes) => hasText(bytes, 4, "ftyp") && (hasText(bytes, 8, "avif") || hasText(bytes, 8, "avis")),
  measure,
  decode: async (bytes) => {
    const { default: decode } = await import("@jsquash/avif/decode.js");
    const { width, height, data } = await decode(bytes.buffer) as {
      readonly width: number;
      readonly height: number;
      readonly data: Uint8ClampedArray<ArrayBuffer>;
    };
    return { width, height, channels: 4, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
  },
};
