import type { ImageFormat } from "../image_format.ts";
import { hasText, viewOf } from "./head.ts";

/** GIF, the first picture of an animation. */
export const GIF: ImageFormat = {
  name: "GIF",
  endings: [".gif"],
  sniff: (bytes) => hasText(bytes, 0, "GIF87a") || hasText(bytes, 0, "GIF89a"),
  measure: (bytes) => {
    if (bytes.length < 13) return null;
    const view = viewOf(bytes);
    return { width: view.getUint16(6, true), height: view.getUint16(8, true) };
  },
  decode: async (bytes) => {
    const { GifReader } = await import("omggif");
    const reader = new GifReader(bytes);
    const { width, height } = reader;
    const frame = reader.frameInfo(0);
    if (frame.x + frame.width > width || frame.y + frame.height > height) {
      throw new Error("Cannot decode as its first picture must lie on its canvas: current one does not");
    }
    const data = new Uint8Array(width * height * 4);
    reader.decodeAndBlitFrameRGBA(0, data);
    return { width, height, channels: 4, data };
  },
};
