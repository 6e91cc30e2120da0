import type { Pixels } from "./pixels.ts";

/** An image of any number of channels and of any depth, as a file has it: row-major, channels last, without padding. */
export interface Raster {
  /** Columns. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** 1: grey. 2: grey, alpha. 3: red, green, blue. 4: alpha after them. More: whatever the file says. */
  readonly channels: number;
  /** `height * width * channels` values. */
  readonly data: Uint8Array | Uint16Array | Float32Array;
  /**
   * Values of black and white; `[0, 255]` for bytes, `[0, 65535]` for 16 bits, and the least and the largest value of the
   * image for floats, if not given.
   */
  readonly range?: readonly [number, number];
  /** True where the last of four channels only fills up: the file has no alpha. */
  readonly opaque?: boolean;
}

/**
 * Counts the channels that a file has, a filler left out.
 *
 * @param raster The image.
 * @returns Channels.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { trueChannels } from "@tessera/tessera/data";
 *
 * equal(trueChannels({ width: 1, height: 1, channels: 4, data: new Uint8Array(4), opaque: true }), 3);
 * ```
 */
export function trueChannels(raster: Raster): number {
  return raster.opaque && raster.channels === 4 ? 3 : raster.channels;
}

/** Values of black and white of an image. */
function rangeOf({ data, range }: Raster): readonly [number, number] {
  if (range) return range;
  if (data instanceof Uint8Array) return [0, 255];
  if (data instanceof Uint16Array) return [0, 65535];
  let [low, high] = [Infinity, -Infinity];
  for (const value of data) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low < high ? [low, high] : [Number.isFinite(low) ? low : 0, (Number.isFinite(low) ? low : 0) + 1];
}

/** Bytes of the values: the upper byte of 16 bits, as Pillow and libpng have it; others stretched from black to white. */
function bytesOf(raster: Raster): Uint8Array {
  const { data } = raster;
  if (data instanceof Uint8Array && raster.range === undefined) return data;
  if (data instanceof Uint16Array && raster.range === undefined) return Uint8Array.from(data, (value) => value >>> 8);
  const [low, high] = rangeOf(raster);
  const out = new Uint8ClampedArray(data.length); // rounds and clamps; NaN becomes 0
  for (let i = 0; i < data.length; i++) out[i] = (data[i]! - low) / (high - low) * 255;
  return new Uint8Array(out.buffer);
}

/**
 * Turns an image into 8-bit red, green, blue and alpha. Grey becomes all three colours; 16 bits lose their lower byte;
 * other depths are stretched from black to white.
 *
 * @param raster An image with 1 to 4 channels.
 * @returns Four channels; alpha is 255 where there is none.
 * @throws {RangeError} If it has more than four channels.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { toPixels } from "@tessera/tessera/data";
 *
 * const grey = { width: 2, height: 1, channels: 1, data: Uint16Array.of(0, 65535) };
 * deepStrictEqual(toPixels(grey).data, Uint8Array.of(0, 0, 0, 255, 255, 255, 255, 255));
 * ```
 */
export function toPixels(raster: Raster): Pixels {
  const { width, height, channels } = raster;
  if (channels > 4) {
    throw new RangeError(
      `Cannot show as red, green and blue as an image must have 1 to 4 channels: current one has ${channels}`,
    );
  }
  const bytes = bytesOf(raster);
  if (channels === 4) return { width, height, channels, data: bytes };
  const count = width * height;
  const data = new Uint8Array(count * 4).fill(255);
  const isGrey = channels < 3;
  for (let i = 0; i < count; i++) {
    for (let c = 0; c < 3; c++) data[i * 4 + c] = bytes[i * channels + (isGrey ? 0 : c)]!;
    if (channels === 2) data[i * 4 + 3] = bytes[i * 2 + 1]!;
  }
  return { width, height, channels: 4, data };
}

/** Pillow's grey of a colour: ITU-R 601-2 luma in fixed point. */
const luma = (red: number, green: number, blue: number): number => (red * 19595 + green * 38470 + blue * 7471) / 65536;

/**
 * Gives an image the number of channels that a model takes, as floats from 0 (black) to 1 (white).
 *
 * @param raster Any image.
 * @param channels How many are wanted. 1 of a colour image: its luma. 3 of a grey one: three times the same. Alpha is
 * dropped where it is not wanted.
 * @returns Floats with that many channels.
 * @throws {RangeError} If the image has another number of channels that none of these rules makes fit.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { fitChannels } from "@tessera/tessera/data";
 *
 * const deep = { width: 1, height: 1, channels: 1, data: Uint16Array.of(65535) };
 * deepStrictEqual(fitChannels(deep, 3).data, Float32Array.of(1, 1, 1));
 * ```
 */
export function fitChannels(raster: Raster, channels: number): Raster & { readonly data: Float32Array } {
  const { width, height, data } = raster;
  const [has, stride] = [trueChannels(raster), raster.channels];
  const isGrey = has <= 2;
  const fits = has === channels || (channels === 1 && has <= 4) || (channels === 3 && (isGrey || has === 4));
  if (!fits) {
    throw new RangeError(`Cannot fit channels as images must have ${channels} channels: current image has ${has}`);
  }
  const [low, high] = rangeOf(raster);
  const unit = (at: number) => (data[at]! - low) / (high - low);
  const out = new Float32Array(width * height * channels);
  for (let i = 0; i < width * height; i++) {
    const from = i * stride;
    for (let c = 0; c < channels; c++) {
      out[i * channels + c] = channels === 1 && has > 2 && has <= 4
        ? luma(unit(from), unit(from + 1), unit(from + 2))
        : unit(from + (isGrey && channels === 3 ? 0 : c));
    }
  }
  return { width, height, channels, data: out, range: [0, 1] };
}
