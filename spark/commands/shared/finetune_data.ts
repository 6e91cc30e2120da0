/** @file The labelled images of a fine-tuning run. */
import {
  type Batch,
  batches,
  type BatchesOptions,
  dataKey,
  type Dataset,
  drawMix,
  drawOfEachClass,
  drawsOf,
  isCifarBatch,
  mixBatch,
  openImages,
  shuffled,
  subset,
  type Transform,
} from "../../../data/mod.ts";
import { leaf, leafSource, type Tensor } from "../../../tensor/mod.ts";
import type { TargetBatch } from "../../finetune.ts";
import type { FinetuneOptions } from "./finetune_options.ts";
import { fingerprint } from "./run_data.ts";

/** A data set whose samples have classes. */
export type LabelledDataset = Dataset & Required<Pick<Dataset, "labels" | "labelNames">>;

/** What is trained on and evaluated on. */
export interface LabelledData {
  /** Images to train on. */
  readonly train: LabelledDataset;
  /** Images to evaluate on, with the classes of `train`. */
  readonly val: LabelledDataset;
  /** Names of the classes. */
  readonly classes: readonly string[];
  /** Which images both hold. */
  readonly images: string;
}

/** Separates the randomness of the images that are held out. */
const HOLD_OUT_STREAM = 6;

/** Separates the randomness of mixing. */
const MIX_STREAM = 4;

/** Share of the images that is held out where there are none to evaluate on. */
const HELD_OUT = 0.1;

type DataOptions = Pick<FinetuneOptions, "data" | "val" | "labels" | "seed">;

/**
 * Opens the images that `--data` and `--val` name.
 *
 * @param options Where they are, how many labels to use, and the seed that draws them.
 * @returns Both data sets; their classes have the same numbers.
 * @throws {Error} If there are no images, they have no classes, or those to evaluate on have a class that the others
 * lack; naming the place.
 */
export async function openLabelledData({ data, val, labels, seed }: DataOptions): Promise<LabelledData> {
  const places = val === null && isFolder(`${data}/train`) && isFolder(`${data}/val`)
    ? { data: `${data}/train`, val: `${data}/val` }
    : { data, val };
  const all = labelled(await openImages(places.data), places.data);
  const found = await evaluationSet(all, places, seed);
  const evaluated = withClassesOf(found.val, all.labelNames);
  const indices = labels === null ? null : drawOfEachClass(found.train.labels, labels, seed);
  const train = indices === null ? found.train : subset(found.train, indices) as LabelledDataset;
  const images = `${await fingerprint(train, places.data)},${await fingerprint(evaluated, places.val ?? places.data)}`;
  return { train, val: evaluated, classes: all.labelNames, images };
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

function labelled(dataset: Dataset, path: string): LabelledDataset {
  if (dataset.labels && dataset.labelNames && dataset.labelNames.length > 1) return dataset as LabelledDataset;
  throw new Error(
    `Cannot fine-tune as the images must have two or more classes, such as a sub-folder for each: current place ` +
      `${path} has ${dataset.labelNames?.length ?? 0}`,
  );
}

/** Images to evaluate on, and what then remains to train on. */
async function evaluationSet(
  all: LabelledDataset,
  { data, val }: { readonly data: string; readonly val: string | null },
  seed: number,
): Promise<{ readonly train: LabelledDataset; readonly val: LabelledDataset }> {
  if (val !== null) return { train: all, val: labelled(await openImages(val, { split: "test" }), val) };
  if (isCifarBatch(all.nameOf(0).split("#")[0]!)) {
    return { train: all, val: labelled(await openImages(data, { split: "test" }), data) };
  }
  const order = [...shuffled(dataKey(seed, HOLD_OUT_STREAM), all.length)];
  const held = Math.max(1, Math.floor(all.length * HELD_OUT));
  const part = (indices: readonly number[]) => subset(all, [...indices].sort((a, b) => a - b)) as LabelledDataset;
  return { train: part(order.slice(held)), val: part(order.slice(0, held)) };
}

/** Classes are numbered by their names, which one set may lack. */
function withClassesOf(val: LabelledDataset, classes: readonly string[]): LabelledDataset {
  const numbers = val.labelNames.map((name) => classes.indexOf(name));
  const unknown = val.labelNames.find((_, i) => numbers[i]! < 0);
  if (unknown === undefined) return { ...val, labels: val.labels.map((label) => numbers[label]!), labelNames: classes };
  throw new Error(
    `Cannot evaluate as the classes of ${val.name} must be among those of the training images, ` +
      `${classes.slice(0, 10).join(", ")}${classes.length > 10 ? ", …" : ""}: current one is ${unknown}`,
  );
}

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
 * How images become samples for evaluation: the centre, less 5 % at the sides for sizes at which the authors do so.
 *
 * @param size Height and width.
 * @returns The transform.
 */
export function evalTransform(size: readonly [number, number]): Transform {
  const side = Math.min(...size);
  return { kind: "centerCrop", enlarge: side > 64 && side < 384 ? 1 / 0.95 : 1 };
}

/**
 * Batches for training, mixed.
 *
 * @param train Images.
 * @param options Options of the run.
 * @param classes Number of classes.
 * @param run First and last step, workers, and what to do with files that cannot be read.
 * @returns Images and targets, step by step; each follows from seed and step alone.
 */
export async function* targetBatches(
  train: LabelledDataset,
  options: FinetuneOptions,
  classes: number,
  run: Pick<BatchesOptions, "startStep" | "steps" | "workers" | "onSkip">,
): AsyncGenerator<TargetBatch, void, void> {
  const { inputSize: size, batchSize, seed, repeats, mixup, cutmix, labelSmoothing } = options;
  const each = { size, batchSize, seed, repeats, transform: trainTransform(options), ...run };
  for await (const { step, images, labels } of batches(train, each)) {
    const mix = drawMix({ mixup, cutmix }, size, drawsOf(dataKey(seed, MIX_STREAM, step)));
    const batch = { images: hostOf(images), labels: hostOf(labels) as unknown as Int32Array, size };
    const mixed = mixBatch(batch, { classes, labelSmoothing }, mix);
    const shape = [batchSize, classes];
    yield {
      images: leaf(images, { host: mixed.images }),
      targets: leaf({ shape, dtype: "float32" }, { host: mixed.targets }),
    };
  }
}

/** Numbers of a tensor of `batches`, which lie on the host. */
function hostOf(x: Tensor): Float32Array<ArrayBuffer> {
  return (leafSource(x) as { readonly host: Float32Array<ArrayBuffer> }).host;
}

/** Batches for an evaluation: each image is in one, and may be in the last one again. */
export function evalBatches(
  val: Dataset,
  { size, batchSize, workers }: {
    readonly size: readonly [number, number];
    readonly batchSize: number;
    readonly workers: number;
  },
): AsyncGenerator<Batch, void, void> {
  return batches(val, { size, batchSize, workers, seed: 0, epochs: 1, transform: evalTransform(size) });
}
