/** @file Masks and geometries of the tests. */
import type { Geometry, Mask } from "./oracle.ts";

/** A site list as a mask of one image. */
function fromSites(rows: number, columns: number, sites: readonly (readonly [number, number])[]): Mask[number] {
  const at = new Set(sites.map(([y, x]) => y * columns + x));
  return Array.from(
    { length: rows },
    (_, y) => Array.from({ length: columns }, (_, x) => at.has(y * columns + x) ? 1 : 0),
  );
}

/** The 3 × 7 pattern Q: 8 sites. */
export const PATTERN_Q: Mask = [fromSites(3, 7, [[0, 3], [1, 2], [1, 4], [2, 1], [2, 2], [2, 3], [2, 4], [2, 5]])];

/** The SparK mask M: patch n of 49 is active if `11 n mod 49 < 20`. */
export const MASK_M: Mask = [
  Array.from({ length: 7 }, (_, i) => Array.from({ length: 7 }, (_, j) => (11 * (7 * i + j)) % 49 < 20 ? 1 : 0)),
];

/** Small masks, each with something special. */
export const MASKS: Readonly<Record<string, Mask>> = {
  scattered: [
    fromSites(3, 4, [[0, 0], [0, 3], [1, 1], [2, 1], [2, 2]]),
    fromSites(3, 4, [[0, 1], [0, 2], [1, 1], [1, 3], [2, 0]]),
  ],
  full: [fromSites(2, 2, [[0, 0], [0, 1], [1, 0], [1, 1]])],
  "one cell": [fromSites(3, 3, [[1, 1]])],
  corners: [fromSites(3, 4, [[0, 0], [0, 3], [2, 0], [2, 3]])],
  "one image empty": [fromSites(2, 3, [[0, 0], [1, 1], [1, 2]]), fromSites(2, 3, []), fromSites(2, 3, [[0, 1]])],
  "nothing active": [fromSites(2, 2, [])],
};

/** A geometry and the block it is tried on. */
export interface GeometryCase extends Geometry {
  readonly name: string;
  readonly block: readonly [number, number];
}

type Sides = Geometry["padding"];

function geometry(
  block: readonly [number, number],
  kernel: number | readonly [number, number],
  stride: number | readonly [number, number],
  padding: number | Sides,
  dilation: number = 1,
): GeometryCase {
  const pair = (n: number | readonly [number, number]) => typeof n === "number" ? [n, n] as const : n;
  const sides = typeof padding === "number" ? [[padding, padding], [padding, padding]] as const : padding;
  const name = `${pair(kernel).join("x")} s${pair(stride)} p${sides} d${dilation} on ${block.join("x")} blocks`;
  return { name, block, kernel: pair(kernel), stride: pair(stride), padding: sides, dilation: pair(dilation) };
}

/** Windows that keep the pattern: blocks divide by the stride. */
export const GEOMETRIES: readonly GeometryCase[] = [
  geometry([1, 1], 1, 1, 0),
  geometry([2, 2], 1, 1, 0),
  geometry([4, 2], 1, 2, 0),
  geometry([1, 1], 3, 1, 1),
  geometry([2, 2], 3, 1, 1),
  geometry([2, 3], 3, 1, 1),
  geometry([2, 2], 3, 2, 1),
  geometry([4, 4], 3, 2, 1),
  geometry([1, 1], 5, 1, 2),
  geometry([1, 1], 7, 1, 3),
  geometry([2, 2], 7, 1, 3),
  geometry([4, 4], 7, 2, 3),
  geometry([2, 2], 7, 2, 3),
  geometry([4, 4], 4, 4, 0),
  geometry([2, 2], 2, 2, 0),
  geometry([2, 2], 2, 1, [[0, 1], [0, 1]]),
  geometry([2, 2], 2, 1, [[1, 0], [1, 0]]),
  geometry([2, 2], 3, 1, 2, 2),
  geometry([1, 1], 3, 1, 3, 3),
  geometry([4, 2], 3, [2, 1], 2, 2),
  geometry([2, 4], [3, 1], [1, 2], [[1, 1], [0, 0]]),
  geometry([2, 2], [1, 3], 1, [[0, 0], [2, 0]]),
  geometry([2, 2], 4, 2, 1),
  // Windows around their own pixel: where cells are scattered, some are empty.
  geometry([1, 1], 2, 1, 1, 2),
  geometry([2, 2], 2, 1, 1, 2),
];

/** Small whole numbers that look random: sums of them are exact in float32. */
export function wholeNumber(k: number): number {
  return ((Math.imul(k + 3, 0x9e3779b1) >>> 8) % 9) - 4;
}
