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

async function imageValues(
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

/** Values of an image of any channels and depth. */
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
