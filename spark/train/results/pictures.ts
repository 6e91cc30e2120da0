/** @file Pictures of what a model makes of masked images. */
import { type Device, jit, random, type Tensor } from "../../../tensor/mod.ts";
import { leaf } from "../../../tensor/kernel.ts";
import { denormalise, normalisationFor, type Pixels } from "../../../data/mod.ts";
import { inChannelsOf, type Model } from "../../../nn/mod.ts";
import { evaluate, type SparkParams, type SparkState } from "../../forward.ts";
import { inputGrid } from "../../input_grid.ts";
import { sampleMask } from "../../mask.ts";
import type { TrainState } from "../../train_state.ts";
import type { TrainStepOptions } from "../../train_step.ts";

/** Draws pictures of a training state, of its average if it has one: a row per image of input, masked input and reconstruction. */
export type Painter = (
  train: Pick<TrainState, "params" | "state" | "average">,
) => Promise<readonly (readonly Pixels[])[]>;

/** What pictures depend on. */
export interface PictureSettings {
  /** Height and width of the images. */
  readonly inputSize: readonly [number, number];
  /** Share of patches that are masked. */
  readonly maskRatio: number;
  /** Seed of the masks. */
  readonly seed: number;
  /** Patch size and ablations. */
  readonly method: TrainStepOptions & { readonly patchSize: number };
}

/**
 * Prepares pictures on fixed images with fixed masks, so that those of different steps can be compared.
 *
 * @param model The model.
 * @param options Height and width of the images, share of masked patches, seed of the masks, patch size and ablations.
 * @param images Normalised images, `[count, height, width, channels]`.
 * @param device Where to compute; compiles at the first picture.
 * @returns Draws pictures.
 */
export function makePainter(
  model: Model,
  { inputSize, maskRatio, seed, method: { patchSize, randomStream, ...ablation } }: PictureSettings,
  images: { readonly values: Float32Array<ArrayBuffer>; readonly count: number },
  device: Device,
): Painter {
  const [height, width] = inputSize;
  const { values, count } = images;
  const channels = inChannelsOf(model);
  const input = leaf({ shape: [count, height, width, channels], dtype: "float32" }, { host: values });
  const run = jit((params: SparkParams, state: SparkState, images: Tensor, maskKey: Tensor) => {
    const grid = inputGrid(model, inputSize, patchSize);
    const pattern = sampleMask(maskKey, { batch: count, grid, maskRatio, ...randomStream && { randomStream } });
    const { masked, composite } = evaluate(model, { params, state }, { images, pattern }, ablation);
    return { masked, composite };
  }, { device });
  // Far from the keys of the steps, which are split off the same seed.
  const maskKey = random.foldIn(random.key(seed), 0x70696373);
  return async (train) => {
    const { params, state } = train.average ?? train;
    const { masked, composite } = run(params, state, input, maskKey);
    const columns = [values, await masked.data({ device }), await composite.data({ device })];
    [masked, composite].forEach((x) => x[Symbol.dispose]());
    const size = height * width * channels;
    const normalisation = normalisationFor(channels);
    return Array.from(
      { length: count },
      (_, i) =>
        columns.map((column) => denormalise(column.subarray(i * size, (i + 1) * size), inputSize, normalisation)),
    );
  };
}

/** Pictures of so many pixels are large enough as they are. */
const SMALL = 192;

/**
 * How many times larger pictures are drawn, so that small ones are seen well.
 *
 * @param height Rows of one.
 * @returns A whole number.
 */
export function enlargementFor(height: number): number {
  return Math.max(1, Math.round(SMALL / Math.max(1, height)));
}
