import { joinBytes } from "../../formats/bytes.ts";
import type { ImageFormat, ImageSize } from "../image_format.ts";
import type { Raster } from "../raster.ts";
import { hasText, viewOf } from "./head.ts";

const size24 = (view: DataView, at: number): number => view.getUint16(at, true) | (view.getUint8(at + 2) << 16);

function measure(bytes: Uint8Array): ImageSize | null {
  if (bytes.length < 30) return null;
  const view = viewOf(bytes);
  if (hasText(bytes, 12, "VP8 ")) {
    return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
  }
  if (hasText(bytes, 12, "VP8L")) {
    const bits = view.getUint32(21, true);
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
  }
  if (!hasText(bytes, 12, "VP8X")) return null;
  return { width: size24(view, 24) + 1, height: size24(view, 27) + 1 };
}

/** A frame of an animation: its place on the canvas, and the chunks of a still image. */
interface Frame {
  readonly left: number;
  readonly top: number;
  readonly chunks: Uint8Array;
}

/** The first frame of an animation; undefined where there is none. */
function firstFrame(bytes: Uint8Array): Frame | undefined {
  const view = viewOf(bytes);
  for (let at = 12; at + 8 <= bytes.length;) {
    const size = view.getUint32(at + 4, true);
    if (hasText(bytes, at, "ANMF") && size >= 24 && at + 8 + size <= bytes.length) {
      const [left, top] = [2 * size24(view, at + 8), 2 * size24(view, at + 11)];
      return { left, top, chunks: bytes.subarray(at + 24, at + 8 + size) };
    }
    at += 8 + size + size % 2;
  }
}

const textBytes = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

function chunk(name: string, content: Uint8Array): Uint8Array {
  const size = new Uint8Array(4);
  new DataView(size.buffer).setUint32(0, content.length, true);
  return joinBytes([textBytes(name), size, content, new Uint8Array(content.length % 2)]);
}

/** A frame as a file of its own. Where alpha comes apart from the colours, the head must say so and tell the size. */
function stillOf(frame: Frame, width: number, height: number): Uint8Array<ArrayBuffer> {
  const head = new Uint8Array(10);
  head[0] = 0x10; // alpha
  [width - 1, height - 1].forEach((size, i) => {
    for (let k = 0; k < 3; k++) head[4 + 3 * i + k] = size >>> (8 * k);
  });
  const parts = hasText(frame.chunks, 0, "ALPH") ? [chunk("VP8X", head), frame.chunks] : [frame.chunks];
  return chunk("RIFF", joinBytes([textBytes("WEBP"), ...parts])) as Uint8Array<ArrayBuffer>;
}

async function decodeStill(bytes: Uint8Array<ArrayBuffer>): Promise<Raster> {
  const { decode } = await import("@jsquash/webp");
  const { width, height, data } = await decode(bytes.buffer);
  const values = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  const opaque = hasText(bytes, 12, "VP8 ") || hasText(bytes, 12, "VP8X") && (bytes[20]! & 0x10) === 0;
  return { width, height, channels: 4, data: values, opaque };
}

/** Puts the first frame on the canvas, which is transparent, as Pillow has it. */
async function decodeAnimation(bytes: Uint8Array, { width, height }: ImageSize): Promise<Raster> {
  const frame = firstFrame(bytes);
  if (!frame || frame.chunks.length < 18) {
    throw new Error("Cannot decode as an animation must have a first frame: current one has none");
  }
  const view = viewOf(bytes);
  const at = frame.chunks.byteOffset - bytes.byteOffset - 16;
  const [columns, rows] = [size24(view, at + 6) + 1, size24(view, at + 9) + 1];
  if (frame.left + columns > width || frame.top + rows > height) {
    throw new Error("Cannot decode as its first frame must lie on its canvas: current one does not");
  }
  const still = await decodeStill(stillOf(frame, columns, rows));
  if (still.width !== columns || still.height !== rows) {
    throw new Error("Cannot decode as its first frame must have the size that it tells: current size is another");
  }
  const data = new Uint8Array(width * height * 4);
  for (let y = 0; y < rows; y++) {
    data.set(still.data.subarray(y * columns * 4, (y + 1) * columns * 4), ((frame.top + y) * width + frame.left) * 4);
  }
  return { width, height, channels: 4, data };
}

/** WebP, lossy and lossless; of animations the first frame. */
export const WEBP: ImageFormat = {
  name: "WebP",
  endings: [".webp"],
  sniff: (bytes) => hasText(bytes, 0, "RIFF") && hasText(bytes, 8, "WEBP"),
  measure,
  decode: (bytes) => {
    const isAnimated = hasText(bytes, 12, "VP8X") && (bytes[20]! & 2) !== 0;
    return isAnimated ? decodeAnimation(bytes, measure(bytes)!) : decodeStill(bytes);
  },
};
