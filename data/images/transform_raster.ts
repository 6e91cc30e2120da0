/** @file Resizing of floats with any number of channels, by the windows of `resample`, and the transforms made of it. */
import { requireOptions } from "../../tensor/errors.ts";
import type { Draw } from "./draw.ts";
import type { Rectangle } from "./pixels.ts";
import { fitChannels, type Raster } from "./raster.ts";
import { type Filter, PRECISION, type Windows, windowsFor } from "./resample.ts";
import { centerCropOf, drawCrop, type Transform } from "./transforms.ts";

/** Floats of an image. */
type Floats = Raster & { readonly data: Float32Array };

/** What to make of an image. */
interface Resizing {
  readonly width: number;
  readonly height: number;
  readonly filter: Filter;
  readonly part: Rectangle;
}

/** Cuts a rectangle out. */
function cut({ width, channels, data }: Floats, { left, top, width: columns, height: rows }: Rectangle): Floats {
  const out = new Float32Array(columns * rows * channels);
  for (let y = 0; y < rows; y++) {
    const from = ((top + y) * width + left) * channels;
    out.set(data.subarray(from, from + columns * channels), y * columns * channels);
  }
  return { width: columns, height: rows, channels, data: out };
}

/** A weighted sum for each position along an axis: `stride` lies between its values, `lines` are done alike. */
function along(
  source: Float32Array,
  { first, count, weights, size }: Windows,
  { lines, lineStride, stride, inner, outLineStride }: Readonly<
    Record<"lines" | "lineStride" | "stride" | "inner" | "outLineStride", number>
  >,
): Float32Array {
  const out = new Float32Array(lines * outLineStride);
  for (let line = 0; line < lines; line++) {
    for (let i = 0; i < first.length; i++) {
      for (let c = 0; c < inner; c++) {
        let sum = 0;
        for (let k = 0; k < count[i]!; k++) {
          sum += source[line * lineStride + (first[i]! + k) * stride + c]! * weights[i * size + k]!;
        }
        out[line * outLineStride + i * inner + c] = sum / 2 ** PRECISION;
      }
    }
  }
  return out;
}

/** Resizes floats; only the part is made. */
function resampleFloats(image: Floats, { width, height, filter, part }: Resizing): Floats {
  const { channels } = image;
  const columns = windowsFor(image.width, width, filter, [part.left, part.width]);
  const rows = windowsFor(image.height, height, filter, [part.top, part.height]);
  const narrowed = along(image.data, columns, {
    ...{ lines: image.height, lineStride: image.width * channels, stride: channels },
    ...{ inner: channels, outLineStride: part.width * channels },
  });
  const line = part.width * channels;
  const data = along(narrowed, rows, {
    lines: 1,
    lineStride: 0,
    stride: line,
    inner: line,
    outLineStride: line * part.height,
  });
  return { width: part.width, height: part.height, channels, data };
}

function flipped({ width, height, channels, data }: Floats): Float32Array {
  const out = new Float32Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (y * width + width - 1 - x) * channels;
      out.set(data.subarray(from, from + channels), (y * width + x) * channels);
    }
  }
  return out;
}

/**
 * Makes a sample of any number of channels and any depth: as `applyTransform`, computed in floats.
 *
 * @param raster Any image.
 * @param size Rows and columns of the result.
 * @param options Channels of the result, by the rules of `fitChannels`; transform, without augmentation; source of
 * randomness.
 * @returns `[H, W, C]` row-major; 0 is black and 1 is white.
 * @throws {RangeError} If the image has channels that do not fit.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { transformRaster } from "@tessera/tessera/data";
 *
 * const deep = { width: 1, height: 1, channels: 1, data: Uint16Array.of(65535) };
 * const options = { channels: 1, transform: { kind: "centerCrop" }, draw: () => 0 } as const;
 * deepStrictEqual(transformRaster(deep, [1, 2], options), Float32Array.of(1, 1));
 * ```
 */
export function transformRaster(
  raster: Raster,
  size: readonly [number, number],
  options: { readonly channels: number; readonly transform: Transform; readonly draw: Draw },
): Float32Array {
  requireOptions("transformRaster", options, { channels: true, transform: true, draw: true });
  const { channels, transform, draw } = options;
  const image = fitChannels(raster, channels);
  const filter = transform.filter ?? "bicubic";
  const [height, width] = size;
  if (transform.kind === "centerCrop") {
    return resampleFloats(image, { ...centerCropOf(image, size, transform.enlarge ?? 1), filter }).data;
  }
  const source = cut(image, drawCrop(image.width, image.height, draw, transform));
  const resized = resampleFloats(source, { width, height, filter, part: { left: 0, top: 0, width, height } });
  return draw() < (transform.flip ?? 0.5) ? flipped(resized) : resized.data;
}

/**
 * Centres floats: `(x - mean) / std` for each channel.
 *
 * @param values `[H, W, C]` row-major; 0 is black and 1 is white.
 * @param normalisation Mean and standard deviation of each channel.
 * @returns New values.
 */
export function normaliseFloats(
  values: Float32Array,
  { mean, std }: { readonly mean: readonly number[]; readonly std: readonly number[] },
): Float32Array<ArrayBuffer> {
  const channels = mean.length;
  return Float32Array.from(values, (value, i) => (value - mean[i % channels]!) / std[i % channels]!);
}
