import { type ImageFormat, type ImageSize, UnreadFormError } from "../image_format.ts";
import type { Raster } from "../raster.ts";
import { hasText, viewOf } from "./head.ts";
import { inksToColours } from "./inks.ts";
import { TAG, type TiffDirectory, tiffDirectory } from "./tiff_directory.ts";
import { OTHER_PACKINGS, UNPACK } from "./tiff_packing.ts";

/** Photometric interpretations. */
const [WHITE_IS_ZERO, BLACK_IS_ZERO, COLOURS, PALETTE, INKS] = [0, 1, 2, 3, 5];
const OTHER_COLOURS: Readonly<Record<number, string>> = { 4: "a mask", 6: "YCbCr", 8: "Lab", 9: "Lab", 10: "Lab" };
/** Formats of samples. */
const [UNSIGNED, SIGNED, FLOAT] = [1, 2, 3];

/** How the values of a picture lie in its file. */
interface Layout {
  readonly width: number;
  readonly height: number;
  readonly samples: number;
  readonly bits: number;
  readonly format: number;
  readonly photometric: number;
  readonly compression: number;
  /** Whether each sample is a picture of its own. */
  readonly isPlanar: boolean;
  /** Whether rows hold differences. */
  readonly hasDifferences: boolean;
  /** Columns and rows of a part: a tile, or a strip as wide as the picture. */
  readonly part: readonly [width: number, height: number];
  readonly offsets: readonly number[];
  readonly lengths: readonly number[];
}

function layoutOf({ numbers, number }: TiffDirectory): Layout {
  const [width, height] = [number(TAG.width, 0), number(TAG.height, 0)];
  const isTiled = numbers(TAG.tileWidth).length > 0;
  const offsets = numbers(isTiled ? TAG.tileOffsets : TAG.stripOffsets);
  const lengths = numbers(isTiled ? TAG.tileBytes : TAG.stripBytes);
  return {
    ...{ width, height, offsets },
    samples: number(TAG.samples, 1),
    bits: number(TAG.bits, 1),
    format: number(TAG.format, UNSIGNED),
    photometric: number(TAG.photometric, BLACK_IS_ZERO),
    compression: number(TAG.compression, 1),
    isPlanar: number(TAG.planes, 1) === 2 && number(TAG.samples, 1) > 1,
    hasDifferences: number(TAG.predictor, 1) === 2,
    part: isTiled
      ? [number(TAG.tileWidth, width), number(TAG.tileHeight, height)]
      : [width, Math.min(height, number(TAG.rowsPerStrip, height))],
    lengths: lengths.length > 0 ? lengths : offsets.map(() => Infinity), // old files do not say them
  };
}

/** Refuses by name what is whole and not read. */
function requireRead({ numbers, number }: TiffDirectory, layout: Layout): void {
  const { bits, format, photometric, compression, samples } = layout;
  const refuse = (what: string, value: unknown) => {
    throw new UnreadFormError(`current ${what} is ${value}`);
  };
  if (!UNPACK.has(compression)) refuse("compression", OTHER_PACKINGS[compression] ?? compression);
  if (photometric > INKS || OTHER_COLOURS[photometric]) {
    refuse("kind of colours", OTHER_COLOURS[photometric] ?? photometric);
  }
  const isKnown = format === FLOAT ? bits === 32 || bits === 64 : [1, 2, 4, 8, 16, 32].includes(bits);
  if (!isKnown || format < UNSIGNED || format > FLOAT) refuse("depth", `${bits} bits of format ${format}`);
  if (numbers(TAG.bits).some((each) => each !== bits)) refuse("depth", `${numbers(TAG.bits).join(", ")} bits`);
  const predictor = number(TAG.predictor, 1);
  if (predictor > 2 || (predictor === 2 && bits < 8) || (predictor === 2 && bits > 32)) {
    refuse("predictor", predictor === 3 ? "that of floats" : `${predictor} of ${bits} bits`);
  }
  if (photometric === INKS && (samples !== 4 || bits !== 8)) refuse("number of inks", `${samples} of ${bits} bits`);
  if (number(TAG.fillOrder, 1) !== 1) refuse("order of bits", "the lowest first");
}

/** More bytes of parts than this and four times the picture's are a damaged head. */
const MAX_FILLING = 2 ** 26;

/** Parts across, down, and of how many pictures. */
function partsOf({ width, height, samples, bits, isPlanar, part: [wide, high] }: Layout) {
  const [across, down, planes] = [Math.ceil(width / wide), Math.ceil(height / high), isPlanar ? samples : 1];
  const rowBytes = Math.ceil(wide * samples / planes * bits / 8);
  const whole = across * down * planes * high * rowBytes;
  if (whole > 0 && whole <= 4 * width * height * samples * bits / 8 + MAX_FILLING) {
    return { across, down, planes, rowBytes };
  }
  throw new Error(
    `Cannot decode as parts must fit the picture: current ones are ${wide}x${high} of ${samples} samples`,
  );
}

function measure(bytes: Uint8Array): ImageSize | null {
  const directory = tiffDirectory(bytes);
  if (!directory) return null;
  const { width, height, samples, bits } = layoutOf(directory);
  if (width === 0 || height === 0) return null;
  return { width, height, pixelBytes: Math.max(samples * Math.max(1, Math.ceil(bits / 8)), 4) };
}

/** Reads a sample of a row by its number. */
function readerOf({ bits, format }: Layout, view: DataView, isLittle: boolean): (row: number, k: number) => number {
  if (bits < 8) {
    const each = 8 / bits;
    return (row, k) => view.getUint8(row + Math.floor(k / each)) >> (8 - bits * (k % each + 1)) & ((1 << bits) - 1);
  }
  const kind = format === FLOAT ? "Float" : format === SIGNED ? "Int" : "Uint";
  const read = view[`get${kind}${bits}` as "getUint16"].bind(view);
  return (row, k) => read(row + k * bits / 8, isLittle);
}

