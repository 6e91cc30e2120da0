/** @file What a region proposal network learns from one image: which anchors, with which labels and boxes. */
import { requireOptions } from "../../tensor/errors.ts";
import { encodeBoxes } from "./box_coder.ts";
import { BACKGROUND, IGNORED, matchBoxes, type MatchOptions } from "./matcher.ts";
import { boxIou } from "./overlap.ts";

/** How anchors are matched and sampled. */
export interface RpnTargetOptions {
  /** Rules of matching; 0.3, 0.7 and `own` by default, as detectron2 and torchvision have them. */
  readonly match?: MatchOptions;
  /** Anchors of an image that are learned from; 256 by default. */
  readonly batchSize?: number;
  /** At most this share of them belongs to objects; 0.5 by default. */
  readonly positiveFraction?: number;
  /** `[N]`: 0 for anchors that are neither matched nor sampled, of `usableAnchors`; all are if it is not given. */
  readonly usable?: ArrayLike<number>;
}

/** Targets of one image, of a length that does not depend on it. */
export interface RpnTargets {
  /** `[batchSize]`: numbers of anchors, those of objects first; -1 where there are fewer. */
  readonly index: Int32Array<ArrayBuffer>;
  /** `[batchSize]`: 1 for anchors of objects, 0 else. */
  readonly label: Int32Array<ArrayBuffer>;
  /** `[⌊batchSize · positiveFraction⌋, 4]`: differences from the first anchors to their objects, 0 where there are fewer. */
  readonly target: Float64Array<ArrayBuffer>;
}

/** How anchors of detectron2 and torchvision are matched. */
export const RPN_MATCH: MatchOptions = { low: 0.3, high: 0.7, lowQuality: "own" };

/**
 * Chooses among candidates, each set of that size equally likely: those of the smallest random numbers.
 *
 * @param candidates Any numbers.
 * @param count How many at most.
 * @param draw Gives random numbers, one for each candidate in order.
 * @returns The chosen ones, in the order of their random numbers; all candidates as they are if there are no more.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { dataKey, drawsOf, sampleOf } from "@tessera/tessera/data";
 *
 * equal(sampleOf([4, 5, 6], 2, drawsOf(dataKey(1))).length, 2);
 * ```
 */
export function sampleOf(candidates: readonly number[], count: number, draw: () => number): readonly number[] {
  if (candidates.length <= count) return candidates;
  return candidates.map((value) => [draw(), value] as const).sort(([a], [b]) => a - b).slice(0, count)
    .map(([, value]) => value);
}

/**
 * Matches the anchors of an image with its objects and samples those that are learned from.
 *
 * @param anchors `[N, 4]` flat.
 * @param boxes Boxes of the objects, `[G, 4]` flat; G may be 0.
 * @param draw Gives random numbers in [0, 1): of a key of the image and the epoch, so that a run can be resumed.
 * @param options Matching and sampling.
 * @returns Targets.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { dataKey, drawsOf, rpnTargets } from "@tessera/tessera/data";
 *
 * const { index, label } = rpnTargets([0, 0, 4, 4, 8, 8, 12, 12], [0, 0, 4, 5], drawsOf(dataKey(1)), { batchSize: 3 });
 * deepStrictEqual([...index], [0, 1, -1]);
 * deepStrictEqual([...label], [1, 0, 0]);
 * ```
 */
export function rpnTargets(
  anchors: ArrayLike<number>,
  boxes: ArrayLike<number>,
  draw: () => number,
  options: RpnTargetOptions = {},
): RpnTargets {
  requireOptions("rpnTargets", options, { match: true, batchSize: true, positiveFraction: true, usable: true });
  const { match = RPN_MATCH, batchSize = 256, positiveFraction = 0.5, usable } = options;
  const all = Array.from({ length: anchors.length / 4 }, (_, i) => i);
  const numbers = usable ? all.filter((i) => usable[i]) : all;
  const cornersOf = (list: ArrayLike<number>, i: number) => [0, 1, 2, 3].map((corner) => list[4 * i + corner]!);
  const among = usable ? Float64Array.from(numbers.flatMap((i) => cornersOf(anchors, i))) : anchors;
  const matches = matchBoxes(boxIou(boxes, among), numbers.length, match);
  const [inside, outside]: [number[], number[]] = [[], []];
  matches.forEach((object, i) => {
    if (object !== IGNORED) (object === BACKGROUND ? outside : inside).push(i);
  });
  const most = Math.floor(batchSize * positiveFraction);
  const positive = sampleOf(inside, most, draw);
  const negative = sampleOf(outside, batchSize - positive.length, draw);
  const targets = { index: new Int32Array(batchSize).fill(-1), label: new Int32Array(batchSize) };
  targets.index.set([...positive, ...negative].map((i) => numbers[i]!));
  targets.label.fill(1, 0, positive.length);
  const deltas = encodeBoxes(
    positive.flatMap((i) => cornersOf(among, i)),
    positive.flatMap((i) => cornersOf(boxes, matches[i]!)),
  );
  const target = new Float64Array(most * 4);
  target.set(deltas);
  return { ...targets, target };
}
