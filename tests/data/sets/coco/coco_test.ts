import { deepStrictEqual, equal, ok, throws } from "node:assert/strict";
import {
  boxMask,
  cocoResultRecords,
  countsText,
  decodeMask,
  encodeMask,
  evaluateCoco,
  groupedProblems,
  maskArea,
  maskBounds,
  mergeMasks,
  parseCounts,
  polygonsMask,
  readCocoResults,
  readCocoSet,
} from "../../../../data/mod.ts";
import { boxOverlap, maskOverlap, measureMask } from "../../../../data/sets/coco/overlap.ts";
import golden from "../../../golden/detection.json" with { type: "json" };
import { randomValues } from "../../../support/random_values.ts";

const { rle, polygons, iou, evaluation } = golden.coco;
const sizeOf = ([height, width]: readonly number[]) => [height!, width!] as const;
const near = (a: number, b: number) => ok(Math.abs(a - b) <= 1e-12 + 1e-11 * Math.abs(b), `${a} is not ${b}`);

Deno.test("masks, runs and their text turn into each other as the official ones do", () => {
  for (const { size, rows, counts, string, area, bbox } of rle.masks) {
    const mask = rows.flatMap((row) => [...row].map(Number));
    const runs = encodeMask(mask, sizeOf(size));
    deepStrictEqual([...runs.counts], counts);
    deepStrictEqual([...decodeMask(runs)], mask);
    equal(countsText(counts), string);
    deepStrictEqual(parseCounts(string), counts);
    deepStrictEqual([maskArea(runs), [...maskBounds(runs)]], [area, bbox]);
  }
  deepStrictEqual(parseCounts(rle.longCounts.string), rle.longCounts.counts);
  equal(countsText(rle.longCounts.counts), rle.longCounts.string);
});

Deno.test("text that is no run lengths is refused", () => {
  for (const text of ["o", "1 2", "5o", "\u2764", "0N"]) throws(() => parseCounts(text), RangeError, text);
});

Deno.test("polygons and boxes are filled as the official ones are", () => {
  for (const { polygons: parts, size, counts, string, area, bbox } of polygons.polygons) {
    const mask = polygonsMask(parts, sizeOf(size));
    deepStrictEqual([...mask.counts], counts);
    deepStrictEqual([countsText(mask.counts), maskArea(mask), [...maskBounds(mask)]], [string, area, bbox]);
  }
  for (const { bbox, string } of polygons.boxes) {
    equal(countsText(boxMask(bbox as unknown as [number, number, number, number], sizeOf(iou.size)).counts), string);
  }
});

Deno.test("merged masks are the union and the intersection of pixels", () => {
  for (let seed = 0; seed < 40; seed++) {
    const size = [1 + seed % 7, 1 + seed % 5] as const;
    const masks = [0, 1, 2].map((i) =>
      [...randomValues(3 * seed + i, size[0] * size[1], [0, 1])].map((x) => Number(x < 0.5))
    );
    const merged = (
      how: "union" | "intersection",
    ) => [...decodeMask(mergeMasks(masks.map((mask) => encodeMask(mask, size)), how))];
    deepStrictEqual(merged("union"), masks[0]!.map((_, i) => Number(masks.some((mask) => mask[i] === 1))));
    deepStrictEqual(merged("intersection"), masks[0]!.map((_, i) => Number(masks.every((mask) => mask[i] === 1))));
  }
});

Deno.test("masks and boxes overlap as officially, crowds too", () => {
  const masks = iou.strings.map((text) => measureMask({ size: sizeOf(iou.size), counts: parseCounts(text) }));
  const boxes = iou.boxes as unknown as readonly (readonly [number, number, number, number])[];
  masks.forEach((a, i) =>
    masks.forEach((b, j) => {
      near(maskOverlap(a, b, false), iou.iou[i]![j]!);
      near(maskOverlap(a, b, true), iou.iouAllCrowd[i]![j]!);
    })
  );
  boxes.forEach((a, i) =>
    boxes.forEach((b, j) => {
      near(boxOverlap(a, b, false), iou.boxIou[i]![j]!);
      near(boxOverlap(a, b, true), iou.boxIouAllCrowd[i]![j]!);
    })
  );
});

