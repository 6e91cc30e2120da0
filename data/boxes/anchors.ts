/** @file Anchors: boxes of a few sizes and shapes at every cell of the maps of a pyramid. */
import { requireOptions } from "../../tensor/errors.ts";
import { ANCHOR_RATIOS } from "./anchor_ratios.ts";
import { roundHalfToEven } from "./round_half_to_even.ts";

/** Anchors of one cell. */
export interface CellAnchorOptions {
  /** Side of a square of the same area, in pixels; one or several. */
  readonly sizes: readonly number[];
  /** Height over width; 0.5, 1, 2 by default. */
  readonly ratios?: readonly number[];
  /** True to round corners to whole pixels, half to even, as torchvision does; false by default, as detectron2. */
  readonly rounded?: boolean;
  /** What varies slowest where there are several sizes: `size` by default, as in detectron2; `ratio` as in torchvision. */
  readonly outer?: "size" | "ratio";
}

/** Anchors of a pyramid. */
export interface GridAnchorOptions extends Omit<CellAnchorOptions, "sizes"> {
  /** Sizes of the anchors of each map, fine to coarse. */
  readonly sizes: readonly (readonly number[])[];
  /** `[rows, columns]` of each map. */
  readonly grids: readonly (readonly [number, number])[];
  /** Pixels from one cell to the next, `[down, right]`, for each map. */
  readonly steps: readonly (readonly [number, number])[];
}

/**
 * Anchors around the origin: of size s and ratio r the box of area s² that is r times as high as wide.
 *
 * @param options Sizes, ratios, rounding, order.
 * @returns `[sizes · ratios, 4]` flat.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { cellAnchors } from "@tessera/tessera/data";
 *
 * const anchors = cellAnchors({ sizes: [32], ratios: [0.5], rounded: true });
 * deepStrictEqual([...anchors], [-23, -11, 23, 11]);
 * ```
 */
export function cellAnchors(options: CellAnchorOptions): Float64Array {
  requireOptions("cellAnchors", options, { sizes: true, ratios: true, rounded: true, outer: true });
  const { sizes, ratios = ANCHOR_RATIOS, rounded = false, outer = "size" } = options;
  const pairs = outer === "size"
    ? sizes.flatMap((size) => ratios.map((ratio) => [size, ratio] as const))
    : ratios.flatMap((ratio) => sizes.map((size) => [size, ratio] as const));
  const round = rounded ? roundHalfToEven : (x: number) => x;
  return Float64Array.from(pairs.flatMap(([size, ratio]) => {
    const [width, height] = rounded
      ? [size / Math.sqrt(ratio), size * Math.sqrt(ratio)]
      : [Math.sqrt(size * size / ratio), ratio * Math.sqrt(size * size / ratio)];
    return [-width / 2, -height / 2, width / 2, height / 2].map(round);
  }));
}

/**
 * Anchors of all maps of an image, in the order of the numbers of a head `[rows, columns, anchors]`: map, row, column,
 * anchor of the cell. They lie around the upper left corners of the cells, and also across the border of the image.
 *
 * @param options Maps, steps, and what `cellAnchors` takes.
 * @returns `[N, 4]` flat.
 * @throws {RangeError} If maps, sizes and steps are not of one number.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { gridAnchors } from "@tessera/tessera/data";
 *
 * const anchors = gridAnchors({ sizes: [[8]], grids: [[2, 3]], steps: [[4, 4]] });
 * equal(anchors.length, 2 * 3 * 3 * 4);
 * ```
 */
export function gridAnchors(options: GridAnchorOptions): Float64Array {
  requireOptions("gridAnchors", options, {
    sizes: true,
    grids: true,
    steps: true,
    ratios: true,
    rounded: true,
    outer: true,
  });
  const { sizes, grids, steps, ...rest } = options;
  if (sizes.length !== grids.length || steps.length !== grids.length) {
    throw new RangeError(
      `Cannot place anchors as each map must have sizes and a step: current numbers are ${grids.length} maps, ` +
        `${sizes.length} lists of sizes, ${steps.length} steps`,
    );
  }
  const levels = grids.map(([rows, columns], level) => {
    const cell = cellAnchors({ ...rest, sizes: sizes[level]! });
    const [down, right] = steps[level]!;
    const anchors = new Float64Array(rows * columns * cell.length);
    for (let row = 0, at = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        cell.forEach((corner, i) => anchors[at++] = corner + (i % 2 === 0 ? column * right : row * down));
      }
    }
    return anchors;
  });
  const all = new Float64Array(levels.reduce((sum, { length }) => sum + length, 0));
  levels.reduce((at, level) => (all.set(level, at), at + level.length), 0);
  return all;
}

/** Anchors of the pyramid of a detector. */
export interface PyramidAnchorOptions extends Omit<GridAnchorOptions, "grids" | "steps"> {
  /** Pixels of a cell of each map, the last one twice the stride of the backbone. */
  readonly strides: readonly number[];
  /** Pixels from one anchor to the next: those of a cell (`stride`), or the image's by the cells, rounded down (`fit`). */
  readonly step: "stride" | "fit";
}

/**
 * All anchors of images of a size, in the order of the numbers of a proposal head.
 *
 * @param size Rows and columns, multiples of the stride of the backbone.
 * @param options Strides and what `gridAnchors` takes.
 * @returns `[N, 4]` flat.
 * @throws {RangeError} If the size is no multiple of the stride.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { pyramidAnchors } from "@tessera/tessera/data";
 *
 * equal(pyramidAnchors([16, 16], { strides: [8, 16], step: "stride", sizes: [[8], [16]] }).length, (4 + 1) * 3 * 4);
 * ```
 */
export function pyramidAnchors(
  size: readonly [height: number, width: number],
  options: PyramidAnchorOptions,
): Float64Array {
  requireOptions("pyramidAnchors", options, {
    ...{ strides: true, step: true, sizes: true, ratios: true, rounded: true, outer: true },
  });
  const { strides, step, ...rest } = options;
  const coarsest = strides.at(-2)!;
  if (!size.every((side) => Number.isSafeInteger(side) && side > 0 && side % coarsest === 0)) {
    throw new RangeError(
      `Cannot place anchors as both sides must be multiples of ${coarsest}, the stride of the backbone: current size is ${size}`,
    );
  }
  const grids = strides.map((stride) => [Math.ceil(size[0] / stride), Math.ceil(size[1] / stride)] as const);
  const steps = grids.map(([rows, columns], i): readonly [number, number] =>
    step === "stride" ? [strides[i]!, strides[i]!] : [Math.floor(size[0] / rows), Math.floor(size[1] / columns)]
  );
  return gridAnchors({ ...rest, grids, steps });
}
