import type { ImageFormat } from "../image_format.ts";
import { hasText, viewOf } from "./head.ts";

/** Samples of a pixel by colour type: grey, colour, palette, grey and alpha, colour and alpha. */
const SAMPLES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/** Deflate packs at most so many bytes into one. */
const MAX_DEFLATE_RATIO = 1032;

/** Bits of a sample and the colour type stand in the head. */
const isDeep = (bytes: Uint8Array): boolean => bytes[24] === 16;

/** PNG: 8 bits a channel as red, green, blue and alpha; 16 bits with the channels of the file. */
export const PNG: ImageFormat = {
  name: "PNG",
  endings: [".png"],
  sniff: (bytes) => hasText(bytes, 0, "\x89PNG\r\n\x1a\n"),
  measure: (bytes) => {
    if (!hasText(bytes, 12, "IHDR") || bytes.length < 26) return null;
    const view = viewOf(bytes);
    const [width, height, bits, colour] = [view.getUint32(16), view.getUint32(20), bytes[24]!, bytes[25]!];
    const samples = SAMPLES[colour] ?? 1;
    const leastBytes = Math.ceil(height * Math.ceil(width * bits * samples / 8) / MAX_DEFLATE_RATIO);
    return { width, height, leastBytes, pixelBytes: bits === 16 ? 2 * samples : 4 };
  },
  decode: async (bytes) => {
    if (isDeep(bytes)) {
      const { decode } = await import("fast-png");
      const { width, height, channels, data } = decode(bytes, { checkCrc: true });
      return { width, height, channels, data: data as Uint16Array };
    }
    const { width, height, data } = await (await import("@jsquash/png")).decode(bytes.buffer);
    const values = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
    const colour = bytes[25]!;
    return { width, height, channels: 4, data: values, opaque: colour === 0 || colour === 2 };
  },
};
