/** @file Batches for fine-tuning: cropped, augmented and mixed. */
import {
  batches,
  type BatchesOptions,
  dataKey,
  drawMix,
  drawsOf,
  mixBatch,
  placesOfPart,
  type Transform,
} from "../../../data/mod.ts";
import { sizeOf, type Tensor } from "../../../tensor/mod.ts";
import { leaf, leafSource } from "../../../tensor/kernel.ts";
import type { TargetBatch } from "../../finetune.ts";
import { imageInput } from "../shared/image_input.ts";
import type { LabelledDataset } from "../shared/labelled_data.ts";
import type { FinetuneOptions } from "./finetune_options.ts";

/** Separates the randomness of mixing. */
const MIX_STREAM = 4;

/**
 * How images become samples for training.
 *
 * @param options Options of the run.
 * @returns The transform.
 */
export function trainTransform(
  { cropScale, augment, erase }: Pick<FinetuneOptions, "cropScale" | "augment" | "erase">,
): Transform {
  return {
    kind: "randomResizedCrop",
    scale: [cropScale, 1],
    ...(augment === "none" ? {} : { augment: { kind: augment } }),
    ...(erase === 0 ? {} : { erase: { probability: erase } }),
  };
}

/**
 * Batches for training, mixed.
 *
 * @param train Images.
 * @param options Options of the run.
 * @param classes Number of classes.
 * @param run First and last step, workers, what to do with files that cannot be read, and which part of each batch a rank has:
 * where images are mixed it reads those of all, as its own are mixed with others.
 * @returns Images and targets, step by step; each follows from seed and step alone.
 */
export async function* targetBatches(
  train: LabelledDataset,
  options: FinetuneOptions,
  classes: number,
  { part, ...run }: Pick<BatchesOptions, "startStep" | "steps" | "workers" | "onSkip" | "part">,
): AsyncGenerator<TargetBatch, void, void> {
  const { inputSize: size, batchSize, seed, repeats, mixup, cutmix, labelSmoothing } = options;
  const input = imageInput(options.inChannels);
  const mixes = mixup > 0 || cutmix > 0;
  const each = {
    ...{ size, ...input, batchSize, seed, repeats, transform: trainTransform(options), ...run },
    ...part && !mixes && { part },
  };
  for await (const { step, images, labels } of batches(train, each)) {
    const mix = drawMix({ mixup, cutmix }, size, drawsOf(dataKey(seed, MIX_STREAM, step)));
    const batch = { images: hostOf(images), labels: hostOf(labels) as unknown as Int32Array, size };
    const mixed = mixBatch(batch, { classes, labelSmoothing }, mix);
    const places = mixes && part && part.count < batchSize ? placesOfPart(part, batchSize) : null;
    const rows = (values: Float32Array<ArrayBuffer>, shape: readonly number[]) => {
      const host = places ? rowsAt(values, places, sizeOf(shape)) : values;
      return leaf({ shape: [host.length / sizeOf(shape), ...shape], dtype: "float32" }, { host });
    };
    yield { images: rows(mixed.images, images.shape.slice(1)), targets: rows(mixed.targets, [classes]) };
  }
}

/** Some rows of so many numbers, one after the other. */
function rowsAt(values: Float32Array<ArrayBuffer>, places: readonly number[], each: number): Float32Array<ArrayBuffer> {
  const rows = new Float32Array(places.length * each);
  places.forEach((place, i) => rows.set(values.subarray(place * each, (place + 1) * each), i * each));
  return rows;
}

/** Numbers of a tensor of `batches`, which lie on the host. */
function hostOf(x: Tensor): Float32Array<ArrayBuffer> {
  return (leafSource(x) as { readonly host: Float32Array<ArrayBuffer> }).host;
}
