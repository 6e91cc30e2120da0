/** @file COCO's evaluation of detectors: average precision and recall of boxes and masks, the numbers of the official tool. */
import { requireOptions } from "../../../tensor/errors.ts";
import type { CocoSet } from "./coco_set.ts";
import { maskOf } from "./segmentation.ts";
import { AREAS, type Matches, matchImage, THRESHOLDS } from "./match_image.ts";
import { boxOverlap, maskOverlap, measureMask } from "./overlap.ts";
import { type Detection, detectionArea } from "./results.ts";

/** Recalls at which precision is read. Not `k / 100`, of which ten differ in the last bit. */
const RECALLS = Array.from({ length: 101 }, (_, k) => k * 0.01);
/** How many detections of an image and category count. */
const MOST = [1, 10, 100] as const;
const RANGES = Object.values(AREAS);
const EPSILON = 2 ** -52;

/** Names of the twelve numbers, in their order. */
export const COCO_METRICS: readonly string[] = [
  ...["AP", "AP50", "AP75", "APsmall", "APmedium", "APlarge"],
  ...["AR1", "AR10", "AR100", "ARsmall", "ARmedium", "ARlarge"],
];

/** How an evaluation is done. */
export interface CocoEvaluationOptions {
  /** `box`, or `mask`: then all detections must have one. */
  readonly kind: "box" | "mask";
  /** What decides the range of sizes of a detection; as `kind` by default. The official tool takes boxes where results have them. */
  readonly areas?: "box" | "mask";
}

/** Precision and recall of all categories. */
export interface CocoEvaluation {
  /** The twelve numbers of `COCO_METRICS`; -1 where nothing counts. */
  readonly metrics: readonly number[];
  /** Ids of the categories, ascending. */
  readonly categories: readonly number[];
  /** The twelve numbers of each category; -1 where nothing counts. */
  readonly categoryMetrics: readonly (readonly number[])[];
  /** `[10 thresholds, 101 recalls, categories, 4 areas, 3 numbers of detections]`, row-major; -1 where nothing counts. */
  readonly precision: Float64Array;
  /** `[10, categories, 4, 3]`. */
  readonly recall: Float64Array;
}

/** Detections by image and category, the surest first, and at most as many as count. */
function grouped(detections: readonly Detection[]): ReadonlyMap<string, readonly Detection[]> {
  const groups = Map.groupBy(detections, ({ image, category }) => `${image} ${category}`);
  return new Map(
    [...groups].map(([key, group]) => [key, group.toSorted((a, b) => b.score - a.score).slice(0, MOST[2])]),
  );
}

/** The outcomes of one category in every image that has something of it, by range of areas. */
function matchesOf(
  set: CocoSet,
  category: number,
  found: ReadonlyMap<string, readonly Detection[]>,
  options: CocoEvaluationOptions,
) {
  const { kind, areas = kind } = options;
  const images = set.images.toSorted((a, b) => a.id - b.id);
  const byImage = Map.groupBy(set.objects.filter((object) => object.category === category), ({ image }) => image);
  const all = images.flatMap((image) => {
    const truths = byImage.get(image.id) ?? [];
    const detections = found.get(`${image.id} ${category}`) ?? [];
    if (truths.length + detections.length === 0) return [];
    const masks = kind === "mask" ? truths.map((truth) => measureMask(maskOf(truth, image))) : [];
    const overlaps = detections.map((detection) => {
      if (kind === "box") return truths.map((truth) => boxOverlap(detection.box, truth.box, truth.crowd));
      const measured = measureMask(detection.mask!);
      return truths.map((truth, i) => maskOverlap(measured, masks[i]!, truth.crowd));
    });
    const sized = detections.map((each) => ({ score: each.score, area: detectionArea(each, areas) }));
    return [RANGES.map((range) => matchImage(sized, truths, overlaps, range))];
  });
  return RANGES.map((_, area) => all.map((matches) => matches[area]!));
}

