/** @file How well a detector finds the objects of a data set, by COCO's numbers. */
import {
  type CocoSet,
  type Dataset,
  type Detection,
  dropAlpha,
  evaluateCoco,
  ImageError,
  type Pixels,
} from "../../../data/mod.ts";
import { nextTurn } from "../interrupt.ts";
import type { ImageDetector } from "./detect_images.ts";
import type { DetectorTrees } from "./detect_images.ts";

/** What was found on a data set. */
export interface DetectionScores {
  /** COCO's twelve numbers of boxes, in the order of `COCO_METRICS`; -1 where nothing counts. */
  readonly box: readonly number[];
  /** The same of masks; absent for detectors of boxes. */
  readonly mask?: readonly number[];
  /** Average precision of the boxes of each class that has objects, by name. */
  readonly classes: Readonly<Record<string, number>>;
  /** Images that were looked at. */
  readonly images: number;
  /** Images that could not be read: what is in them counts as missed. */
  readonly unread: readonly { readonly name: string; readonly reason: string }[];
}

/** Images to look at, with their annotations in the same order. */
export interface DetectionSet {
  readonly dataset: Dataset;
  readonly set: CocoSet;
}

/** Images of a batch. */
const AT_ONCE = 4;

/**
 * Prepares evaluations of a detector.
 *
 * @param detector Runs it.
 * @param data Images and annotations.
 * @returns Scores weights.
 */
export function detectorEvaluation(
  detector: ImageDetector,
  data: DetectionSet,
): (weights: DetectorTrees) => Promise<DetectionScores> {
  const { dataset, set } = data;
  return async (weights) => {
    const unread: { name: string; reason: string }[] = [];
    const found: Detection[] = [];
    let images = 0;
    for (let first = 0; first < dataset.length; first += AT_ONCE) {
      await nextTurn();
      const batch = await imagesFrom(data, first, unread);
      images += batch.length;
      found.push(...(await detector.detect(batch, weights)).flatMap(({ detections }) => detections));
    }
    return { ...scoresOf(found, set), images, unread };
  };
}

async function imagesFrom(
  { dataset, set }: DetectionSet,
  first: number,
  unread: { name: string; reason: string }[],
): Promise<readonly { readonly id: number; readonly pixels: Pixels }[]> {
  const batch: { id: number; pixels: Pixels }[] = [];
  for (let index = first; index < Math.min(first + AT_ONCE, dataset.length); index++) {
    try {
      batch.push({ id: set.images[index]!.id, pixels: dropAlpha(await dataset.load(index, () => 0)) });
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      unread.push({ name: dataset.nameOf(index), reason: error.reason });
    }
  }
  return batch;
}

function scoresOf(found: readonly Detection[], set: CocoSet): Pick<DetectionScores, "box" | "mask" | "classes"> {
  const box = evaluateCoco(set, found, { kind: "box" });
  const names = new Map(set.categories.map(({ id, name }) => [id, name]));
  const classes = box.categories.map((id, k) => [names.get(id)!, box.categoryMetrics[k]![0]!] as const)
    .filter(([, ap]) => ap >= 0);
  const hasMasks = found.some(({ mask }) => mask) && set.objects.some(({ segmentation }) => segmentation);
  return {
    box: box.metrics,
    ...(hasMasks ? { mask: evaluateCoco(set, found, { kind: "mask", areas: "mask" }).metrics } : {}),
    classes: Object.fromEntries(classes),
  };
}
