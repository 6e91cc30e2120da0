import type { ImageFormat } from "../image_format.ts";
import type { Raster } from "../raster.ts";
import { hasText, viewOf } from "./head.ts";

/** Sizes of the headers that there are; the first is that of OS/2, with sizes of 16 bits and palettes of three bytes. */
const HEADERS = [12, 40, 52, 56, 64, 108, 124];
const OLDEST = 12;

/** How pixels are packed. */
const [PLAIN, RLE8, RLE4, FIELDS] = [0, 1, 2, 3];

/** What the head says. */
interface Head {
  readonly width: number;
  readonly height: number;
  /** Rows stand from the top. */
  readonly isTopDown: boolean;
  readonly bits: number;
  readonly packing: number;
  /** First byte of the pixels. */
  readonly start: number;
  /** First byte of the palette, colours in it, bytes of each. */
  readonly palette: { readonly at: number; readonly count: number; readonly each: number };
  /** Bits of red, green, blue and alpha. */
  readonly masks: readonly [number, number, number, number];
}

const MASKS: Readonly<Record<number, Head["masks"]>> = {
  16: [0x7c00, 0x3e0, 0x1f, 0],
  32: [0xff0000, 0xff00, 0xff, 0],
};

function headOf(bytes: Uint8Array): Head | null {
  if (bytes.length < 26) return null;
  const view = viewOf(bytes);
  const [start, size] = [view.getUint32(10, true), view.getUint32(14, true)];
  if (bytes.length < 14 + size) return null;
  if (size === OLDEST) {
    const [width, height, bits] = [view.getUint16(18, true), view.getUint16(20, true), view.getUint16(24, true)];
    const palette = { at: 26, count: bits <= 8 ? 2 ** bits : 0, each: 3 };
    return { width, height, isTopDown: false, bits, packing: PLAIN!, start, palette, masks: [0, 0, 0, 0] };
  }
  const [width, height, bits] = [view.getInt32(18, true), view.getInt32(22, true), view.getUint16(28, true)];
  const packing = view.getUint32(30, true);
  const told = view.getUint32(46, true);
  const count = bits <= 8 ? Math.min(told || 2 ** bits, 256) : 0;
  const hasMasks = packing === FIELDS && bytes.length >= 70;
  const mask = (i: number) => view.getUint32(54 + 4 * i, true);
  const masks = hasMasks ? [mask(0), mask(1), mask(2), size >= 56 ? mask(3) : 0] as const : MASKS[bits] ?? [0, 0, 0, 0];
  return {
    ...{ width: Math.max(0, width), height: Math.abs(height), isTopDown: height < 0, bits, packing, start, masks },
    palette: { at: 14 + size + (hasMasks && size === 40 ? 12 : 0), count, each: 4 },
  };
}

const strideOf = (width: number, bits: number): number => 4 * Math.ceil(width * bits / 32);

/** Indices of a palette, row by row as they stand. */
function indices(bytes: Uint8Array, { width, height, bits, packing, start }: Head): Uint8Array {
  if (packing === RLE8 || packing === RLE4) return runs(bytes.subarray(start), width, height, packing === RLE4);
  const stride = strideOf(width, bits);
  const perByte = 8 / bits;
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    const byte = bytes[start + y * stride + Math.floor(x / perByte)]!;
    return byte >> (8 - bits * (x % perByte + 1)) & (2 ** bits - 1);
  });
}

/** Unpacks run lengths. What is passed over stays 0. */
function runs(packed: Uint8Array, width: number, height: number, isHalf: boolean): Uint8Array {
  const out = new Uint8Array(width * height);
  let [x, y, at] = [0, 0, 0];
  const put = (byte: number, i: number) => {
    if (x < width) out[y * width + x] = isHalf ? (i % 2 ? byte & 15 : byte >> 4) : byte;
    x++;
  };
  while (y < height) {
    const [count, value] = [packed[at], packed[at + 1]];
    if (count === undefined || value === undefined) {
      throw new Error("Cannot decode as runs must be whole: current ones end early");
    }
    at += 2;
    if (count > 0) { for (let i = 0; i < count; i++) put(value, i); }
    else if (value === 0) [x, y] = [0, y + 1];
    else if (value === 1) break;
    else if (value === 2) {
      x += packed[at] ?? 0;
      y += packed[at + 1] ?? 0;
      at += 2;
    } else {
      for (let i = 0; i < value; i++) put(packed[at + (isHalf ? i >> 1 : i)] ?? 0, i);
      const used = isHalf ? Math.ceil(value / 2) : value;
      at += used + used % 2;
    }
  }
  return out;
}

/** A colour's part of a pixel, stretched to 8 bits. */
function field(pixel: number, mask: number): number {
  if (mask === 0) return 255;
  const shift = 31 - Math.clz32(mask & -mask);
  const most = mask >>> shift;
  return Math.round(((pixel & mask) >>> shift) / most * 255);
}

function decode(bytes: Uint8Array): Raster {
  const head = headOf(bytes)!;
  const { width, height, isTopDown, bits, packing, start, palette, masks } = head;
  if (![1, 4, 8, 16, 24, 32].includes(bits) || ![PLAIN, RLE8, RLE4, FIELDS].includes(packing)) {
    throw new Error(
      `Cannot decode as pixels must be of a form that is known: current ones have ${bits} bits, packing ${packing}`,
    );
  }
  const isPacked = packing === RLE8 || packing === RLE4;
  const stride = strideOf(width, bits);
  if (!isPacked && start + stride * height > bytes.length || isPacked && bits > 8) {
    throw new Error(`Cannot decode as its pixels must be whole: current file has ${bytes.length} bytes`);
  }
  const channels = masks[3] !== 0 && bits === 32 ? 4 : 3;
  const data = new Uint8Array(width * height * channels);
  const view = viewOf(bytes);
  const index = bits <= 8 ? indices(bytes, head) : null;
  for (let row = 0; row < height; row++) {
    const target = (isTopDown ? row : height - 1 - row) * width;
    for (let x = 0; x < width; x++) {
      const to = (target + x) * channels;
      const at = index ? palette.at + index[row * width + x]! * palette.each : start + row * stride + x * bits / 8;
      if (index || bits === 24) { for (let c = 0; c < 3; c++) data[to + c] = bytes[at + 2 - c] ?? 0; }
      else {
        const pixel = bits === 16 ? view.getUint16(at, true) : view.getUint32(at, true);
        for (let c = 0; c < channels; c++) data[to + c] = field(pixel, masks[c]!);
      }
    }
  }
  return { width, height, channels, data };
}

/** BMP of 1 to 32 bits, with palettes, run lengths and bit masks. */
export const BMP: ImageFormat = {
  name: "BMP",
  endings: [".bmp", ".dib"],
  sniff: (bytes) => hasText(bytes, 0, "BM") && HEADERS.includes(bytes[14]!) && bytes[15] === 0,
  measure: (bytes) => {
    const head = headOf(bytes);
    if (!head) return null;
    const { width, height, bits, packing } = head;
    return { width, height, leastBytes: packing === RLE8 || packing === RLE4 ? 0 : strideOf(width, bits) * height };
  },
  decode,
};
