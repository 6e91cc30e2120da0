/** @file Images through a pre-trained model: what was hidden, and what it puts there. */
import { type Device, jit, random, type Tensor } from "../../../tensor/mod.ts";
import { leaf, realize } from "../../../tensor/kernel.ts";
import { denormalise, normalisationFor, type Pixels } from "../../../data/mod.ts";
import { inChannelsOf } from "../../../nn/mod.ts";
import { forward, type SparkParams, type SparkState } from "../../forward.ts";
import { patchLoss } from "../../loss.ts";
import { maskFromRows, patternMask, sampleMask } from "../../mask.ts";
import { reconstruct } from "../../reconstruction.ts";
import type { MaskRows } from "./mask_file.ts";
import type { SavedModel } from "./saved_model.ts";

/** Images of one size, and their masks. */
export interface MaskedImages {
  /** Normalised values `[H, W, 3]` of each image. */
  readonly images: readonly Float32Array<ArrayBuffer>[];
  /** Mask of each image. */
  readonly masks: readonly MaskRows[];
  /** Height and width. */
  readonly inputSize: readonly [number, number];
}

/** Pictures of some images, and how good they are. */
export interface ReconstructedImages {
  /**
   * Of each image: input, masked input, reconstruction with the true mean and deviation of masked patches, and, unless
   * the model predicts pixels, one with both estimated from visible patches.
   */
  readonly rows: readonly (readonly Pixels[])[];
  /** Loss on masked patches. */
  readonly loss: number;
  /** Mean distance of masked values from the true ones, of 255: of each kind of reconstruction. */
  readonly errors: readonly number[];
}

/** Images that are computed at once. */
const TOGETHER = 8;

/**
 * Draws a mask for each image. That of an image does not depend on how many there are.
 *
 * @param seed Seed.
 * @param options Number of images, patch grid, share of masked patches.
 * @returns The mask of each image.
 */
export async function randomMasks(
  seed: number,
  { count, grid, maskRatio }: {
    readonly count: number;
    readonly grid: readonly [number, number];
    readonly maskRatio: number;
  },
): Promise<readonly MaskRows[]> {
  const [rows, columns] = grid;
  const drawn = Array.from(
    { length: count },
    (_, i) => patternMask(sampleMask(random.foldIn(random.key(seed), i), { batch: 1, grid, maskRatio })),
  );
  const values = await Promise.all(drawn.map((mask) => mask.data()));
  return values.map((mask) =>
    Array.from({ length: rows }, (_, y) => [...mask.subarray(y * columns, (y + 1) * columns)])
  );
}

/**
 * Reconstructs masked images by the running statistics of a model.
 *
 * @param saved The model.
 * @param masked Images and masks.
 * @param device Where to compute.
 * @returns Pictures, loss and errors.
 */
export async function reconstructImages(
  saved: SavedModel,
  masked: MaskedImages,
  device: Device,
): Promise<ReconstructedImages> {
  const run = compiled(saved, device);
  const parts: (ReconstructedImages & { readonly hidden: number })[] = [];
  for (let from = 0; from < masked.images.length; from += TOGETHER) {
    const images = masked.images.slice(from, from + TOGETHER);
    parts.push(await run({ ...masked, images, masks: masked.masks.slice(from, from + TOGETHER) }));
  }
  const hidden = parts.reduce((sum, part) => sum + part.hidden, 0);
  const mean = (valueOf: (part: ReconstructedImages) => number) =>
    parts.reduce((sum, part) => sum + valueOf(part) * part.hidden, 0) / hidden;
  return {
    rows: parts.flatMap(({ rows }) => rows),
    loss: mean(({ loss }) => loss),
    errors: parts[0]!.errors.map((_, kind) => mean(({ errors }) => errors[kind]!)),
  };
}

/** Reconstructs some images at once; compiles anew for another number of images or of visible patches. */
function compiled({ model, params, state, method }: SavedModel, device: Device) {
  const kinds = method.target === "raw" ? ["true"] as const : ["true", "visible"] as const;
  const run = jit((params: SparkParams, state: SparkState, images: Tensor, mask: { readonly indices: Tensor }) => {
    const [rows, columns] = gridOf(images.shape, method.patchSize);
    const pattern = Object.freeze({ ...mask, gridShape: [images.shape[0]!, rows, columns] as const });
    const { pixels } = forward(model, { params, state }, { images, pattern }, method);
    const drawn = kinds.map((moments) => reconstruct(images, pixels, pattern, { ...method, moments }));
    const loss = patchLoss(images, pixels, pattern, { ...method, lossOn: "masked" });
    return { loss, masked: drawn[0]!.masked, composites: drawn.map(({ composite }) => composite) };
  }, { device });
  return async ({ images, masks, inputSize }: MaskedImages) => {
    const channels = inChannelsOf(model);
    const normalisation = normalisationFor(channels);
    const size = inputSize[0] * inputSize[1] * channels;
    const values = new Float32Array(images.length * size);
    images.forEach((image, i) => values.set(image, i * size));
    const input = leaf({ shape: [images.length, ...inputSize, channels], dtype: "float32" }, { host: values });
    const { indices } = maskFromRows(masks);
    const out = run(params, state, input, { indices });
    realize([out.loss, out.masked, ...out.composites], device);
    const loss = await out.loss.item({ device });
    const columns = [values, ...await Promise.all([out.masked, ...out.composites].map((x) => x.data({ device })))];
    const rows = images.map((_, i) =>
      columns.map((column) =>
        denormalise(column.subarray(i * size, (i + 1) * size) as Float32Array, inputSize, normalisation)
      )
    );
    const hidden = masks.flat(2).filter((cell) => cell === 0).length;
    const count = hidden * method.patchSize ** 2 * 3;
    return { rows, loss, hidden, errors: kinds.map((_, kind) => distance(rows, kind + 2) / count) };
  };
}

const gridOf = ([, height, width]: readonly number[], patchSize: number) =>
  [height! / patchSize, width! / patchSize] as const;

/** Sum of distances of a column of pictures from the first one. */
function distance(rows: readonly (readonly Pixels[])[], column: number): number {
  return rows.reduce((sum, row) => {
    const [truth, other] = [row[0]!.data, row[column]!.data];
    return sum + other.reduce((total, value, i) => total + Math.abs(value - truth[i]!), 0);
  }, 0);
}
