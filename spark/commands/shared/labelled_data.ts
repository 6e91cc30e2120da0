/** @file Images with classes: those to learn from and those to evaluate on. */
import {
  type Batch,
  batches,
  dataKey,
  type Dataset,
  drawOfEachClass,
  isCifarBatch,
  openImages,
  shuffled,
  subset,
  type Transform,
} from "../../../data/mod.ts";
import { kindOf } from "../../train/kind_of.ts";
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

/** Share of the images that is held out where there are none to evaluate on. */
const HELD_OUT = 0.1;

/** Which images. */
export interface LabelledPlaces {
  /** Labelled images. */
  readonly data: string;
  /** Images to evaluate on; null: found beside or within `data`. */
  readonly val: string | null;
  /** Images to train on; null: all. */
  readonly labels: number | null;
  /** Draws them. */
  readonly seed: number;
}

/**
 * Opens the images that `--data` and `--val` name.
 *
 * @param options Where they are, how many labels to use, and the seed that draws them.
 * @returns Both data sets; their classes have the same numbers.
 * @throws {Error} If there are no images, they have no classes, or those to evaluate on have a class that the others
 * lack; naming the place.
 */
export async function openLabelledData({ data, val, labels, seed }: LabelledPlaces): Promise<LabelledData> {
  const places = val === null && [`${data}/train`, `${data}/val`].every((path) => kindOf(path) === "folder")
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
 * How images become samples for evaluation: the centre, less 5 % at the sides for sizes at which the authors do so.
 *
 * @param size Height and width.
 * @returns The transform.
 */
export function evalTransform(size: readonly [number, number]): Transform {
  const side = Math.min(...size);
  return { kind: "centerCrop", enlarge: side > 64 && side < 384 ? 1 / 0.95 : 1 };
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