/** Sums up rows of differences, in place. */
function sumRows(
  { bits }: Layout,
  view: DataView,
  { rowBytes, step, isLittle }: { readonly rowBytes: number; readonly step: number; readonly isLittle: boolean },
): void {
  const size = bits / 8;
  const [get, set] = [
    view[`getUint${bits}` as "getUint16"].bind(view),
    view[`setUint${bits}` as "setUint16"].bind(view),
  ];
  for (let row = 0; row < view.byteLength; row += rowBytes) {
    for (let at = row + step * size; at + size <= row + rowBytes; at += size) {
      set(at, get(at, isLittle) + get(at - step * size, isLittle), isLittle);
    }
  }
}

function emptyFor({ bits, format }: Layout, length: number): Uint8Array<ArrayBuffer> | Uint16Array | Float32Array {
  if (format === UNSIGNED && bits <= 8) return new Uint8Array(length);
  return format === UNSIGNED && bits === 16 ? new Uint16Array(length) : new Float32Array(length);
}

/** The values of all parts, row-major, channels last. */
function valuesOf(bytes: Uint8Array, layout: Layout, isLittle: boolean) {
  const { width, height, samples, part: [wide, high], offsets, lengths } = layout;
  const { across, down, planes, rowBytes } = partsOf(layout);
  const out = emptyFor(layout, width * height * samples);
  const step = samples / planes;
  const unpack = UNPACK.get(layout.compression)!;
  for (let i = 0; i < across * down * planes; i++) {
    const [plane, y0, x0] = [Math.floor(i / (across * down)), Math.floor(i / across) % down * high, i % across * wide];
    const rows = wide === width && across === 1 ? Math.min(high, height - y0) : high;
    const [from, length] = [offsets[i], lengths[i]];
    if (from === undefined || length === undefined || from >= bytes.length) {
      throw new Error(`Cannot decode as part ${i} must lie in the file: current place is ${from ?? "absent"}`);
    }
    const held = new Uint8Array(rows * rowBytes);
    const least = Math.min(rows, height - y0) * rowBytes; // what lies below the picture may be left out
    const count = unpack(bytes.subarray(from, from + length), held);
    if (count < least) {
      throw new Error(`Cannot decode as part ${i} must have ${least} bytes: current number is ${count}`);
    }
    const view = viewOf(held);
    if (layout.hasDifferences) sumRows(layout, view, { rowBytes, step, isLittle });
    const read = readerOf(layout, view, isLittle);
    for (let y = y0; y < Math.min(y0 + high, height); y++) {
      for (let x = x0; x < Math.min(x0 + wide, width); x++) {
        const place = (y * width + x) * samples;
        for (let s = 0; s < step; s++) out[place + plane + s] = read((y - y0) * rowBytes, (x - x0) * step + s);
      }
    }
  }
  return out;
}

/** Colours of indices; those of the palette have 16 bits, all reds first. */
function paletteColours(data: ArrayLike<number>, palette: readonly number[]): Uint16Array {
  const [count, out] = [palette.length / 3, new Uint16Array(data.length * 3)];
  for (let i = 0; i < data.length; i++) {
    for (let c = 0; c < 3; c++) out[3 * i + c] = palette[c * count + data[i]!] ?? 0;
  }
  return out;
}

/** Colours that were multiplied by their alpha, as they were before, in place. */
function divideByAlpha(data: Uint8Array | Uint16Array | Float32Array, samples: number, most: number): void {
  for (let i = 0; i < data.length; i += samples) {
    const alpha = data[i + samples - 1]!;
    for (let c = i; alpha > 0 && c < i + samples - 1; c++) {
      data[c] = Math.min(most, Math.round(data[c]! * most / alpha));
    }
  }
}

function rasterOf(bytes: Uint8Array): Raster {
  const directory = tiffDirectory(bytes)!;
  const layout = layoutOf(directory);
  requireRead(directory, layout);
  const { width, height, samples: channels, bits, format, photometric } = layout;
  const data = valuesOf(bytes, layout, directory.isLittle);
  const palette = directory.numbers(TAG.palette);
  if (photometric === PALETTE && palette.length > 0) {
    return { width, height, channels: 3, data: paletteColours(data, palette) };
  }
  const most = 2 ** bits - 1;
  if (photometric === INKS) {
    data.forEach((value, i) => data[i] = most - value);
    inksToColours(data as Uint8Array);
    return { width, height, channels, data, opaque: true };
  }
  if (photometric === WHITE_IS_ZERO && format === UNSIGNED) data.forEach((value, i) => data[i] = most - value);
  const isMultiplied = directory.number(TAG.extra, 0) === 1 && photometric === COLOURS && channels === 4;
  if (isMultiplied && format === UNSIGNED) divideByAlpha(data, channels, most);
  return { width, height, channels, data, ...bits < 8 && { range: [0, most] as const } };
}

/**
 * TIFF: grey, colours, inks, palettes and more channels of 1 to 16 bits, whole numbers of 32 and floats; in strips or tiles,
 * interleaved or in planes; uncompressed, LZW, deflate or PackBits; first page. Orientation tags are not applied.
 */
export const TIFF: ImageFormat = {
  name: "TIFF",
  endings: [".tif", ".tiff"],
  sniff: (bytes) => hasText(bytes, 0, "II*\0") || hasText(bytes, 0, "MM\0*"),
  measure,
  decode: rasterOf,
};
