/** @file Sums of outer products over many rows: weight gradients. The rows are cut into slabs that depend on shapes alone. */
import type { WgslKernel, WgslPass } from "../../compiler/kernel.ts";
import { type Binding, shaderPass, unravel } from "./shader.ts";

/** Invocations that fill a device; slabs are made until there are as many. */
const FULL = 1 << 14;
/** Rows of a slab, at least. */
const MIN_SLAB = 32;
/** Bound of the partial sums, in elements. */
const MAX_PARTIALS = 1 << 22;

/** One factor: row `row` starts at the element `from` (u32), where it is there. */
export interface OuterFactor {
  readonly name: string;
  readonly buffer: number;
  /** True if every row starts at a multiple of four elements and its length is one. */
  readonly aligned: boolean;
}

/** `result[tap, i, j] = Σ_row left[row, tap, i] · right[row, j]`, for each batch. */
export interface OuterProduct {
  readonly batches: number;
  readonly taps: number;
  readonly rows: number;
  /** Sizes of i and j. */
  readonly sizes: readonly [number, number];
  /** True if only `i = j` counts and the batches are the channels: `result[tap, c]`; texts must not depend on `batch`. */
  readonly diagonal?: boolean;
  readonly left: OuterFactor;
  readonly right: OuterFactor;
  readonly others?: readonly Binding[];
  /** Statements before the rows; `tap` and `batch` (u32) are known, and `first_row` (u32) of the slab. */
  readonly open: string;
  /** Statements for `row` (u32) that define `in_row` (bool), `left_from` and `right_from` (u32); rows come in order. */
  readonly row: string;
  /** Statements after each row. */
  readonly next: string;
  readonly result: {
    readonly buffer: number;
    /** u32 expression of the element of `tap` and `batch` at i and j zero. */
    readonly from: string;
    /** Elements between neighbours along i. */
    readonly stride: number;
    /** All elements of the result. */
    readonly elements: number;
  };
}

/** How many rows of i and j one invocation holds, in registers. */
interface Tile {
  readonly height: number;
  readonly width: number;
}

function tileOf({ sizes: [i, j], left, diagonal }: OuterProduct): Tile {
  if (diagonal) return { height: 1, width: 4 };
  const large = i * j >= 1024;
  const height = left.aligned ? (large && i % 8 === 0 ? 8 : 4) : Math.min(i, 4);
  return { height, width: large && j > 4 ? 8 : 4 };
}

/**
 * Writes a sum of outer products: partial sums of slabs of rows, then their sum in the order of the slabs.
 *
 * @param product The factors.
 * @param scratch Position of the scratch buffer.
 * @returns One pass, or two if there is more than one slab.
 */
export function outerProduct(product: OuterProduct, scratch: number): WgslKernel {
  const { batches, taps, rows, sizes, result } = product;
  const tile = tileOf(product);
  const tiles = product.diagonal
    ? taps * Math.ceil(batches / tile.width)
    : batches * taps * Math.ceil(sizes[0] / tile.height) * Math.ceil(sizes[1] / tile.width);
  const wanted = Math.min(
    Math.ceil(FULL / tiles),
    Math.ceil(rows / MIN_SLAB),
    Math.floor(MAX_PARTIALS / result.elements),
  );
  const length = Math.max(1, Math.ceil(rows / Math.max(1, wanted)));
  const slabs = Math.max(1, Math.ceil(rows / length));
  const main = slabPass(product, tile, tiles, { slabs, length, target: slabs > 1 ? scratch : result.buffer });
  if (slabs === 1) return { passes: [main], scratchBytes: 0 };
  const sum = slabSum({ elements: result.elements, slabs, from: scratch, to: result.buffer });
  return { passes: [main, sum], scratchBytes: 4 * slabs * result.elements };
}

interface Slabs {
  readonly slabs: number;
  readonly length: number;
  /** Position of the buffer that takes the sums. */
  readonly target: number;
}

