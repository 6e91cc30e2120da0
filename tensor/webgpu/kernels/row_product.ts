/** @file Rows times a matrix, in registers: the inner part of products, convolutions and kernel map convolutions. */
import type { WgslPass } from "../../compiler/kernel.ts";
import { type Binding, shaderPass } from "./shader.ts";

/** Invocations of a workgroup. */
const GROUP = 64;
/** Results from which tiles of 8 by 8 still give enough invocations to fill a device; below, 4 by 4. */
const LARGE = 1 << 17;

/** Where the rows of the left factor lie. Texts are WGSL statements about row `m` of the tile, whose number is `row_m` (u32). */
export interface LeftRows {
  readonly name: string;
  readonly buffer: number;
  /** True if every row starts at a multiple of four elements and the depth is one: loads are vec4. */
  readonly aligned: boolean;
  /** True if rows may be absent: `tap` then defines `in_m` (bool) beside `from_m`. */
  readonly guarded: boolean;
  /** Statements before the taps. */
  row(m: number): string;
  /** Statements inside the taps; they define `from_m` (u32), the element at depth zero. */
  tap(m: number): string;
}

/** The right factor: `[depth, columns]`, or `[columns, depth]` if transposed, for each batch and tap. */
export interface RightMatrix {
  readonly name: string;
  readonly buffer: number;
  readonly transposed: boolean;
  /** u32 expression of the element at depth and column zero, of `batch` and the tap. */
  readonly from: string;
  /** Elements between neighbours along the axis that is not contiguous. */
  readonly stride: number;
  /** True if `from` and `stride` are multiples of four. */
  readonly aligned: boolean;
}

/** `result[row, column] = Σ_tap Σ_depth left[row, tap, depth] · right[tap, depth, column]`, for each batch. */
export interface RowProduct {
  readonly batches: number;
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly left: LeftRows;
  readonly right: RightMatrix;
  /** Further buffers that the texts read. */
  readonly others?: readonly Binding[];
  /** Loops around the taps; `null` if there are no taps at all: the result is zero. */
  readonly taps: { readonly open: string; readonly close: string } | null;
  readonly result: {
    readonly name: string;
    readonly buffer: number;
    /** True if every row starts at a multiple of four elements and there are a multiple of four columns. */
    readonly aligned: boolean;
    /** u32 expression of the element at column zero of row m. */
    at(m: number): string;
  };
}

/** Results of one invocation: rows, and vec4 of columns. */
interface Tile {
  readonly rows: readonly number[];
  readonly vectors: readonly number[];
}

function tileOf({ batches, rows, columns }: RowProduct): Tile {
  const large = batches * rows * columns >= LARGE;
  const count = (n: number) => [...Array(n).keys()];
  return { rows: count(Math.min(large ? 8 : 4, rows)), vectors: count(large && columns > 4 ? 2 : 1) };
}

/**
 * Writes a product: each invocation keeps a tile of results in registers and walks the depth.
 *
 * @param given The factors.
 * @returns The pass.
 */
export function rowProduct(given: RowProduct): WgslPass {
  const product = { ...given, right: loadedAs(given) };
  const { batches, left, right, others = [], taps, result } = product;
  const tile = tileOf(product);
  const [height, width] = [tile.rows.length, tile.vectors.length * 4];
  const [rowTiles, columnTiles] = [Math.ceil(product.rows / height), Math.ceil(product.columns / width)];
  // A group covers a square of tiles, as far as there are columns, so that its loads overlap in both factors.
  const across = Math.min(8, 2 ** Math.ceil(Math.log2(columnTiles)));
  const [groupsDown, groupsAcross] = [Math.ceil(rowTiles / (GROUP / across)), Math.ceil(columnTiles / across)];
  const lines = [
    `let within = item % ${GROUP}u;`,
    `let square = item / ${GROUP}u;`,
    `let batch = square / ${groupsDown * groupsAcross}u;`,
    `let down = square / ${groupsAcross}u % ${groupsDown}u;`,
    `let row = (down * ${GROUP / across}u + within / ${across}u) * ${height}u;`,
    `let column = (square % ${groupsAcross}u * ${across}u + within % ${across}u) * ${width}u;`,
    `if (row >= ${product.rows}u || column >= ${product.columns}u) { return; }`,
    ...tile.rows.map((m) => `let row_${m} = ${rowNumber(product.rows, height, m)};`),
    ...tile.rows.map((m) => left.row(m)),
    ...eachSum(tile, (m, v) => `var sum_${m}_${v} = vec4f();`),
    ...(taps ? [taps.open, ...tapBody(product, tile), taps.close] : []),
    ...tile.rows.map((m) => storeRow(product, tile, m)),
  ];
  const bindings: readonly Binding[] = [
    { name: left.name, type: left.aligned ? "vec4f" : "f32", buffer: left.buffer },
    { name: right.name, type: right.aligned ? "vec4f" : "f32", buffer: right.buffer },
    ...others,
    { name: result.name, type: result.aligned ? "vec4f" : "f32", buffer: result.buffer },
  ];
  const bound = taps ? bindings : bindings.slice(-1);
  return shaderPass(bound, { items: batches * groupsDown * groupsAcross * GROUP, body: lines.join("\n") });
}

