/** @file COCO's masks and metrics: run lengths, polygons, overlaps, evaluation sets. */
import {
  boxMask,
  type CocoEvaluation,
  countsText,
  decodeMask,
  encodeMask,
  evaluateCoco,
  maskArea,
  maskBounds,
  parseCounts,
  polygonsMask,
  readCocoResults,
  readCocoSet,
} from "../../../data/mod.ts";
import { boxOverlap, maskOverlap, measureMask } from "../../../data/sets/coco/overlap.ts";
import type { Pair } from "../tolerance.ts";
import { type Bench, equalPairs, type Json, line, type Line } from "./format.ts";

const textPair = (name: string, got: string, expected: string): Pair => ({
  name: `${name}: ${got}`,
  got: Number(got === expected),
  expected: 1,
  scale: 1,
});

export function checkRunLengths(bench: Bench, { masks, longCounts }: Json): readonly Line[] {
  const cases = masks.map(({ size, rows, counts, string, area, bbox }: Json, i: number) => {
    const mask = [...rows.join("")].map(Number);
    const runs = encodeMask(mask, size);
    return line(bench, `rle ${i}`, "runs, text, area, bounds, mask", [
      ...equalPairs("counts", runs.counts, counts),
      ...equalPairs("parsed", parseCounts(string), counts),
      textPair("text", countsText(counts), string),
      ...equalPairs("area", [maskArea(runs)], [area]),
      ...equalPairs("bounds", maskBounds(runs), bbox),
      ...equalPairs("mask", decodeMask(runs), mask),
    ]);
  });
  const { counts, string } = longCounts;
  return [
    ...cases,
    line(bench, "rle long", "runs, text", [
      textPair("text", countsText(counts), string),
      ...equalPairs("parsed", parseCounts(string), counts),
    ]),
  ];
}

export function checkPolygons(bench: Bench, { polygons, boxes }: Json): readonly Line[] {
  const drawn = polygons.map(({ polygons: parts, size, counts, string, area, bbox }: Json, i: number) => {
    const mask = polygonsMask(parts, size);
    return line(bench, `polygons ${i}`, "runs, text, area, bounds", [
      ...equalPairs("counts", mask.counts, counts),
      textPair("text", countsText(mask.counts), string),
      ...equalPairs("area", [maskArea(mask)], [area]),
      ...equalPairs("bounds", maskBounds(mask), bbox),
    ]);
  });
  const size = polygons[0].size;
  const boxed = boxes.map((each: Json, i: number) =>
    line(bench, `polygons box ${i}`, "text", [textPair("text", countsText(boxMask(each.bbox, each.size ?? size).counts), each.string)])
  );
  return [...drawn, ...boxed];
}

export function checkOverlaps(bench: Bench, { size, strings, iou, iouAllCrowd, boxes, boxIou, boxIouAllCrowd }: Json): readonly Line[] {
  const masks = strings.map((string: string) => measureMask({ size, counts: parseCounts(string) }));
  const matrix = (all: Json, overlap: Json, crowd: boolean) => all.flatMap((a: Json) => all.map((b: Json) => overlap(a, b, crowd)));
  // The file keeps 12 digits.
  const pairs = (name: string, got: number[], expected: number[][]) =>
    equalPairs(name, got, expected.flat()).map((pair, i) => i === 0 ? pair : { ...pair, scale: 10 });
  return [
    line(bench, "iou masks", "average.iou", pairs("iou", matrix(masks, maskOverlap, false), iou)),
    line(bench, "iou masks", "average.crowd", pairs("iou", matrix(masks, maskOverlap, true), iouAllCrowd)),
    line(bench, "iou boxes", "average.iou", pairs("iou", matrix(boxes, boxOverlap, false), boxIou)),
    line(bench, "iou boxes", "average.crowd", pairs("iou", matrix(boxes, boxOverlap, true), boxIouAllCrowd)),
  ];
}

/** Thresholds of which the file has recalls: 0.5, 0.75, 0.95. */
const RECALL_THRESHOLDS = [0, 5, 9];

/** Flat place in `precision`, of its index. */
function placeOf([t, r, k, a, m]: readonly [number, number, number, number, number], categories: number): number {
  return (((t * 101 + r) * categories + k) * 4 + a) * 3 + m;
}

/** Numbers of 11 digits: the file keeps no more of some. */
function roundedPairs(name: string, got: ArrayLike<number>, expected: ArrayLike<number>): readonly Pair[] {
  const round = (x: number) => Number(x.toFixed(11));
  return equalPairs(name, got, expected).map((pair) => ({ ...pair, got: round(pair.got), expected: round(pair.expected) }));
}

function evaluationLines(bench: Bench, name: string, got: CocoEvaluation, expected: Json): readonly Line[] {
  const K = got.categories.length;
  const points = expected.precisionAt.points as [[number, number, number, number, number], number][];
  const recall = expected.recall.flatMap((byCategory: number[][], i: number) =>
    byCategory.flatMap((byArea, k) => byArea.map((_, a) => got.recall[((RECALL_THRESHOLDS[i]! * K + k) * 4 + a) * 3 + 2]!))
  );
  return [
    line(bench, name, "average.stats", roundedPairs("stats", got.metrics, expected.stats)),
    line(bench, name, "average.perCategoryAP", [
      ...roundedPairs("AP", got.categoryMetrics.map(([ap]) => ap!), expected.perCategoryAP),
      ...equalPairs("categories", got.categories, expected.categories),
    ]),
    line(bench, name, "average.precision", roundedPairs(
      "points",
      points.map(([index]) => got.precision[placeOf(index, K)]!),
      points.map(([, value]) => value),
    )),
    line(bench, name, "average.recall", roundedPairs("recall", recall, expected.recall.flat(2))),
  ];
}

const KINDS = [
  ["bbox", { kind: "box" }],
  ["segm", { kind: "mask" }],
  ["segmWithBoxesInResults", { kind: "mask", areas: "box" }],
] as const;

export function checkEvaluation(bench: Bench, cases: Json): readonly Line[] {
  return cases.flatMap(({ dataset, results, ...parts }: Json, i: number) => {
    const set = readCocoSet(dataset, "golden");
    const { detections } = readCocoResults(results, set, "golden");
    const lines = KINDS.filter(([name]) => name in parts).flatMap(([name, options]) =>
      evaluationLines(bench, `evaluation ${i} ${name}`, evaluateCoco(set, detections, options), parts[name])
    );
    if (!parts.noResults) return lines;
    const none = evaluateCoco(set, [], { kind: "box" }).metrics;
    return [...lines, line(bench, `evaluation ${i} noResults`, "average.stats", equalPairs("stats", none, parts.noResults.bbox))];
  });
}