function slabPass(product: OuterProduct, tile: Tile, tiles: number, { slabs, length, target }: Slabs): WgslPass {
  const { batches, taps, sizes: [height, width], diagonal, left, right, others = [], rows, result } = product;
  const across = diagonal ? Math.ceil(batches / 4) : Math.ceil(width / tile.width);
  const down = diagonal ? 1 : Math.ceil(height / tile.height);
  const lines = [
    unravel("item", [
      ["slab", 0],
      ["tap", taps],
      ["batch", diagonal ? 1 : batches],
      ["tile_i", down],
      ["tile_j", across],
    ]),
    `let i = tile_i * ${tile.height}u; let j = tile_j * ${tile.width}u;`,
    `let first_row = slab * ${length}u;`,
    ...sumNames(tile).map((name) => `var ${name} = vec4f();`),
    product.open,
    `for (var row = first_row; row < min(first_row + ${length}u, ${rows}u); row++) {`,
    product.row,
    "if (in_row) {",
    ...addRow(product, tile),
    "}",
    product.next,
    "}",
    `let to = slab * ${result.elements}u + ${result.from};`,
    ...storeSums(product, tile),
  ];
  const bindings: readonly Binding[] = [
    { name: left.name, type: left.aligned ? "vec4f" : "f32", buffer: left.buffer },
    { name: right.name, type: right.aligned ? "vec4f" : "f32", buffer: right.buffer },
    ...others,
    { name: "sums", type: "f32", buffer: target },
  ];
  return shaderPass(bindings, { items: slabs * tiles, body: lines.join("\n") });
}

const LANES = ["x", "y", "z", "w"] as const;

function sumNames({ height, width }: Tile): readonly string[] {
  return [...Array(height).keys()].flatMap((m) => [...Array(width / 4).keys()].map((v) => `sum_${m}_${v}`));
}

/** Four elements of a factor from `offset` on. */
function four({ name, aligned }: OuterFactor, from: string, offset: string): string {
  if (aligned) return `${name}[(${from} + ${offset}) / 4u]`;
  return `vec4f(${LANES.map((_, lane) => `${name}[${from} + ${offset} + ${lane}u]`).join(", ")})`;
}

function addRow({ left, right, diagonal }: OuterProduct, { height, width }: Tile): readonly string[] {
  const vectors = [...Array(width / 4).keys()];
  const rightLoads = vectors.map((v) => `let right_${v} = ${four(right, "right_from", `j + ${4 * v}u`)};`);
  if (diagonal) return [...rightLoads, `sum_0_0 = fma(${four(left, "left_from", "j")}, right_0, sum_0_0);`];
  const scalar = (m: number) => left.aligned ? `left_${m >> 2}.${LANES[m & 3]}` : `left_${m}`;
  const leftLoads = left.aligned
    ? [...Array(height / 4).keys()].map((v) => `let left_${v} = ${four(left, "left_from", `i + ${4 * v}u`)};`)
    : [...Array(height).keys()].map((m) => `let left_${m} = ${left.name}[left_from + i + ${m}u];`);
  const adds = [...Array(height).keys()].flatMap((m) =>
    vectors.map((v) => `sum_${m}_${v} = fma(vec4f(${scalar(m)}), right_${v}, sum_${m}_${v});`)
  );
  return [...leftLoads, ...rightLoads, ...adds];
}

/** Writes what lies inside the result. */
function storeSums({ batches, sizes, diagonal, result }: OuterProduct, { height, width }: Tile): readonly string[] {
  const [rows, columns] = diagonal ? [1, batches] : sizes;
  const inside = (offset: number, tile: number, name: string, size: number) =>
    size % tile === 0 ? "" : `if (${name} + ${offset}u < ${size}u) `;
  return [...Array(height).keys()].flatMap((m) =>
    [...Array(width).keys()].map((n) => {
      const at = `to + (i + ${m}u) * ${result.stride}u + j + ${n}u`;
      const value = `sum_${m}_${n >> 2}.${LANES[n & 3]}`;
      return `${inside(m, height, "i", rows)}{ ${inside(n, width, "j", columns)}{ sums[${at}] = ${value}; } }`;
    })
  );
}

/** Adds partial sums `[slabs, elements]` in the order of the slabs. */
function slabSum(
  { elements, slabs, from, to }: {
    readonly elements: number;
    readonly slabs: number;
    readonly from: number;
    readonly to: number;
  },
): WgslPass {
  const body = `var sum = 0f;
for (var slab = 0u; slab < ${slabs}u; slab++) { sum += sums[slab * ${elements}u + item]; }
result[item] = sum;`;
  const bindings: readonly Binding[] = [
    { name: "sums", type: "f32", buffer: from },
    { name: "result", type: "f32", buffer: to },
  ];
  return shaderPass(bindings, { items: elements, body });
}
