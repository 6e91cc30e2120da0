/** @file Images with objects: those to learn from and those to evaluate on. */
import {
  classNumbers,
  cocoScenes,
  type CocoScenesOptions,
  type CocoSet,
  dataKey,
  type Dataset,
  describeSource,
  findAnnotations,
  sceneAnnotations,
  scenePaste,
  shuffled,
  subset,
} from "../../../data/mod.ts";
import { fingerprint } from "../shared/run_data.ts";
import { withSeenImages } from "../../train/scores/seen_images.ts";
import type { DetectionSet } from "../../train/detection/evaluate_detector.ts";
import type { DetectOptions } from "./detect_options.ts";
import { BUILT_IN, numbersIn } from "./settled_detect_options.ts";

/** What is trained on and evaluated on. */
export interface DetectData {
  /** Images to train on, of which the sizes are known. */
  readonly train: Dataset & Required<Pick<Dataset, "sizes" | "labelNames">>;
  /** Images to evaluate on, by name: the first counts, the others are told. */
  readonly val: Readonly<Record<string, DetectionSet>>;
  /** Ids and names of the classes, in the order of their numbers. */
  readonly categories: readonly { readonly id: number; readonly name: string }[];
  /** Which images both hold. */
  readonly images: string;
}

/** Where images with annotations are. */
type Place = Pick<CocoScenesOptions, "annotations" | "images" | "firstPixel" | "masks">;

/** Separates the randomness of the images that are held out. */
const HOLD_OUT_STREAM = 6;

/** Share of the images that is held out where there are none to evaluate on. */
const HELD_OUT = 0.1;

/**
 * Opens the images that the options name, and says what is used of them and what is left out.
 *
 * @param options Options of the run.
 * @param tell Where to say it.
 * @returns Data sets; their classes have the same numbers.
 * @throws {Error} If there are no annotations or no images, naming the place.
 */
export async function openDetectData(options: DetectOptions, tell: (line: string) => void): Promise<DetectData> {
  return options.data === BUILT_IN ? await builtIn(options) : await ownData(options, tell);
}

async function builtIn(options: DetectOptions): Promise<DetectData> {
  const { inputSize: [size], seed, scenes, scenesToScore, sceneEmoji: perClass } = options;
  const pair = (name: "sceneObjects" | "sceneScale") => numbersIn(options[name], name) as unknown as [number, number];
  const look = { size, seed, perClass, objects: pair("sceneObjects"), scale: pair("sceneScale") };
  const [train, seen, novel] = await Promise.all(
    (["train", "val", "novel"] as const).map((split) =>
      scenePaste({ ...look, split, length: split === "train" ? scenes : scenesToScore })
    ),
  ) as [Dataset, Dataset, Dataset];
  const evaluated = async (dataset: Dataset) => ({ dataset, set: await sceneAnnotations(dataset) });
  const val = { "new scenes": await evaluated(seen), "new emoji": await evaluated(novel) };
  return {
    train: train as DetectData["train"],
    val,
    categories: val["new scenes"].set.categories,
    images: await fingerprint(train, BUILT_IN),
  };
}

async function ownData(options: DetectOptions, tell: (line: string) => void): Promise<DetectData> {
  const { data, images, val, valImages, seed } = options;
  const firstPixel = (options.firstPixel ?? 1) as 0 | 1; // runs of before have none
  const annotations = findAnnotations(data, "train") ?? refuseWithout(data);
  const known = { firstPixel, masks: !options.boxesOnly };
  const place = { annotations, ...known, ...images === null ? {} : { images } };
  const opened = await cocoScenes(place);
  describe(opened.dataset, tell);
  const beside = val === null
    ? findAnnotations(data, "val")
    : findAnnotations(val, "val") ?? findAnnotations(val, "train");
  const folder = valImages ?? (val === null ? images : null);
  const parts = beside === null ? await heldOut(place, opened.dataset, seed) : {
    train: opened.dataset,
    evaluated: await evaluationSet(
      { annotations: beside, ...known, ...folder === null ? {} : { images: folder } },
      opened.set,
    ),
  };
  describe(parts.evaluated.dataset, tell);
  const { dataset, set } = parts.evaluated;
  const evaluated = beside === null ? dataset : await withSeenImages(parts.train, dataset, tell);
  return {
    train: parts.train as DetectData["train"],
    val: { "held out": { dataset: evaluated, set } },
    categories: opened.set.categories,
    images: `${await fingerprint(parts.train, data)},${await fingerprint(parts.evaluated.dataset, val ?? data)}`,
  };
}

const describe = ({ account }: Dataset, tell: (line: string) => void) =>
  account && describeSource(account).forEach((line) => tell(line));

function refuseWithout(path: string): never {
  throw new Error(
    `Cannot train a detector as --data must hold annotations, COCO's JSON or Pascal VOC's XML, in itself or in annotations/ ` +
      `or train/: current path ${path} has none`,
  );
}

/** Images to evaluate on, whose categories have the ids of those that are learned. */
async function evaluationSet(place: Place, { categories }: CocoSet): Promise<DetectionSet> {
  const classes = categories.map(({ name }) => name);
  const { dataset, set } = await cocoScenes({ ...place, keepEmpty: true, classes });
  const classOf = classNumbers(set.categories, classes, place.annotations);
  const objects = set.objects.map((each) => ({ ...each, category: categories[classOf.get(each.category)!]!.id }));
  return { dataset, set: { ...set, categories, objects } };
}

/** A tenth of the images, which is then not trained on. */
async function heldOut(
  place: Place,
  learned: Dataset,
  seed: number,
): Promise<{ readonly train: Dataset; readonly evaluated: DetectionSet }> {
  const all = await cocoScenes({ ...place, keepEmpty: true });
  const order = [...shuffled(dataKey(seed, HOLD_OUT_STREAM), all.dataset.length)];
  const kept = order.slice(0, Math.max(1, Math.floor(all.dataset.length * HELD_OUT))).sort((a, b) => a - b);
  const names = new Set(kept.map((index) => all.dataset.nameOf(index)));
  const rest = Array.from({ length: learned.length }, (_, i) => i).filter((i) => !names.has(learned.nameOf(i)));
  if (rest.length === 0) {
    throw new RangeError(
      `Cannot hold out a tenth of ${place.annotations} as two images or more must have objects: current number is ` +
        `${learned.length}; name others with --val`,
    );
  }
  return {
    train: subset(learned, rest, { reason: "held out to evaluate on" }),
    evaluated: {
      dataset: subset(all.dataset, kept, { reason: "to train on" }),
      set: setOf(all.set, kept),
    },
  };
}

function setOf(set: CocoSet, kept: readonly number[]): CocoSet {
  const images = kept.map((index) => set.images[index]!);
  const ids = new Set(images.map(({ id }) => id));
  return { ...set, images, objects: set.objects.filter(({ image }) => ids.has(image)) };
}