/** A matrix that is contiguous along the depth can be read in vec4 only where the depth advances by four. */
function loadedAs({ left, right }: RowProduct): RightMatrix {
  return { ...right, aligned: right.aligned && (left.aligned || !right.transposed) };
}

/** Rows beyond the last compute it again. */
function rowNumber(rows: number, height: number, m: number): string {
  return rows % height === 0 ? `row + ${m}u` : `min(row + ${m}u, ${rows - 1}u)`;
}

function eachSum({ rows, vectors }: Tile, text: (m: number, v: number) => string): readonly string[] {
  return rows.flatMap((m) => vectors.map((v) => text(m, v)));
}

/** One tap: addresses of the rows, then the depth in steps of four, or of one where rows are not aligned. */
function tapBody({ depth, left, right }: RowProduct, tile: Tile): readonly string[] {
  const step = left.aligned ? 4 : 1;
  const walk = (k: string) => [
    ...tile.rows.map((m) => loadLeft(left, k, m)),
    ...(right.transposed ? transposedSteps(right, tile, k, step) : straightSteps(right, tile, k, step)),
  ];
  const skip = left.guarded ? [`if (${tile.rows.map((m) => `in_${m}`).join(" || ")}) {`] : [];
  return [
    ...tile.rows.map((m) => left.tap(m)),
    ...skip,
    `let right_from = ${right.from};`,
    ...(depth <= step ? walk("0u") : [`for (var k = 0u; k < ${depth}u; k += ${step}u) {`, ...walk("k"), "}"]),
    ...skip.map(() => "}"),
  ];
}

function loadLeft({ name, aligned, guarded }: LeftRows, k: string, m: number): string {
  const load = aligned ? `${name}[(from_${m} + ${k}) / 4u]` : `${name}[from_${m} + ${k}]`;
  return `let left_${m} = ${guarded ? `select(${aligned ? "vec4f()" : "0f"}, ${load}, in_${m})` : load};`;
}

const LANES = ["x", "y", "z", "w"] as const;

/** Adds `left · right` for each of the next depths, with a vec4 of columns from each row of the matrix. */
function straightSteps({ name, stride, aligned }: RightMatrix, tile: Tile, k: string, step: number): readonly string[] {
  return LANES.slice(0, step).flatMap((lane, i) => [
    `let at_${i} = right_from + (${k} + ${i}u) * ${stride}u + column;`,
    ...tile.vectors.map((v) => {
      const at = `at_${i} + ${4 * v}u`;
      const scalars = LANES.map((_, j) => `${name}[${at} + ${j}u]`).join(", ");
      return `let right_${i}_${v} = ${aligned ? `${name}[(${at}) / 4u]` : `vec4f(${scalars})`};`;
    }),
    ...eachSum(tile, (m, v) => {
      const scalar = step === 4 ? `left_${m}.${lane}` : `left_${m}`;
      return `sum_${m}_${v} = fma(vec4f(${scalar}), right_${i}_${v}, sum_${m}_${v});`;
    }),
  ]);
}

/** The same where the matrix is contiguous along the depth: a dot product for each column. */
function transposedSteps(
  { name, stride, aligned }: RightMatrix,
  tile: Tile,
  k: string,
  step: number,
): readonly string[] {
  const from = (v: number, j: number) => `right_from + (column + ${4 * v + j}u) * ${stride}u + ${k}`;
  if (!aligned) {
    return LANES.slice(0, step).flatMap((lane, i) => [
      ...tile.vectors.map((v) => {
        const lanes = LANES.map((_, j) => `${name}[${from(v, j)} + ${i}u]`);
        return `let right_${i}_${v} = vec4f(${lanes.join(", ")});`;
      }),
      ...eachSum(tile, (m, v) => {
        const factor = step === 4 ? `left_${m}.${lane}` : `left_${m}`;
        return `sum_${m}_${v} = fma(vec4f(${factor}), right_${i}_${v}, sum_${m}_${v});`;
      }),
    ]);
  }
  return tile.vectors.flatMap((v) => [
    ...LANES.map((_, j) => `let right_${v}_${j} = ${name}[(${from(v, j)}) / 4u];`),
    ...tile.rows.map((m) => {
      const dots = LANES.map((_, j) => `dot(left_${m}, right_${v}_${j})`);
      return `sum_${m}_${v} += vec4f(${dots.join(", ")});`;
    }),
  ]);
}

/** Writes what lies inside the result. */
function storeRow({ rows, columns, result }: RowProduct, tile: Tile, m: number): string {
  const { name, aligned } = result;
  const even = columns % (4 * tile.vectors.length) === 0;
  const stores = tile.vectors.flatMap((v) => {
    const inside = (j: number) => even ? "" : `if (column + ${4 * v + j}u < ${columns}u) `;
    if (aligned) return [`${inside(0)}{ ${name}[at_${m} / 4u + ${v}u] = sum_${m}_${v}; }`];
    return LANES.map((lane, j) => `${inside(j)}{ ${name}[at_${m} + ${4 * v + j}u] = sum_${m}_${v}.${lane}; }`);
  });
  const exists = rows % tile.rows.length === 0 ? "" : `if (row + ${m}u < ${rows}u) `;
  return `${exists}{ let at_${m} = ${result.at(m)} + column;\n${stores.join("\n")} }`;
}