/** Precision at each recall, and the largest recall, of one threshold. */
function curveOf(
  outcomes: readonly number[],
  objects: number,
): { readonly precision: readonly number[]; readonly recall: number } {
  let [right, wrong] = [0, 0];
  const recalls: number[] = [];
  const precisions: number[] = [];
  for (const outcome of outcomes) {
    if (outcome === 1) right++;
    if (outcome === 0) wrong++;
    recalls.push(right / objects);
    precisions.push(right / (wrong + right + EPSILON));
  }
  for (let i = precisions.length - 1; i > 0; i--) precisions[i - 1] = Math.max(precisions[i - 1]!, precisions[i]!);
  let at = 0;
  const precision = RECALLS.map((recall) => {
    while (at < recalls.length && recalls[at]! < recall) at++;
    return precisions[at] ?? 0;
  });
  return { precision, recall: recalls.at(-1) ?? 0 };
}

/** The curves of one category, range of areas and number of detections, for each threshold; none where nothing counts. */
function curvesOf(matches: readonly Matches[], most: number) {
  const objects = matches.reduce((sum, each) => sum + each.objects, 0);
  if (objects === 0) return null;
  const scores = matches.flatMap((each) => each.scores.slice(0, most));
  const order = [...scores.keys()].sort((a, b) => scores[b]! - scores[a]!);
  return THRESHOLDS.map((_, t) => {
    const outcomes = matches.flatMap(({ outcomes }) => [...outcomes[t]!.subarray(0, most)]);
    return curveOf(order.map((i) => outcomes[i]!), objects);
  });
}

/**
 * Evaluates detections.
 *
 * @param set The annotations.
 * @param detections What was found in their images, in any order; of equal scores the first counts first.
 * @param options Boxes or masks.
 * @returns The numbers of COCO's own evaluation, to the last digits. Crowds are no objects, and what is found in them is not wrong.
 * @throws {TypeError} If masks are to be evaluated and a detection has none.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { evaluateCoco, readCocoSet } from "@tessera/tessera/data";
 *
 * const set = readCocoSet({
 *   images: [{ id: 7, file_name: "a.png", height: 8, width: 8 }],
 *   categories: [{ id: 3, name: "cup" }],
 *   annotations: [{ id: 1, image_id: 7, category_id: 3, bbox: [1, 1, 4, 3] }],
 * }, "cups.json");
 * const found = [{ image: 7, category: 3, score: 0.9, box: [1, 1, 4, 3] as const }];
 * equal(evaluateCoco(set, found, { kind: "box" }).metrics[0]!.toFixed(6), "1.000000");
 * ```
 */
export function evaluateCoco(
  set: CocoSet,
  detections: readonly Detection[],
  options: CocoEvaluationOptions,
): CocoEvaluation {
  requireOptions("evaluateCoco", options, { kind: true, areas: true });
  const bare = options.kind === "mask" ? detections.findIndex(({ mask }) => !mask) : -1;
  if (bare >= 0) {
    throw new TypeError(
      `Cannot evaluate masks as every detection must have one: current detection ${bare + 1} has none`,
    );
  }
  const [T, R, K, A, M] = [THRESHOLDS.length, RECALLS.length, set.categories.length, RANGES.length, MOST.length];
  const precision = new Float64Array(T * R * K * A * M).fill(-1);
  const recall = new Float64Array(T * K * A * M).fill(-1);
  const found = grouped(detections);
  set.categories.forEach(({ id }, k) => {
    matchesOf(set, id, found, options).forEach((matches, a) => {
      MOST.forEach((most, m) => {
        curvesOf(matches, most)?.forEach((curve, t) => {
          curve.precision.forEach((value, r) => precision[(((t * R + r) * K + k) * A + a) * M + m] = value);
          recall[((t * K + k) * A + a) * M + m] = curve.recall;
        });
      });
    });
  });
  const metrics = metricsOf({ precision, recall }, K);
  const categoryMetrics = set.categories.map((_, category) => metricsOf({ precision, recall }, K, { category }));
  return { metrics, categoryMetrics, categories: set.categories.map(({ id }) => id), precision, recall };
}

/** Which cells of precision or recall a number is the mean of; all of an axis that is not named. */
interface Cells {
  readonly threshold?: number;
  readonly category?: number;
  readonly area: number;
  readonly most: number;
}

