import type { ImageFormat, ImageSize } from "../image_format.ts";
import type { Raster } from "../raster.ts";
import { hasText, viewOf } from "./head.ts";

/** Tags of a directory. */
const [WIDTH, HEIGHT, BITS, SAMPLES] = [256, 257, 258, 277];
const [SHORT, LONG] = [3, 4];

/** The numbers of the first directory that the size follows from; null where the head is not whole. */
function measure(bytes: Uint8Array): ImageSize | null {
  const view = viewOf(bytes);
  const little = bytes[0] === 0x49;
  if (bytes.length < 14) return null;
  const start = view.getUint32(4, little);
  if (start + 2 > bytes.length) return null;
  const found = new Map<number, number>();
  const count = view.getUint16(start, little);
  for (let i = 0; i < count; i++) {
    const at = start + 2 + 12 * i;
    if (at + 12 > bytes.length) return null;
    const type = view.getUint16(at + 2, little);
    const [isShort, many] = [type === SHORT, view.getUint32(at + 4, little) > 2];
    if (!isShort && type !== LONG) continue;
    // Bits of each sample lie elsewhere where there are more than two: all have as many.
    const place = isShort && many ? view.getUint32(at + 8, little) : at + 8;
    if (place + 4 > bytes.length) continue;
    found.set(view.getUint16(at, little), isShort ? view.getUint16(place, little) : view.getUint32(place, little));
  }
  const [width, height] = [found.get(WIDTH), found.get(HEIGHT)];
  if (width === undefined || height === undefined) return null;
  const pixelBytes = (found.get(SAMPLES) ?? 1) * Math.max(1, Math.ceil((found.get(BITS) ?? 1) / 8));
  return { width, height, pixelBytes: Math.max(pixelBytes, 4) };
}

/** One bit is meant where a file says nothing of bits; the library wants it said: in a copy of the first directory. */
function withBits(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const view = viewOf(bytes);
  const little = bytes[0] === 0x49;
  const start = view.getUint32(4, little);
  const count = view.getUint16(start, little);
  const tags = Array.from({ length: count }, (_, i) => view.getUint16(start + 2 + 12 * i, little));
  if (tags.includes(BITS!)) return bytes;
  const before = tags.filter((tag) => tag < BITS!).length;
  const out = new Uint8Array(bytes.length + 6 + 12 * (count + 1));
  const copy = new DataView(out.buffer);
  const place = bytes.length;
  const entry = (i: number) => start + 2 + 12 * i;
  out.set(bytes);
  out.set(bytes.subarray(entry(0), entry(before)), place + 2);
  out.set(bytes.subarray(entry(before), entry(count) + 4), place + 2 + 12 * (before + 1));
  copy.setUint32(4, place, little);
  copy.setUint16(place, count + 1, little);
  const added = place + 2 + 12 * before;
  copy.setUint16(added, BITS!, little);
  copy.setUint16(added + 2, SHORT!, little);
  copy.setUint32(added + 4, 1, little);
  copy.setUint16(added + 8, 1, little);
  return out;
}

/** Photometric interpretation: indices of a palette. */
const PALETTE = 3;

/** A page as the library has it. */
interface Page {
  readonly width: number;
  readonly height: number;
  readonly samplesPerPixel: number;
  readonly type: number;
  readonly bitsPerSample: number;
  readonly data: Uint8Array | Uint16Array | Float32Array | Float64Array;
  readonly palette?: readonly (readonly [number, number, number])[] | undefined;
}

/** Colours of indices; those of the palette have 16 bits. */
function paletteColours({ width, height, data, palette }: Page): Raster {
  const out = new Uint16Array(width * height * 3);
  for (let i = 0; i < width * height; i++) out.set(palette![data[i]!] ?? [0, 0, 0], 3 * i);
  return { width, height, channels: 3, data: out };
}

function rasterOf(page: Page): Raster {
  const { width, height, samplesPerPixel: channels, type, bitsPerSample } = page;
  if (type === PALETTE && page.palette) return paletteColours(page);
  const size = width * height * channels;
  const source = page.data.length === size ? page.data : page.data.subarray(0, size);
  const data = source instanceof Float64Array ? Float32Array.from(source) : source;
  // The library gives a byte for each bit, and turns what is written with white as 0.
  if (bitsPerSample === 1) return { width, height, channels, data, range: [0, 1] };
  return { width, height, channels, data };
}

/** TIFF: grey, colours, palettes and more channels of 1, 8, 16 bits and floats; uncompressed, LZW or deflate; first page. */
export const TIFF: ImageFormat = {
  name: "TIFF",
  endings: [".tif", ".tiff"],
  sniff: (bytes) => hasText(bytes, 0, "II*\0") || hasText(bytes, 0, "MM\0*"),
  measure,
  decode: async (bytes) => {
    const { decode } = await import("tiff");
    const [page] = decode(withBits(bytes), { pages: [0] });
    if (!page) throw new Error("Cannot decode as there must be a page: current number is 0");
    return rasterOf(page as unknown as Page);
  },
};
