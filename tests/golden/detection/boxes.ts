/** @file Anchors, coder, matcher, resizing, pasting: plain numbers, the same on every device. */
import {

  cellAnchors,
  countsText,
  decodeBoxes,

  encodeBoxes,
  encodeMask,
  gridAnchors,
  jitteredSize,
  matchBoxes,
  MAX_LOG_SIDE,
  pasteMask,
  polygonTarget,
  shortestEdgeSize,
  parseCounts,
} from "../../../data/mod.ts";
import { compareSummary } from "../tolerance.ts";
import { type Bench, equalPairs, filled, type Json, line, type Line, scaledPairs } from "./format.ts";

/** Numbers of the host are float64 whatever the device. */
const host = (bench: Bench): Bench => ({ ...bench, precision: "float64" });

export function checkAnchors(bench: Bench, cases: Json): readonly Line[] {
  const at = host(bench);
  const sizes = [32, 64, 128, 256, 512];
  const cells = (name: string, rounded: boolean) =>
    line(at, `anchors ${name}`, "maps.cells", cases[name].flatMap((expected: number[][], i: number) =>
      scaledPairs(`size ${sizes[i]}`, cellAnchors({ sizes: [sizes[i]!], rounded }), expected.flat())));
  const several = (name: string, rounded: boolean) => {
    const { sizes, cells, order } = cases[name];
    const outer = order.startsWith("ratio") ? "ratio" : "size";
    return line(at, `anchors ${name}`, "maps.cells", scaledPairs("cells", cellAnchors({ sizes, rounded, outer }), cells.flat()));
  };
  const { image, grids, sizes: gridSizes, count, steps, at: places, anchors } = cases.gridTorchvision;
  const own = grids.map(([rows, columns]: [number, number]) => [Math.floor(image[0] / rows), Math.floor(image[1] / columns)]);
  const all = gridAnchors({ sizes: gridSizes.map((s: number) => [s]), grids, steps: own, rounded: true });
  const chosen = places.flatMap((i: number) => [...all.subarray(4 * i, 4 * i + 4)]);
  return [
    cells("cellsTorchvision", true),
    cells("cellsDetectron2", false),
    several("severalSizesTorchvision", true),
    several("severalSizesDetectron2", false),
    line(at, "anchors gridTorchvision", "count and steps", [
      ...equalPairs("count", [all.length / 4], [count]),
      ...equalPairs("steps", own.flat(), steps.flat()),
    ]),
    line(at, "anchors gridTorchvision", "maps.anchors", scaledPairs("anchors", chosen, anchors.flat())),
  ];
}

export function checkCoder(bench: Bench, cases: Json): readonly Line[] {
  return cases.flatMap((each: Json, i: number) => {
    const { weights, proposals, targets, encoded, deltas, clamp, decoded } = each;
    const name = `boxCoder ${i}`;
    return [
      line(host(bench), name, "maps.encoded", scaledPairs("encoded", encodeBoxes(proposals.flat(), targets.flat(), weights), encoded.flat())),
      line(host(bench), name, "maps.decoded", scaledPairs("decoded", decodeBoxes(proposals.flat(), deltas.flat(), { weights }), decoded.flat(2))),
      line(host(bench), name, "maps.clamp", scaledPairs("clamp", [MAX_LOG_SIDE], [clamp])),
    ];
  });
}

export function checkMatcher(bench: Bench, cases: Json): readonly Line[] {
  return cases.flatMap((each: Json, i: number) => {
    const columns = each.iou[0].length;
    const run = (part: string, lowQuality: "own" | "caller") => {
      const { low, high, minimum, lowQuality: calls } = each[part];
      return matchBoxes(each.iou.flat(), columns, {
        ...{ low, high, lowQuality: calls ? lowQuality : "none" },
        ...(minimum === undefined ? {} : { minimum }),
      });
    };
    const own = ["rpn", "roi"].map((part) =>
      line(bench, `matcher ${i}`, part, equalPairs(part, run(part, "own"), each[part].matches))
    );
    // mmdetection: 0 is background, -1 is ignored, objects count from 1.
    const caller = ["mmdetRpn", "mmdetRoi"].map((part) => {
      const assigned = Array.from(run(part, "caller"), (m) => m === -2 ? -1 : m + 1);
      return line(bench, `matcher ${i}`, part, equalPairs(part, assigned, each[part].assigned));
    });
    return [...own, ...caller];
  });
}

