/** @file Samples of one image each: cropped, augmented and normalised. */
import type { Dataset } from "../sets/dataset.ts";
import { ImageError } from "../images/decode.ts";
import { erase } from "../images/erase.ts";
import { normalise } from "../images/normalise.ts";
import type { Draw } from "../images/draw.ts";
import { normaliseFloats, transformRaster } from "../images/transform_raster.ts";
import { applyTransform, type Normalisation, type Transform } from "../images/transforms.ts";
import type { Fields } from "./fields.ts";

/** What all samples of a run have in common. Plain data. */
export interface ImageFieldsOptions {
  /** Rows and columns. */
  readonly size: readonly [number, number];
  /** How images become samples. */
  readonly transform: Transform;
  /** Mean and standard deviation. */
  readonly normalisation: Normalisation;
  /** Channels, if not the 8-bit colours that most models take. */
  readonly channels?: number;
}

/**
 * Samples of one field, `values` `[H, W, C]`: normalised images.
 *
 * @param options What they have in common.
 * @returns How they are made.
 */
export function imageFields(options: ImageFieldsOptions): Fields {
  const { size, channels = 3 } = options;
  return {
    buckets: [{ values: { shape: [...size, channels], dtype: "float32" } }],
    source: { module: import.meta.url, factory: "imageFields", args: [options] },
    make: async (dataset, { index }, draw) => ({
      values: { values: await imageValues(dataset, options, index, draw) },
    }),
  };
}

/**
 * Values of one image.
 *
 * @param dataset The data set.
 * @param options As of `imageFields`.
 * @param index Number of the image.
 * @param draw Randomness.
 * @returns `[H, W, C]` row-major, normalised.
 * @throws {ImageError} If it cannot be read, or has not the channels.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { type Dataset, IMAGENET_NORMALISATION, imageValues } from "@tessera/tessera/data";
 *
 * const image = { width: 4, height: 4, channels: 3, data: new Uint8Array(48) } as const;
 * const set: Dataset = { name: "one", length: 1, nameOf: String, load: () => Promise.resolve(image) };
 * const options = { size: [2, 2], transform: { kind: "centerCrop" }, normalisation: IMAGENET_NORMALISATION } as const;
 * equal((await imageValues(set, options, 0, () => 0)).length, 12);
 * ```
 */
export async function imageValues(
  dataset: Dataset,
  { channels, ...options }: ImageFieldsOptions,
  index: number,
  draw: Draw,
): Promise<Float32Array<ArrayBuffer>> {
  if (channels !== undefined) return await channelValues(dataset, { ...options, channels }, index, draw);
  const { size, transform, normalisation } = options;
  const image = await dataset.load(index, draw);
  const values = normalise(applyTransform(image, size, transform, draw), normalisation);
  const erasing = transform.kind === "randomResizedCrop" ? transform.erase : undefined;
  return erasing ? erase(values, size, erasing, draw) : values;
}

/** Values of an image of any channels and depth; an image that has not these channels is an `ImageError`. */
async function channelValues(
  dataset: Dataset,
  { size, transform, normalisation, channels }: ImageFieldsOptions & { readonly channels: number },
  index: number,
  draw: Draw,
): Promise<Float32Array<ArrayBuffer>> {
  const raster = dataset.loadRaster ? await dataset.loadRaster(index, draw) : await dataset.load(index, draw);
  try {
    return normaliseFloats(transformRaster(raster, size, { channels, transform, draw }), normalisation);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ImageError(dataset.nameOf(index), error.message.replace(/^Cannot fit channels as /, ""), {
      cause: error,
    });
  }
}