evaluation.forEach((one, number) => {
  const set = readCocoSet(one.dataset, "golden");
  const { detections, problems } = readCocoResults(one.results, set, "golden");
  const cases = [
    { name: "bbox", expected: one.bbox, options: { kind: "box" } },
    { name: "segm", expected: one.segm, options: { kind: "mask" } },
    { name: "segm with boxes", expected: one.segmWithBoxesInResults, options: { kind: "mask", areas: "box" } },
  ] as const;
  for (const { name, expected, options } of cases) {
    Deno.test(`set ${number}, ${name}: the twelve numbers, curves and categories are the official ones`, () => {
      deepStrictEqual([problems, set.problems], [[], []]);
      const { metrics, categoryMetrics, categories, precision, recall } = evaluateCoco(set, detections, options);
      metrics.forEach((value, i) => near(value, expected.stats[i]!));
      categoryMetrics.forEach(([ap], i) => near(ap!, expected.perCategoryAP[i]!));
      deepStrictEqual(categories, expected.categories);
      const K = categories.length;
      for (const [index, value] of expected.precisionAt.points as unknown as readonly [readonly number[], number][]) {
        const [t, r, k, a, m] = index as [number, number, number, number, number];
        near(precision[(((t * 101 + r) * K + k) * 4 + a) * 3 + m]!, value);
      }
      [0, 5, 9].forEach((t, i) =>
        expected.recall[i]!.forEach((areas, k) =>
          areas.forEach((value, a) => near(recall[((t * K + k) * 4 + a) * 3 + 2]!, value))
        )
      );
    });
  }
  Deno.test(`set ${number}: no results are worth nothing, and detections survive their file`, () => {
    deepStrictEqual(evaluateCoco(set, [], { kind: "box" }).metrics, one.noResults.bbox);
    const again = readCocoResults(JSON.parse(JSON.stringify(cocoResultRecords(detections))), set, "again");
    deepStrictEqual(again.detections, detections);
  });
});

Deno.test("records that are wrong are left out, each with its reason", () => {
  const images = [{ id: 7, file_name: "a.png", height: 4, width: 5 }, { id: 8, height: 4, width: 5 }, {
    id: 7,
    file_name: "b.png",
    height: 1,
    width: 1,
  }];
  const base = { "image_id": 7, "category_id": 3 };
  const annotations = [
    { id: 0, ...base, bbox: [0, 0, 2, 2], segmentation: [] },
    { id: 1, ...base, image_id: 9, bbox: [0, 0, 2, 2] },
    { id: 2, ...base, category_id: 4, bbox: [0, 0, 2, 2] },
    { id: 3, ...base, bbox: [0, 0, 0, 2] },
    { id: 4, ...base, segmentation: [[0, 0, 1, 1]] },
    { id: 5, ...base, segmentation: { size: [4, 5], counts: [3, 4] } },
    { id: 6, ...base, segmentation: { size: [5, 4], counts: [20] } },
    { id: 7, ...base, segmentation: { size: [4, 5], counts: "~~" } },
    { id: 8, ...base, bbox: [0, 0, NaN, 1] },
    { id: 9, ...base },
    { id: 0, ...base, bbox: [0, 0, 1, 1] },
    "nothing",
    { id: 10, ...base, iscrowd: 1, segmentation: { size: [4, 5], counts: [5, 3, 12] } },
  ];
  const set = readCocoSet({ images, categories: [{ id: 3, name: "cup" }], annotations }, "cups.json");
  deepStrictEqual(set.objects.map(({ id, area, crowd }) => [id, area, crowd]), [[0, 4, false], [10, 3, true]]);
  deepStrictEqual([...set.objects[1]!.box], [1, 1, 1, 3]);
  equal(set.problems.length, 13);
  ok(set.problems.every(({ reason }) => reason.length > 5));
  throws(() => readCocoSet([], "cups.json"), /cups\.json/);
  throws(() => readCocoSet({ images: [] }, "cups.json"), /categories/);
});

Deno.test("results of other tools: ids as text, empty segmentations, polygons as masks", () => {
  const images = [{ id: 7, file_name: "a.png", height: 8, width: 8 }];
  const set = readCocoSet({ images, categories: [{ id: 0, name: "cup" }], annotations: [] }, "cups.json");
  const of = { "image_id": "0007", "category_id": "0", score: 0.5, bbox: [1, 1, 2, 2] };
  const square = [[1, 1, 1, 3, 3, 3, 3, 1]];
  const records = [of, { ...of, segmentation: [] }, { ...of, segmentation: square }, { ...of, image_id: "a" }, []];
  const { detections, problems } = readCocoResults(records, set, "found.json");
  deepStrictEqual(detections.map(({ image, category, mask }) => [image, category, mask && maskArea(mask)]), [
    [7, 0, undefined],
    [7, 0, undefined],
    [7, 0, maskArea(polygonsMask(square, [8, 8]))],
  ]);
  deepStrictEqual(problems.map(({ kind, what }) => [kind, what]), [["result", "result number 4"], [
    "result",
    "result number 5",
  ]]);
});

Deno.test("problems of one reason are joined, however many there are and whatever each record has", () => {
  const of = (id: number, reason: string) => ({ kind: "annotation", what: `annotation ${id}`, reason });
  const many = Array.from({ length: 900 }, (_, id) => of(id, `its image must be in the file: it is ${id}`));
  const groups = groupedProblems([of(1000, "it must be a record"), ...many]);
  deepStrictEqual(groups.map(({ reason, count, names }) => [reason, count, names.length, names[1]]), [
    ["its image must be in the file", 900, 5, "annotation 1: it is 1"],
    ["it must be a record", 1, 1, undefined],
  ]);
});