export function checkResize(bench: Bench, { shortestEdge, largeScaleJitter }: Json): readonly Line[] {
  const edges = shortestEdge.map((each: Json, i: number) =>
    line(bench, `resize shortestEdge ${i}`, "sizes", (["detectron2", "mmdetection", "torchvision"] as const).flatMap((rule) =>
      equalPairs(rule, shortestEdgeSize([each.height, each.width], { short: each.short, longest: each.longest, rule }), each[rule]))));
  const jitters = largeScaleJitter.map((each: Json, i: number) =>
    line(bench, `resize largeScaleJitter ${i}`, "sizes", equalPairs("size", jitteredSize([each.height, each.width], { scale: each.scale, side: each.side }), each.resized)));
  return [...edges, ...jitters];
}

/** Bilinear resizing with half-pixel centres, edges held. */
function resized(values: ArrayLike<number>, from: number, to: number): Float64Array {
  const place = (i: number) => Math.min(Math.max((i + 0.5) * from / to - 0.5, 0), from - 1);
  return Float64Array.from({ length: to * to }, (_, k) => {
    const [y, x] = [place(Math.floor(k / to)), place(k % to)];
    const [y0, x0] = [Math.floor(y), Math.floor(x)];
    const [y1, x1] = [Math.min(y0 + 1, from - 1), Math.min(x0 + 1, from - 1)];
    const at = (i: number, j: number) => values[i * from + j]!;
    const row = (i: number) => at(i, x0) * (1 - (x - x0)) + at(i, x1) * (x - x0);
    return row(y0) * (1 - (y - y0)) + row(y1) * (y - y0);
  });
}

export function checkPaste(bench: Bench, cases: Json): readonly Line[] {
  const { masks, boxes, image } = cases;
  const at = host(bench);
  const raw = filled([boxes.length, 7, 7], masks.fill).map((x) => 1 / (1 + Math.exp(-3 * x)));
  const all = boxes.map((_: Json, i: number) => resized(raw.subarray(49 * i, 49 * i + 49), 7, 28));
  const joined = { shape: masks.resized.shape, data: Float64Array.from(all.flatMap((m: Float64Array) => [...m])) };
  const summary = compareSummary("resized", joined, masks.resized);
  return [
    line(at, "paste", "maps.resized", [...summary.norms, ...summary.samples]),
    ...(["torchvision", "detectron2"] as const).flatMap((variant) => {
      const rule = variant === "torchvision" ? "integer" : "centres";
      return boxes.flatMap((box: [number, number, number, number], i: number) => {
        const soft = pasteMask(all[i]!, box, { size: image, rule });
        const parts = compareSummary("soft", { shape: image, data: soft }, cases[variant].soft[i]);
        const text = countsText(encodeMask(soft.map((x) => Number(x >= 0.5)), image).counts);
        return [
          line(at, `paste ${variant} ${i}`, "maps.soft", [...parts.norms, ...parts.samples]),
          line(at, `paste ${variant} ${i}`, "mask", equalPairs("runs", parseCounts(text), parseCounts(cases[variant].rleAtHalf[i]))),
        ];
      });
    }),
  ];
}

export function checkPolygonTargets(bench: Bench, cases: Json): readonly Line[] {
  return cases.map((each: Json, i: number) => {
    const target = polygonTarget(each.polygons, each.box);
    return line(bench, `maskTargets ${i}`, "polygon", equalPairs("runs", target.counts, parseCounts(each.detectron2Polygon)));
  });
}