/** Mean of the cells that count, of an array `[10, rows, categories, 4, 3]`. */
function meanOf(values: Float64Array, categories: number, { threshold, category, area, most }: Cells): number {
  const each = values.length / THRESHOLDS.length;
  const step = RANGES.length * MOST.length;
  const [from, to] = threshold === undefined ? [0, values.length] : [threshold * each, (threshold + 1) * each];
  const first = from + (category ?? 0) * step + area * MOST.length + most;
  let [sum, count] = [0, 0];
  for (let i = first; i < to; i += category === undefined ? step : step * categories) {
    if (values[i]! < 0) continue;
    sum += values[i]!;
    count++;
  }
  return count === 0 ? -1 : sum / count;
}

/** The twelve numbers of one category, or of all. */
function metricsOf(
  { precision, recall }: Pick<CocoEvaluation, "precision" | "recall">,
  categories: number,
  one: Pick<Cells, "category"> = {},
): readonly number[] {
  const last = MOST.length - 1;
  const ap = (area: number, rest: Partial<Cells> = {}) =>
    meanOf(precision, categories, { area, most: last, ...one, ...rest });
  const ar = (area: number, most: number) => meanOf(recall, categories, { area, most, ...one });
  return [
    ...[ap(0), ap(0, { threshold: 0 }), ap(0, { threshold: 5 }), ap(1), ap(2), ap(3)],
    ...[ar(0, 0), ar(0, 1), ar(0, 2), ar(1, 2), ar(2, 2), ar(3, 2)],
  ];
}

/**
 * The curve of precision over recall, for `lineChart`: all areas, 100 detections an image.
 *
 * @param evaluation Of `evaluateCoco`.
 * @param options `threshold`: the overlap, 0.5, 0.55 … 0.95; the mean of all ten if not given. `category`: its id; the mean
 * of all categories that have objects if not given.
 * @returns 101 points; none where nothing counts.
 * @throws {RangeError} If there is no such threshold or category.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { evaluateCoco, precisionCurve, readCocoSet } from "@tessera/tessera/data";
 *
 * const set = readCocoSet({
 *   images: [{ id: 7, file_name: "a.png", height: 8, width: 8 }],
 *   categories: [{ id: 3, name: "cup" }],
 *   annotations: [{ id: 1, image_id: 7, category_id: 3, bbox: [1, 1, 4, 3] }],
 * }, "cups.json");
 * const found = [{ image: 7, category: 3, score: 0.9, box: [1, 1, 4, 2] as const }]; // two thirds of the cup
 * const evaluation = evaluateCoco(set, found, { kind: "box" });
 * deepStrictEqual(precisionCurve(evaluation, { threshold: 0.5 })[100]!.map(Math.round), [1, 1]);
 * deepStrictEqual(precisionCurve(evaluation, { threshold: 0.75 })[0], [0, 0]);
 * ```
 */
export function precisionCurve(
  { precision, categories }: Pick<CocoEvaluation, "precision" | "categories">,
  options: { readonly threshold?: number; readonly category?: number } = {},
): readonly (readonly [recall: number, precision: number])[] {
  requireOptions("precisionCurve", options, { threshold: true, category: true });
  const thresholds = options.threshold === undefined
    ? [...THRESHOLDS.keys()]
    : [placeIn(THRESHOLDS, options.threshold, "threshold")];
  const chosen = options.category === undefined
    ? [...categories.keys()]
    : [placeIn(categories, options.category, "category")];
  const cell = (t: number, r: number, k: number) =>
    precision[((t * RECALLS.length + r) * categories.length + k) * RANGES.length * MOST.length + MOST.length - 1]!;
  const counted = chosen.filter((k) => cell(0, 0, k) >= 0);
  if (counted.length === 0) return [];
  return RECALLS.map((recall, r) => {
    const values = thresholds.flatMap((t) => counted.map((k) => cell(t, r, k)));
    return [recall, values.reduce((sum, value) => sum + value, 0) / values.length];
  });
}

/** Where a number stands in a list; thresholds are taken to a millionth. */
function placeIn(list: readonly number[], value: number, name: string): number {
  const at = list.findIndex((each) => Math.abs(each - value) < 1e-6);
  if (at >= 0) return at;
  const known = list.map((each) => Number(each.toFixed(6))).join(", ");
  throw new RangeError(`Cannot give a curve as ${name} must be one of ${known}: current ${name} is ${value}`);
}
