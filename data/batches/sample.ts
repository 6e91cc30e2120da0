import type { Dataset } from "../sets/dataset.ts";
import { ImageError } from "../images/decode.ts";
import { erase } from "../images/erase.ts";
import { normalise } from "../images/normalise.ts";
import type { Draw } from "../images/draw.ts";
import { normaliseFloats, transformRaster } from "../images/transform_raster.ts";
import { dataKey, drawsOf } from "./draws.ts";
import { applyTransform, type Normalisation, type Transform } from "../images/transforms.ts";

/** What all samples of a run have in common. Plain data. */
export interface SampleSettings {
  /** Rows and columns. */
  readonly size: readonly [number, number];
  /** Seed of the run. */
  readonly seed: number;
  /** How images become samples. */
  readonly transform: Transform;
  /** Mean and standard deviation. */
  readonly normalisation: Normalisation;
  /** Channels, if not the 8-bit colours that most models take. */
  readonly channels?: number;
}

/** One sample of one epoch. */
export interface SampleRequest {
  /** Number in the data set. */
  readonly index: number;
  /** Which epoch, from 0. */
  readonly epoch: number;
  /** How often the epoch had this image before: batches are filled up from its beginning. */
  readonly repeat: number;
}

/** Normalised values `[H, W, C]`, or why there are none. */
export type SampleResult =
  | { readonly values: Float32Array<ArrayBuffer> }
  | { readonly reason: string };

/** Separates the randomness of samples from that of the order. */
const SAMPLE_STREAM = 2;

/**
 * Makes a sample. It depends on the seed, the epoch and the number of the sample only, never on what was made before.
 *
 * @param dataset Where the image is.
 * @param settings What all samples have in common.
 * @param request Which one.
 * @returns Its values; the reason if its file cannot be read or decoded.
 * @throws Any other error of the data set.
 */
export async function makeSample(
  dataset: Dataset,
  settings: SampleSettings,
  request: SampleRequest,
): Promise<SampleResult> {
  const { index, epoch, repeat } = request;
  const draw = drawsOf(dataKey(settings.seed, SAMPLE_STREAM, epoch, index, repeat));
  try {
    const { size, transform, normalisation, channels } = settings;
    if (channels !== undefined) return { values: await channelValues(dataset, { ...settings, channels }, index, draw) };
    const image = await dataset.load(index, draw);
    const values = normalise(applyTransform(image, size, transform, draw), normalisation);
    const erasing = transform.kind === "randomResizedCrop" ? transform.erase : undefined;
    return { values: erasing ? erase(values, size, erasing, draw) : values };
  } catch (error) {
    if (error instanceof ImageError) return { reason: error.reason };
    throw error;
  }
}

/** Values of an image of any channels and depth. */
async function channelValues(
  dataset: Dataset,
  { size, transform, normalisation, channels }: SampleSettings & { readonly channels: number },
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
