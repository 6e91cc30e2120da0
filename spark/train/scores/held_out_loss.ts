/** @file The loss of pre-training on images that are not trained on. */
import { type Device, jit, random, type Tensor } from "../../../tensor/mod.ts";
import type { Batch, SkippedSample } from "../../../data/mod.ts";
import type { Model } from "../../../nn/mod.ts";
import { evaluate, type SparkParams, type SparkState } from "../../forward.ts";
import { inputGrid } from "../../input_grid.ts";
import { sampleMask } from "../../mask.ts";
import type { TrainState } from "../../train_state.ts";
import { nextTurn } from "../interrupt.ts";
import type { PictureSettings } from "../results/pictures.ts";

/** An image that has no part in a loss, and why. */
type Unread = Pick<SkippedSample, "name" | "reason">;

/** A loss on images that are not trained on. */
export interface HeldOutScore {
  /** Mean loss on masked patches. */
  readonly loss: number;
  /** How many images. */
  readonly images: number;
  /** Images that could not be read, and so have no part in it. */
  readonly unread: readonly Unread[];
}

/** Far from the keys of steps and pictures, which are split off the same seed. */
const MASK_STREAM = 0x76616c;

/**
 * Prepares computing the loss on masked patches by the running statistics, with masks that are the same every time.
 * Compiles at the first.
 *
 * @param model The model.
 * @param settings Size of the images, share of masked patches, seed, patch size and ablations.
 * @param open Opens the batches; the last one may have images of the first again, which then count twice in the loss.
 * @param device Where to compute.
 * @returns From a state to the loss of its moving average, if there is one, else of its weights; how many images, and which
 * could not be read.
 */
export function makeHeldOutLoss(
  model: Model,
  { inputSize, maskRatio, seed, method: { patchSize, randomStream, ...ablation } }: PictureSettings,
  open: () => AsyncIterable<Pick<Batch, "images" | "indices" | "skipped">>,
  device: Device,
): (train: TrainState) => Promise<HeldOutScore> {
  const run = jit((params: SparkParams, state: SparkState, images: Tensor, maskKey: Tensor) => {
    const grid = inputGrid(model, inputSize, patchSize);
    const batch = images.shape[0]!;
    const pattern = sampleMask(maskKey, { batch, grid, maskRatio, ...randomStream && { randomStream } });
    return evaluate(model, { params, state }, { images, pattern }, ablation).loss;
  }, { device });
  const key = random.foldIn(random.key(seed), MASK_STREAM);
  return async (train) => {
    const { params, state } = train.average ?? train;
    const losses: number[] = [];
    const seen = new Set<number>();
    const unread = new Map<number, Unread>();
    for await (const { images, indices, skipped } of open()) {
      await nextTurn();
      skipped.forEach(({ index, name, reason }) => unread.set(index, { name, reason }));
      const loss = run(params, state, images, random.foldIn(key, losses.length));
      losses.push(await loss.item({ device }));
      loss[Symbol.dispose]();
      indices.forEach((index) => seen.add(index));
    }
    return {
      loss: losses.reduce((sum, loss) => sum + loss, 0) / losses.length,
      images: seen.size,
      unread: [...unread.values()],
    };
  };
}
