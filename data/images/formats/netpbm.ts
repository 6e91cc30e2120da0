import type { ImageFormat } from "../image_format.ts";
import type { Raster } from "../raster.ts";

/** The head: kind, width, height, largest value, and where the values begin. */
interface Head {
  readonly kind: number;
  readonly width: number;
  readonly height: number;
  readonly most: number;
  readonly at: number;
}

/** Numbers between blanks; `#` begins a comment that goes to the end of its line. */
function headOf(bytes: Uint8Array): Head | null {
  const kind = bytes[1]! - 0x30;
  const numbers: number[] = [];
  const wanted = kind === 1 || kind === 4 ? 2 : 3;
  let at = 2;
  while (numbers.length < wanted && at < bytes.length) {
    const byte = bytes[at]!;
    if (byte === 0x23) { while (at < bytes.length && bytes[at] !== 0x0a) at++; }
    else if (byte <= 0x20) at++;
    else {
      const start = at;
      while (at < bytes.length && bytes[at]! > 0x20 && bytes[at] !== 0x23) at++;
      const digits = new TextDecoder().decode(bytes.subarray(start, at));
      if (!/^\d{1,9}$/.test(digits)) return null;
      numbers.push(Number(digits));
    }
  }
  const [width = 0, height = 0, most = 1] = numbers;
  return numbers.length === wanted ? { kind, width, height, most, at: at + 1 } : null;
}

const channelsOf = (kind: number): number => kind === 3 || kind === 6 ? 3 : 1;

/** Values that stand as digits. */
function plainValues(bytes: Uint8Array, { kind, at }: Head, count: number): readonly number[] {
  const text = new TextDecoder().decode(bytes.subarray(at)).replaceAll(/#[^\n]*/g, " ");
  const tokens = kind === 1 ? text.replaceAll(/\s/g, "").split("") : text.split(/\s+/).filter((token) => token !== "");
  return tokens.slice(0, count).map(Number);
}

function packedValues(
  bytes: Uint8Array,
  { kind, width, height, most, at }: Head,
  count: number,
): readonly number[] | Uint8Array {
  if (kind === 4) {
    const stride = Math.ceil(width / 8);
    return Array.from({ length: width * height }, (_, i) => {
      const [x, y] = [i % width, Math.floor(i / width)];
      return bytes[at + y * stride + (x >> 3)]! >> (7 - x % 8) & 1;
    });
  }
  if (most < 256) return bytes.subarray(at, at + count);
  return Array.from({ length: count }, (_, i) => bytes[at + 2 * i]! * 256 + bytes[at + 2 * i + 1]!);
}

function decode(bytes: Uint8Array): Raster {
  const head = headOf(bytes)!;
  const { kind, width, height, most } = head;
  const channels = channelsOf(kind);
  const count = width * height * channels;
  if (most < 1 || most > 65535) {
    throw new Error(`Cannot decode as values must be at most 65535: current bound is ${most}`);
  }
  const values = kind < 4 ? plainValues(bytes, head, count) : packedValues(bytes, head, count);
  if (values.length < count || values.some((value) => !(value >= 0 && value <= most))) {
    throw new Error(`Cannot decode as there must be ${count} values of at most ${most}: current ones are others`);
  }
  const data = most < 256 ? Uint8Array.from(values) : Uint16Array.from(values);
  // In bitmaps 1 is black.
  const range = kind === 1 || kind === 4 ? [1, 0] as const : [0, most] as const;
  return { width, height, channels, data, ...(most === 255 || most === 65535 ? {} : { range }) };
}

/** PBM, PGM and PPM, in digits or packed, of 1 to 16 bits. */
export const NETPBM: ImageFormat = {
  name: "PPM",
  endings: [".ppm", ".pgm", ".pbm", ".pnm"],
  sniff: (bytes) =>
    bytes[0] === 0x50 && bytes[1]! >= 0x31 && bytes[1]! <= 0x36 && (bytes[2]! <= 0x20 || bytes[2] === 0x23),
  measure: (bytes) => {
    const head = headOf(bytes);
    if (!head) return null;
    const { kind, width, height, most, at } = head;
    const bits = kind === 4 ? 1 : kind < 4 ? 8 : most < 256 ? 8 : 16;
    return {
      width,
      height,
      pixelBytes: 8,
      leastBytes: at + Math.floor(width * height * channelsOf(kind) * bits / 8) - 1,
    };
  },
  decode,
};
