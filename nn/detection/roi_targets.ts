/** @file Which proposals the heads learn from, and what. */
import {
  add,
  argmax,
  argsort,
  broadcastTo,
  cast,
  concat,
  expandDims,
  greater,
  greaterEqual,
  less,
  logicalAnd,
  logicalNot,
  logicalOr,
  max,
  stopGradient,
  sub,
  type Tensor,
  tensor,
  where,
} from "../../tensor/core.ts";
import { iouOf, orUnit, rowsAt } from "./boxes.ts";
import type { DetectorSettings } from "./options.ts";
import { firstColumns, type Proposals } from "./proposals.ts";

/** Objects of a batch, filled up to one number an image. */
export interface Objects {
  /** `[B, G, 4]`; unit boxes where there is none. */
  readonly boxes: Tensor;
  /** int32 `[B, G]`: classes from 0. */
  readonly classes: Tensor;
  /** bool or int32 `[B, G]`: true where there is one. */
  readonly valid: Tensor;
}

/** Proposals that are learned from; those of objects come first. */
export interface RoiTargets {
  /** `[B, N, 4]`. */
  readonly boxes: Tensor;
  /** int32 `[B, N]`: which candidate: proposals in order, then the objects themselves. */
  readonly index: Tensor;
  /** bool `[B, N]`: true where a candidate was taken. */
  readonly valid: Tensor;
  /** bool `[B, N]`: true for those of objects. */
  readonly positive: Tensor;
  /** int32 `[B, N]`: number of the object, where positive. */
  readonly object: Tensor;
  /** int32 `[B, N]`: class of the object, or the number of classes for background. */
  readonly classes: Tensor;
}

/** Most proposals of objects in an image. */
export function mostPositive({ roiBatchSize, roiPositiveFraction }: DetectorSettings, candidates: number): number {
  return Math.min(Math.floor(roiBatchSize * roiPositiveFraction), candidates);
}

const FAR = 1e9;

/** Best object of each candidate `[B, R]`, and whether it belongs to it. */
function match(iou: Tensor, { roiMatch }: DetectorSettings): { readonly object: Tensor; readonly inside: Tensor } {
  const own = argmax(iou, { axis: 1 }); // [B, R], of equals the first
  const inside = greaterEqual(max(iou, { axis: 1 }), roiMatch.high);
  if ((roiMatch.lowQuality ?? "none") === "none") return { object: own, inside };
  const [batch, objects] = iou.shape as [number, number, number];
  const most = max(iou, { axis: 2, keepDims: true }); // [B, G, 1]
  const calls = logicalAnd(
    logicalAnd(greaterEqual(iou, sub(most, 1e-6)), greater(iou, 0)),
    greaterEqual(most, roiMatch.minimum ?? 0),
  );
  const numbers = tensor(Int32Array.from({ length: objects }, (_, g) => g), { shape: [1, objects, 1] });
  const called = max(where(calls, broadcastTo(numbers, [batch, objects, iou.shape[2]!]), -1), { axis: 1 }); // the last
  const isCalled = greaterEqual(called, 0);
  const object = roiMatch.lowQuality === "caller" ? where(isCalled, called, own) : own;
  return { object, inside: logicalOr(inside, isCalled) };
}

/** Rank of each candidate among those of its kind by random number, 0 first. */
function rankOf(among: Tensor, random: Tensor): Tensor {
  return cast(argsort(argsort(where(among, random, 2))), random.dtype);
}

/**
 * Samples proposals: at most a share of those that belong to objects, the rest of the others.
 *
 * @param proposals Proposals; the objects themselves are candidates too.
 * @param objects What is there.
 * @param uniform `[B, P + G]`: a random number in [0, 1) for each candidate; the smallest are taken.
 * @param settings Numbers and thresholds.
 * @returns As many rows as are asked for, or as there are candidates.
 */
export function roiTargets(
  proposals: Proposals,
  objects: Objects,
  uniform: Tensor,
  settings: DetectorSettings,
): RoiTargets {
  const isObject = greater(cast(objects.valid, "int32"), 0); // [B, G]
  const boxes = concat([proposals.boxes, objects.boxes], { axis: 1 }); // [B, R, 4]
  const valid = concat([proposals.valid, isObject], { axis: 1 });
  const [, candidates] = valid.shape as [number, number];
  const both = logicalAnd(expandDims(isObject, { axis: 2 }), expandDims(valid, { axis: 1 }));
  const iou = where(both, iouOf(objects.boxes, boxes), -1); // [B, G, R]
  const { object, inside } = match(stopGradient(iou), settings);
  const inner = logicalAnd(inside, valid);
  const outer = logicalAnd(logicalNot(inside), valid);
  const most = mostPositive(settings, candidates);
  const rank = rankOf(inner, uniform);
  const first = where(
    logicalAnd(inner, less(rank, most)),
    rank,
    where(outer, add(rankOf(outer, uniform), most), FAR),
  );
  const index = firstColumns(argsort(first), Math.min(settings.roiBatchSize, candidates)); // [B, N]
  const key = rowsAt(first, index);
  const taken = less(key, FAR);
  const positive = less(key, most);
  const owner = rowsAt(object, index);
  const classes = where(positive, rowsAt(objects.classes, owner), settings.classes);
  return { boxes: orUnit(rowsAt(boxes, index), taken), index, valid: taken, positive, object: owner, classes };
}
