/** @file Annotations of objects that are fuzzed: COCO's JSON, its run lengths, Pascal VOC's XML. */
import {
  countsText,
  decodeMask,
  encodeMask,
  maskArea,
  maskBounds,
  maskOf,
  parseCounts,
  parseJson,
  type Problem,
  readCocoResults,
  readCocoSet,
  readVocAnnotation,
} from "../../data/mod.ts";
import golden from "../golden/detection.json" with { type: "json" };
import { type Draw, innerJson, mutate } from "./mutate.ts";
import type { Target } from "./target.ts";

const text = (value: string) => new TextEncoder().encode(value);
const { evaluation, rle } = golden.coco;
const LARGEST = rle.masks.reduce((a, b) => a.counts.length > b.counts.length ? a : b);
const SIZE = LARGEST.size as [number, number];

function readCoco(bytes: Uint8Array, path: string): void {
  const set = readCocoSet(parseJson(bytes, path, "COCO annotations"), path);
  const images = new Map(set.images.map((image) => [image.id, image]));
  for (const object of set.objects) maskBounds(maskOf(object, images.get(object.image)!));
  refuseAny(set.problems, path);
}

/** Records that are left out, each with its reason, are refused here: a file counts as read if all of it was. */
function refuseAny([problem]: readonly Problem[], path: string): void {
  if (problem) throw new RangeError(`Cannot read ${path} as it must be whole: ${problem.what}, ${problem.reason}`);
}

/** Moves pixels from run to run and puts empty runs between: damage that a sum over all runs does not show. */
function movedRuns(bytes: Uint8Array, draw: Draw): Uint8Array {
  const counts = [...parseCounts(new TextDecoder().decode(bytes))];
  const below = (n: number) => Math.floor(draw() * n);
  for (let k = 1 + below(5); k > 0; k--) {
    const [from, to] = [below(counts.length), below(counts.length)];
    const moved = draw() < 0.9 ? below(counts[from]! + 1) : below(2 ** 31);
    counts[from]! -= moved;
    counts[to]! += moved;
    if (draw() < 0.3) counts.splice(below(counts.length), 0, 0, 0);
  }
  return text(countsText(counts));
}

/** Reads text as the mask of a result; what is read must survive being written. */
function readRuns(bytes: Uint8Array, path: string): void {
  const set = readCocoSet({
    images: [{ id: 1, file_name: "a.png", height: SIZE[0], width: SIZE[1] }],
    ...{ categories: [{ id: 1, name: "a" }], annotations: [] },
  }, path);
  const counts = new TextDecoder().decode(bytes);
  const record = { "image_id": 1, "category_id": 1, score: 1, segmentation: { size: SIZE, counts } };
  const { detections: [found], problems } = readCocoResults([record], set, path);
  refuseAny(problems, path);
  const mask = decodeMask(found!.mask!);
  const again = encodeMask(mask, SIZE);
  if (maskArea(again) !== maskArea(found!.mask!)) throw new Error("the mask has another area");
  const back = [{ ...record, segmentation: { size: SIZE, counts: countsText(found!.mask!.counts) } }];
  const { detections } = readCocoResults(back, set, path);
  if (detections[0]!.mask!.counts.join() !== found!.mask!.counts.join()) throw new Error("the runs are not kept");
}

const BOX = "<bndbox><xmin>8</xmin><ymin>12</ymin><xmax>352</xmax><ymax>498</ymax></bndbox>";
const VOC = `<?xml version="1.0" encoding="utf-8"?>
<annotation verified="yes"><folder>VOC2007</folder><filename>000001.jpg</filename><!-- as published -->
<size><width>353</width><height>500</height><depth>3</depth></size><segmented>0</segmented>
<object><name>dog &amp; cat</name><pose>Left</pose><truncated>1</truncated><difficult>0</difficult>${BOX}</object>
<object><name><![CDATA[person]]></name><difficult>1</difficult>${BOX}</object></annotation>`;

/** All kinds. */
export const ANNOTATION_TARGETS: readonly Target[] = [
  {
    name: "coco",
    seeds: () => Promise.resolve(evaluation.map(({ dataset }) => text(JSON.stringify(dataset)))),
    inner: innerJson,
    read: readCoco,
  },
  {
    name: "coco_results",
    seeds: () => Promise.resolve([text(JSON.stringify(evaluation[0]!.results))]),
    inner: innerJson,
    read: (bytes, path) => {
      const set = readCocoSet(evaluation[0]!.dataset, path);
      refuseAny(readCocoResults(parseJson(bytes, path, "COCO results"), set, path).problems, path);
    },
  },
  {
    name: "rle",
    seeds: () => Promise.resolve([text(LARGEST.string)]),
    inner: movedRuns,
    read: readRuns,
  },
  {
    name: "voc",
    seeds: () => Promise.resolve([text(VOC)]),
    inner: (bytes, draw) => {
      const [from, to] = [Math.floor(draw() * bytes.length), Math.floor(draw() * bytes.length)].sort((a, b) => a - b);
      const part = mutate(bytes.slice(from, to! + 1), draw);
      return Uint8Array.of(...bytes.slice(0, from), ...part.subarray(0, 50_000), ...bytes.slice(to! + 1));
    },
    read: (bytes, path) => readVocAnnotation(bytes, path),
  },
];
