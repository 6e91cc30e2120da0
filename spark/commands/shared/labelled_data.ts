/** @file Images with classes: those to learn from and those to evaluate on. */
import {
  type Batch,
  batches,
  type BatchesOptions,
  dataKey,
  type Dataset,
  describeSource,
  drawOfEachClass,
  namedPart,
  shuffled,
  subset,
  type Transform,
  withClasses,
} from "../../../data/mod.ts";
import { print } from "../cli/print.ts";
import { withSeenImages } from "../../train/scores/seen_images.ts";
import type { ImageInput } from "./image_input.ts";
import { fingerprint, openRunData } from "./run_data.ts";

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
  /** Channels of the images. */
  readonly input?: ImageInput;
  /** Told what is used of each source and what is left out; printed if not given. */
  readonly tell?: (line: string) => void;
}

/**
 * Opens the images that `--data` and `--val` name.
 *
 * @param options Where they are, how many labels to use, and the seed that draws them.
 * @returns Both data sets; their classes have the same numbers.
 * @throws {Error} If there are no images, they have no classes, those to evaluate on have a class that the others lack, or
 * fewer labels are asked for than there are classes; naming the place.
 */
export async function openLabelledData(
  { data, val, labels, seed, input = {}, tell = print }: LabelledPlaces,
): Promise<LabelledData> {
  const all = labelled(await openRunData(data, { tell, input }), data);
  const found = await evaluationSet(all, { data, val, seed, input, tell });
  const train = labels === null ? found.train : drawn(found.train, labels, seed);
  const numbered = withClassesOf(found.val, all.labelNames);
  // A tenth that is held out is not trained on.
  const evaluated = found.train === all ? await withSeenImages(train, numbered, tell) : numbered;
  const images = `${await fingerprint(train, data)},${await fingerprint(evaluated, val ?? data)}`;
  return { train, val: evaluated, classes: all.labelNames, images };
}

function labelled(dataset: Dataset, path: string): LabelledDataset {
  if (dataset.labels && dataset.labelNames && dataset.labelNames.length > 1) return dataset as LabelledDataset;
  const why = dataset.account?.unlabelled;
  throw new Error(
    `Cannot fine-tune as the images must have two or more classes, such as a sub-folder for each: current place ` +
      `${path} has ${dataset.labelNames?.length ?? 0}${why ? `, as ${why}` : ""}`,
  );
}

function drawn(train: LabelledDataset, labels: number, seed: number): LabelledDataset {
  const classes = new Set(train.labels).size;
  if (labels < classes) {
    throw new RangeError(
      `Cannot draw images as --labels must be at least the number of classes, ${classes}, so that each has one: current ` +
        `--labels is ${labels}`,
    );
  }
  const reason = "not drawn by --labels";
  return subset(train, drawOfEachClass(train.labels, labels, seed), { reason }) as LabelledDataset;
}

/** Where images to evaluate on are looked for. */
interface EvaluationPlace extends Pick<LabelledPlaces, "data" | "val" | "seed"> {
  readonly input: ImageInput;
  readonly tell: (line: string) => void;
}

/** Images to evaluate on, and what then remains to train on: those of `--val`, of another part, or a tenth. */
async function evaluationSet(
  all: LabelledDataset,
  place: EvaluationPlace,
): Promise<{ readonly train: LabelledDataset; readonly val: LabelledDataset }> {
  const { val, seed, tell } = place;
  const found = val !== null || all.account?.evaluable ? await otherImages(all, place) : null;
  if (found) return { train: all, val: found };
  const order = [...shuffled(dataKey(seed, HOLD_OUT_STREAM), all.length)];
  const held = Math.max(1, Math.floor(all.length * HELD_OUT));
  const part = (indices: readonly number[], reason: string) =>
    subset(all, [...indices].sort((a, b) => a - b), { reason }) as LabelledDataset;
  const kept = part(order.slice(0, held), "to train on");
  if (kept.account) describeSource(kept.account).forEach(tell);
  return { train: part(order.slice(held), "held out to evaluate on"), val: kept };
}

/** The images of `--val`, or of another part; null where that is a test part without classes, as in competitions. */
async function otherImages(
  all: LabelledDataset,
  { data, val, input, tell }: EvaluationPlace,
): Promise<LabelledDataset | null> {
  const opened = await openRunData(val ?? data, {
    ...{ split: "val", classes: all.labelNames, input, tell },
    option: val === null ? "--data" : "--val",
  });
  const split = opened.account?.split ?? "";
  const isTest = val === null && namedPart(split.split(" and ")[0]!)?.split === "test";
  const isLabelled = opened.labels !== undefined;
  if (isLabelled && (!isTest || opened.labelNames!.some((name) => all.labelNames.includes(name)))) {
    return opened as LabelledDataset;
  }
  if (isTest) {
    const lack = isLabelled ? "none of the classes to train on" : "no classes";
    tell(`  of the split ${split} nothing is trained or evaluated on, as it has ${lack}: a tenth is held out`);
    return null;
  }
  const why = opened.account?.unlabelled;
  throw new Error(
    `Cannot evaluate as the images of ${
      val === null ? `${data}, split ${split}` : `--val ${val}`
    } must have classes, ` +
      `as those to train on: current images have none${why ? `, as ${why}` : ""}`,
  );
}

/**
 * Opens labelled images to evaluate on, without any to train on.
 *
 * @param data Where they are; of a place with several parts, that to evaluate on.
 * @param classes Names of the classes by number; those of the place if null.
 * @param input Channels of the images.
 * @returns The images; their classes are numbered as `classes`.
 * @throws {Error} If there are no images, they have no classes, or one that is not among `classes`.
 */
export async function openEvaluationData(
  data: string,
  classes: readonly string[] | null,
  input: ImageInput = {},
): Promise<LabelledDataset> {
  const opened = await openRunData(data, { split: "val", input, ...classes && { classes } });
  if (opened.labels && opened.labelNames) {
    return classes ? withClassesOf(opened as LabelledDataset, classes) : opened as LabelledDataset;
  }
  const why = opened.account?.unlabelled;
  throw new Error(
    `Cannot evaluate as the images must have classes, such as a sub-folder for each: current place ${data} has none` +
      (why ? `, as ${why}` : ""),
  );
}

/** Classes are numbered by their names, which one set may lack. */
function withClassesOf(val: LabelledDataset, classes: readonly string[]): LabelledDataset {
  const numbers = val.labelNames.map((name) => classes.indexOf(name));
  const unknown = val.labelNames.find((_, i) => numbers[i]! < 0);
  if (unknown === undefined) {
    const labels = val.labels.map((label) => numbers[label]!);
    const { account } = val;
    const known = account ? { account: withClasses(account, labels, classes) } : {};
    return { ...val, labels, labelNames: classes, ...known };
  }
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
  { size, batchSize, workers, onSkip, input = {} }: Pick<BatchesOptions, "size" | "batchSize" | "onSkip"> & {
    readonly input?: ImageInput;
    readonly workers: number;
  },
): AsyncGenerator<Batch, void, void> {
  const each = { size, batchSize, workers, ...input, ...onSkip && { onSkip } };
  return batches(val, { ...each, seed: 0, epochs: 1, transform: evalTransform(size) });
}
