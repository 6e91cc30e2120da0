/** @file Masks as run lengths, as COCO holds them: column by column, runs of zeros and ones in turn, beginning with zeros. */

/** A binary mask of `size` `[height, width]`. */
export interface RunLengths {
  /** `[height, width]` in pixels. */
  readonly size: readonly [height: number, width: number];
  /** Lengths of runs, down the columns from the left; the first, of zeros, may be 0. Their sum is height times width. */
  readonly counts: readonly number[];
}

/** Left, top, width and height in pixels. */
export type Bounds = readonly [x: number, y: number, width: number, height: number];

/**
 * Turns a mask into run lengths.
 *
 * @param mask Row-major `[height, width]`; anything but 0 is set.
 * @param size `[height, width]`.
 * @returns Its runs.
 * @throws {RangeError} If the mask has another number of pixels.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { encodeMask } from "@tessera/tessera/data";
 *
 * deepStrictEqual(encodeMask(Uint8Array.of(0, 1, 0, 1), [2, 2]).counts, [2, 2]); // the right column is set
 * ```
 */
export function encodeMask(mask: ArrayLike<number>, size: readonly [number, number]): RunLengths {
  const [height, width] = size;
  if (mask.length !== height * width) {
    throw new RangeError(
      `Cannot encode a mask as it must have ${height}×${width} pixels: current number is ${mask.length}`,
    );
  }
  const counts: number[] = [];
  let [run, last] = [0, false];
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; y++) {
      const set = mask[y * width + x] !== 0;
      if (set !== last) {
        counts.push(run);
        [run, last] = [0, set];
      }
      run++;
    }
  }
  return { size, counts: [...counts, run] };
}

/**
 * Turns run lengths into a mask.
 *
 * @param runs The runs.
 * @returns Row-major `[height, width]` of 0 and 1.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { decodeMask } from "@tessera/tessera/data";
 *
 * deepStrictEqual([...decodeMask({ size: [2, 2], counts: [2, 2] })], [0, 1, 0, 1]);
 * ```
 */
export function decodeMask({ size: [height, width], counts }: RunLengths): Uint8Array {
  const mask = new Uint8Array(height * width);
  let at = 0;
  counts.forEach((count, i) => {
    for (const end = at + count; at < end; at++) {
      if (i % 2 === 1) mask[(at % height) * width + Math.floor(at / height)] = 1;
    }
  });
  return mask;
}

/**
 * Counts the pixels of a mask.
 *
 * @param runs The mask.
 * @returns How many are set.
 */
export function maskArea({ counts }: Pick<RunLengths, "counts">): number {
  return counts.reduce((sum, count, i) => i % 2 === 1 ? sum + count : sum, 0);
}

/**
 * Finds the bounds of a mask.
 *
 * @param runs The mask.
 * @returns The smallest box around its pixels; all 0 if none is set.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { encodeMask, maskBounds } from "@tessera/tessera/data";
 *
 * deepStrictEqual(maskBounds(encodeMask(Uint8Array.of(0, 0, 0, 1), [2, 2])), [1, 1, 1, 1]);
 * ```
 */
export function maskBounds({ size: [height, width], counts }: RunLengths): Bounds {
  let [left, top, right, bottom, at] = [width, height, -1, -1, 0];
  counts.forEach((count, i) => {
    const [first, last] = [at, at + count - 1];
    at += count;
    if (i % 2 === 0 || count === 0) return;
    const [x0, x1] = [Math.floor(first / height), Math.floor(last / height)];
    left = Math.min(left, x0);
    right = Math.max(right, x1);
    // A run that goes on in the next column touches the last row of one and the first of the other.
    top = Math.min(top, x1 > x0 ? 0 : first % height);
    bottom = Math.max(bottom, x1 > x0 ? height - 1 : last % height);
  });
  return right < 0 ? [0, 0, 0, 0] : [left, top, right - left + 1, bottom - top + 1];
}

/** Positions at which a mask changes, in the order of its columns; from the first on it is set. */
function changesOf({ counts }: RunLengths): readonly number[] {
  let at = 0;
  return counts.slice(0, -1).map((count) => at += count);
}

