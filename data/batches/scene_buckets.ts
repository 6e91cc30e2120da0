/** @file A few sizes for images of all sizes: each is a program that must be compiled. */
import { requireOptions } from "../../tensor/errors.ts";
import { type ResizeRule, shortestEdgeSize } from "../images/resize_rules.ts";
import type { Canvas } from "../images/scenes/scene_transforms.ts";

/** How images are resized. */
export interface SceneBucketsOptions {
  /** Lengths that the shorter side may have. */
  readonly shorts: readonly number[];
  /** What the longer side may be at most. */
  readonly longest: number;
  /** Sides of canvases are multiples of it: the stride of the backbone. */
  readonly stride: number;
  /** Parts into which the lengths are divided, each with canvases of its own; 1 if not given. */
  readonly bands?: number;
  /** Whose rounding; `detectron2` if not given. */
  readonly rule?: ResizeRule;
  /** True if parts of images are cut out before, which may be of another shape: one square canvas holds all. */
  readonly cuts?: boolean;
}

/** Canvases that hold all images. */
export interface SceneBuckets {
  /** `bands` for each group. */
  readonly canvases: readonly Canvas[];
  /** Group of each image: landscape and square images, and portraits, where there are both. */
  readonly groups: Int32Array;
  /** Canvases of a group. */
  readonly variants: number;
  /** What each canvas is for, for people: `512×768, landscape`. */
  readonly names: readonly string[];
}

/**
 * Chooses canvases: one for images that are not higher than wide and one for the others, where there are both, times `bands`;
 * each just large enough for all its images at all its lengths. So an epoch of whatever images has at most twice `bands`
 * shapes of batches.
 *
 * @param sizes Rows and columns of each image.
 * @param options How they are resized.
 * @returns Canvases and the group of each image, for `sceneFields`.
 * @throws {RangeError} If there are fewer lengths than bands, or no image.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { sceneBuckets } from "@tessera/tessera/data";
 *
 * const { names, groups } = sceneBuckets([[480, 640], [640, 426]], { shorts: [320], longest: 640, stride: 32 });
 * deepStrictEqual(names, ["320×448, landscape", "512×320, portrait"]);
 * deepStrictEqual([...groups], [0, 1]);
 * ```
 */
export function sceneBuckets(
  sizes: readonly (readonly [height: number, width: number])[],
  options: SceneBucketsOptions,
): SceneBuckets {
  requireOptions("sceneBuckets", options, {
    ...{ shorts: true, longest: true, stride: true, bands: true, rule: true, cuts: true },
  });
  const { shorts, bands = 1, cuts = false } = options;
  if (sizes.length === 0 || !(Number.isSafeInteger(bands) && bands > 0 && bands <= shorts.length)) {
    throw new RangeError(
      `Cannot choose canvases as there must be images, and no more bands than lengths: current numbers are ${sizes.length} images, ` +
        `${bands} bands, ${shorts.length} lengths`,
    );
  }
  const portraits = Int32Array.from(sizes, ([height, width]) => Number(height > width));
  const hasBoth = !cuts && portraits.includes(1) && portraits.includes(0);
  const groups = hasBoth ? portraits : new Int32Array(sizes.length);
  const ordered = shorts.toSorted((a, b) => a - b);
  const parts = Array.from(
    { length: bands },
    (_, band) =>
      ordered.slice(Math.floor(band * ordered.length / bands), Math.floor((band + 1) * ordered.length / bands)),
  );
  const kinds = hasBoth ? ["landscape", "portrait"] : [""];
  const made = kinds.flatMap((kind, group) => {
    const own = distinct(sizes.filter((_, i) => groups[i] === group));
    return parts.map((band) => {
      const size = cuts ? squareFor(options) : canvasFor(own, band, options);
      return { canvas: { size, shorts: band }, name: [size.join("×"), ...kind === "" ? [] : [kind]].join(", ") };
    });
  });
  return { canvases: made.map(({ canvas }) => canvas), groups, variants: bands, names: made.map(({ name }) => name) };
}

/** Each size once: there are far fewer than images. */
function distinct(
  sizes: readonly (readonly [height: number, width: number])[],
): readonly (readonly [height: number, width: number])[] {
  return [...new Map(sizes.map((size) => [size.join(), size])).values()];
}

const multipleOf = (stride: number) => (side: number) => Math.ceil(Math.max(1, side) / stride) * stride;

function canvasFor(
  sizes: readonly (readonly [height: number, width: number])[],
  shorts: readonly number[],
  options: SceneBucketsOptions,
): readonly [height: number, width: number] {
  const { longest, stride, rule = "detectron2" } = options;
  const resized = sizes.flatMap((size) => shorts.map((short) => shortestEdgeSize(size, { short, longest, rule })));
  const most = (axis: 0 | 1) => resized.reduce((side, size) => Math.max(side, size[axis]), 1);
  return [multipleOf(stride)(most(0)), multipleOf(stride)(most(1))];
}

/** Parts may be of any shape: only the longest side bounds them. */
function squareFor({ longest, stride }: SceneBucketsOptions): readonly [height: number, width: number] {
  const side = multipleOf(stride)(longest);
  return [side, side];
}
