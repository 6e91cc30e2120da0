/** @file A network on images: scores of classes, image by image. */
import { type Device, jit, type Tensor, type Tree, zeros } from "../../../tensor/mod.ts";
import type { Batch } from "../../../data/mod.ts";
import { type Classifier, inChannelsOf } from "../../../nn/mod.ts";
import type { ClassifierWeights } from "../../finetune.ts";

/** Counts the classes of a head, by shapes alone. */
export function classesOf(
  model: Classifier,
  weights: Pick<ClassifierWeights, "state"> & { readonly encoder: Tree },
): (head: Tree) => number {
  return (head: Tree): number => {
    const images = zeros([1, 2 * model.stride, 2 * model.stride, inChannelsOf(model)]);
    const { logits } = model.logits({ encoder: weights.encoder, head }, weights.state.encoder, images);
    return logits.shape[1]!;
  };
}

/** The logits of an image. */
export interface Scored {
  /** Number of the image in its data set. */
  readonly index: number;
  /** Scores of the classes, before softmax. */
  readonly logits: Float32Array;
}

/**
 * Scores images, each once, however often it comes.
 *
 * @param model The model.
 * @param weights Its weights.
 * @param batches Images.
 * @param device Where to compute.
 * @returns Scores, in the order of the batches.
 */
export async function* scoreImages(
  model: Classifier,
  { params, state }: ClassifierWeights,
  batches: AsyncIterable<Pick<Batch, "images" | "indices">>,
  device: Device,
): AsyncGenerator<Scored, void, void> {
  const run = jit(
    ({ params, state }: ClassifierWeights, images: Tensor) => model.logits(params, state.encoder, images).logits,
    { device },
  );
  const seen = new Set<number>();
  for await (const { images, indices } of batches) {
    const logits = run({ params, state }, images); // [B, classes]
    const [values, classes] = [await logits.data({ device }) as Float32Array, logits.shape[1]!];
    logits[Symbol.dispose]();
    for (const [i, index] of indices.entries()) {
      if (seen.has(index)) continue;
      seen.add(index);
      yield { index, logits: values.slice(i * classes, (i + 1) * classes) };
    }
  }
}

/** Probabilities of logits, in float64. */
export function softmaxOf(logits: Float32Array): Float64Array {
  const largest = logits.reduce((most, x) => Math.max(most, x), -Infinity);
  const powers = Float64Array.from(logits, (x) => Math.exp(x - largest));
  const sum = powers.reduce((total, x) => total + x, 0);
  return powers.map((x) => x / sum);
}

/** The places of the largest values, the largest first; of equal ones the lower place. */
export function largestOf(values: ArrayLike<number>, count: number): readonly number[] {
  const order = Array.from({ length: values.length }, (_, i) => i);
  return order.sort((a, b) => values[b]! - values[a]! || a - b).slice(0, count);
}