/**
 * Joins masks of one size.
 *
 * @param masks At least one.
 * @param how `union`: pixels that any mask has; `intersection`: those that all have.
 * @returns The mask.
 * @throws {RangeError} If there is none, or sizes differ.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { encodeMask, maskArea, mergeMasks } from "@tessera/tessera/data";
 *
 * const masks = [[1, 1, 0, 0], [0, 1, 0, 1]].map((mask) => encodeMask(mask, [2, 2]));
 * equal(maskArea(mergeMasks(masks, "union")), 3);
 * equal(maskArea(mergeMasks(masks, "intersection")), 1);
 * ```
 */
export function mergeMasks(masks: readonly RunLengths[], how: "union" | "intersection"): RunLengths {
  const [first] = masks;
  const other = masks.find(({ size }) => size.join() !== first!.size.join());
  if (!first || other) {
    const current = other ? `${first!.size} and ${other.size}` : "no mask";
    throw new RangeError(`Cannot merge masks as all must have one size: current sizes are ${current}`);
  }
  const needed = how === "union" ? 1 : masks.length;
  // How many masks more, or fewer, are set from each position on.
  const steps = masks.flatMap((mask) => changesOf(mask).map((at, i) => [at, i % 2 === 0 ? 1 : -1] as const))
    .sort(([a], [b]) => a - b);
  const counts: number[] = [];
  let [depth, from, set] = [0, 0, false];
  steps.forEach(([at, step], i) => {
    depth += step;
    if (steps[i + 1]?.[0] === at || (depth >= needed) === set) return;
    counts.push(at - from);
    [from, set] = [at, !set];
  });
  return { size: first.size, counts: [...counts, first.size[0] * first.size[1] - from] };
}

/**
 * Writes run lengths as COCO's compressed text: differences to the run before the last, five bits a character.
 *
 * @param counts The runs.
 * @returns The text.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { countsText } from "@tessera/tessera/data";
 *
 * equal(countsText([1, 2, 3, 1]), "123O");
 * ```
 */
export function countsText(counts: readonly number[]): string {
  const characters = counts.flatMap((count, i) => {
    const codes: number[] = [];
    let rest = i > 2 ? count - counts[i - 2]! : count;
    for (let more = true; more;) {
      // A run may be as long as an image of 65535×65535 pixels: too long for operators of bits.
      const low = rest - 32 * Math.floor(rest / 32);
      rest = Math.floor(rest / 32);
      more = (low & 16) !== 0 ? rest !== -1 : rest !== 0;
      codes.push(low + (more ? 32 : 0) + 48);
    }
    return codes;
  });
  return characters.map((code) => String.fromCharCode(code)).join("");
}

/**
 * Reads COCO's compressed text.
 *
 * @param text The text.
 * @returns The runs.
 * @throws {RangeError} If it ends within a number, has a character that is none of its own, or a run is negative.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { parseCounts } from "@tessera/tessera/data";
 *
 * deepStrictEqual(parseCounts("123O"), [1, 2, 3, 1]);
 * ```
 */
export function parseCounts(text: string): readonly number[] {
  const counts: number[] = [];
  let [value, shift] = [0, 0];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at) - 48;
    if (code < 0 || code > 63 || shift > 30) refuseText(`a number ends at character ${at}`, text);
    value += (code & 31) * 2 ** shift;
    shift += 5;
    if ((code & 32) !== 0) continue;
    if ((code & 16) !== 0) value -= 2 ** shift;
    const count = counts.length > 2 ? value + counts[counts.length - 2]! : value;
    if (count < 0) refuseText(`run ${counts.length} is ${count}`, text);
    counts.push(count);
    [value, shift] = [0, 0];
  }
  if (shift > 0) refuseText("the last number has no end", text);
  return counts;
}

function refuseText(what: string, text: string): never {
  const shown = text.length > 40 ? `${text.slice(0, 40)}…` : text;
  throw new RangeError(
    `Cannot read run lengths as their text must hold runs of 0 or more: ${what}, current text is ${shown}`,
  );
}
