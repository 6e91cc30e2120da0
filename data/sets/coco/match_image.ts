/** @file Which detections of one category in one image are right, at each threshold of overlap and in each range of areas. */

/** Thresholds of overlap. By this formula, two of them are not multiples of 0.05 in their last digit. */
export const THRESHOLDS: readonly number[] = Array.from({ length: 10 }, (_, k) => 0.5 + k * ((0.95 - 0.5) / 9));

/** Ranges of area in pixels, both ends included. */
export const AREAS: Readonly<Record<"all" | "small" | "medium" | "large", readonly [number, number]>> = {
  all: [0, 1e10],
  small: [0, 32 ** 2],
  medium: [32 ** 2, 96 ** 2],
  large: [96 ** 2, 1e10],
};

/** What is there: in the order of the file. */
export interface Truth {
  readonly area: number;
  readonly crowd: boolean;
  readonly difficult?: boolean;
}

/** What was found: by descending score. */
export interface Found {
  readonly score: number;
  readonly area: number;
}

/** The outcome in one range of areas. */
export interface Matches {
  readonly scores: readonly number[];
  /** For each threshold and detection: 1 right, 0 wrong, -1 if it does not count. */
  readonly outcomes: readonly Int8Array[];
  /** Objects that count. */
  readonly objects: number;
}

/**
 * Matches detections greedily, the surest first: each takes the object that it overlaps most, of equals the later; a crowd
 * and what is difficult may be taken by many, and objects that do not count are taken last.
 *
 * @param found Detections, the surest first.
 * @param truths Objects.
 * @param overlaps Overlap of each detection with each object.
 * @param range Areas that count.
 * @returns The outcome. What matches an object that does not count, or none while of another area, does not count either.
 */
export function matchImage(
  found: readonly Found[],
  truths: readonly Truth[],
  overlaps: readonly (readonly number[])[],
  [least, most]: readonly [number, number],
): Matches {
  const outside = (area: number) => area < least || area > most;
  const ignored = truths.map(({ crowd, difficult, area }) => crowd || difficult === true || outside(area));
  const many = truths.map(({ crowd, difficult }) => crowd || difficult === true);
  const order = [...truths.keys()].sort((a, b) => Number(ignored[a]) - Number(ignored[b]));
  const outcomes = THRESHOLDS.map((threshold) => {
    const taken = new Set<number>();
    return Int8Array.from(found, ({ area }, d) => {
      const best = bestOf(overlaps[d]!, threshold, order.filter((g) => many[g] || !taken.has(g)), ignored);
      if (best === null) return outside(area) ? -1 : 0;
      taken.add(best);
      return ignored[best] ? -1 : 1;
    });
  });
  return { scores: found.map(({ score }) => score), outcomes, objects: ignored.filter((ignore) => !ignore).length };
}

/** The object that a detection takes among those that are free; objects that count come first in the order. */
function bestOf(
  overlaps: readonly number[],
  threshold: number,
  free: readonly number[],
  ignored: readonly boolean[],
): number | null {
  let [best, most]: [number | null, number] = [null, Math.min(threshold, 1 - 1e-10)];
  for (const g of free) {
    if (best !== null && !ignored[best] && ignored[g]) break;
    if (overlaps[g]! < most) continue;
    [best, most] = [g, overlaps[g]!];
  }
  return best;
}
