/** @file What the variants of a product of rows and a matrix have in common: loads, sums and stores as text. */
import type { WgslBuffer, WgslMemory } from "../../../compiler/kernel_text.ts";
import { LANES } from "../emit/values.ts";
import type { Slabs } from "../../../contraction/slabs.ts";
import { distinct } from "../emit/shader.ts";

/** Where the rows of the left factor lie. Texts are WGSL statements about row `m` of the tile, whose number is `row_m` (u32). */
export interface LeftRows {
  readonly name: string;
  readonly buffer: number;
  /** True if every row starts at a multiple of four elements and the depth is one: loads are vec4. */
  readonly aligned: boolean;
  /** True if rows may be absent: `tap` then defines `in_m` (bool) beside `from_m`. */
  readonly guarded: boolean;
  /** True if whole tiles of rows are often absent. */
  readonly sparse?: boolean;
  /** Statements before the taps. */
  row(m: number): string;
  /** Statements inside the taps; they define `from_m` (u32), the element at depth zero. */
  tap(m: number, memory: WgslMemory): string;
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
  readonly others?: readonly WgslBuffer[];
  /** Loops around the taps, and how many there are; `null` if there are none: the result is zero. */
  readonly taps: { readonly open: string; readonly close: string; readonly count: number } | null;
  /** How the depth is cut, if it is: into slabs of a multiple of `WHOLE_DEPTH`, whose sums the result takes apart, by `slab` (u32). */
  readonly slabs?: Slabs;
  readonly result: {
    readonly name: string;
    readonly buffer: number;
    /** True if every row starts at a multiple of four elements and there are a multiple of four columns. */
    readonly aligned: boolean;
    /** u32 expression of the element at column zero of row m. */
    at(m: number): string;
  };
}

/** `0 … n - 1`. */
export function count(n: number): readonly number[] {
  return [...Array(n).keys()];
}

/** Depths of a slab are a multiple of so many, which every block and step divides. */
export const WHOLE_DEPTH = 64;

/** How many sums there are to compute: for each batch those of every slab. */
export function sumsOf({ batches, slabs }: RowProduct): number {
  return batches * (slabs?.slabs ?? 1);
}

/** Names `batch`, and `slab` where the depth is cut, of the sum `number` (a u32 expression). */
export function openSum({ batches, slabs }: RowProduct, number: string): string {
  if (!slabs) return `let batch = ${number};`;
  return `let sum_number = ${number}; let batch = sum_number % ${batches}u; let slab = sum_number / ${batches}u;`;
}

/** The head of a loop of `k` over the depths of a sum. */
export function depthLoop({ depth, slabs }: RowProduct, step: number): string {
  if (!slabs) return `for (var k = 0u; k < ${depth}u; k += ${step}u) {`;
  const end = `min(slab * ${slabs.length}u + ${slabs.length}u, ${depth}u)`;
  return `for (var k = slab * ${slabs.length}u; k < ${end}; k += ${step}u) {`;
}

/** Results of one invocation: rows, and vec4 of columns that lie `step` elements apart; the first is at `column`. */
export interface Tile {
  readonly rows: readonly number[];
  readonly vectors: readonly number[];
  readonly step: number;
}

/** The buffers of a product, those of one name once; without taps only the result. */
export function bindingsOf({ left, right, others = [], taps, result }: RowProduct): readonly WgslBuffer[] {
  const type = (aligned: boolean) => aligned ? "vec4f" as const : "f32" as const;
  const written: WgslBuffer = { name: result.name, type: type(result.aligned), buffer: result.buffer };
  if (!taps) return [written];
  return distinct([
    { name: left.name, type: type(left.aligned), buffer: left.buffer },
    { name: right.name, type: type(right.aligned), buffer: right.buffer },
    ...others,
    written,
  ]);
}

/** u32 literal of the last row, to which rows beyond it are moved: what they read is there, and what they make is not stored. */
export function lastRow({ rows }: Pick<RowProduct, "rows">): string {
  return `${Math.max(rows - 1, 0)}u`;
}

/** Depths that a step takes: four where rows are aligned. */
export function stepOf({ aligned }: LeftRows): number {
  return aligned ? 4 : 1;
}

/** Declares the sums. */
export function openSums({ rows, vectors }: Tile): readonly string[] {
  return rows.flatMap((m) => vectors.map((v) => `var sum_${m}_${v} = vec4f();`));
}

/** The elements of a row of the left factor from depth `k` on; zero where the row is absent. */
export function leftValue(
  memory: WgslMemory,
  { name, aligned, guarded }: LeftRows,
  k: string,
  m: number,
): string {
  const value = memory.load(name, aligned ? `(from_${m} + ${k}) / 4u` : `from_${m} + ${k}`);
  return guarded ? `select(${aligned ? "vec4f()" : "0f"}, ${value}, in_${m})` : value;
}

/** Names `right_i_v`: vec4 v of the columns at depth `k + i`, for each depth of a step. */
function loadRights(
  { load }: WgslMemory,
  right: RightMatrix,
  { vectors, step: apart }: Tile,
  k: string,
  step: number,
): readonly string[] {
  const { name, stride, aligned, transposed } = right;
  if (!transposed) {
    return count(step).flatMap((i) => [
      `let at_${i} = right_from + (${k} + ${i}u) * ${stride}u + column;`,
      ...vectors.map((v) => {
        const at = `at_${i} + ${apart * v}u`;
        const scalars = LANES.map((_, j) => load(name, `${at} + ${j}u`)).join(", ");
        return `let right_${i}_${v} = ${aligned ? load(name, `(${at}) / 4u`) : `vec4f(${scalars})`};`;
      }),
    ]);
  }
  const from = (v: number, j: number) => `right_from + (column + ${apart * v + j}u) * ${stride}u + ${k}`;
  if (!aligned) {
    return count(step).flatMap((i) =>
      vectors.map((v) => {
        const scalars = LANES.map((_, j) => load(name, `${from(v, j)} + ${i}u`)).join(", ");
        return `let right_${i}_${v} = vec4f(${scalars});`;
      })
    );
  }
  // Four depths of a column lie in one vec4: four columns are read and turned in registers, a quarter of the loads.
  return vectors.flatMap((v) => [
    ...LANES.map((_, j) => `let along_${v}_${j} = ${load(name, `(${from(v, j)}) / 4u`)};`),
    ...LANES.map((lane, i) =>
      `let right_${i}_${v} = vec4f(${LANES.map((_, j) => `along_${v}_${j}.${lane}`).join(", ")});`
    ),
  ]);
}

/** Adds the products of a step to the sums; `factor` is the scalar of row m at depth i of the step. */
export function addProducts(
  { rows, vectors }: Tile,
  step: number,
  factor: (m: number, i: number) => string,
): readonly string[] {
  // Named and unrolled, as shader compilers do not unroll; in blocks of their own, so that factors do not live on.
  return rows.flatMap((m) => [
    "{",
    ...count(step).map((i) => `let factor_${i} = vec4f(${factor(m, i)});`),
    ...vectors.flatMap((v) =>
      count(step).map((i) => `sum_${m}_${v} = fma(factor_${i}, right_${i}_${v}, sum_${m}_${v});`)
    ),
    "}",
  ]);
}

/** How the invocations of a tile come by the rows that they multiply. */
export interface Shared {
  /** Rows of the tile that an invocation loads itself. */
  readonly own: readonly number[];
  /** Condition under which a tap is worth while, if there is one. */
  readonly worth?: string | undefined;
  /** The scalar of row m at depth i of a step. */
  factor(m: number, i: number): string;
}

/** One tap: addresses of the own rows, then the depth in steps of four, or of one where rows are not aligned. */
export function addTap(
  memory: WgslMemory,
  product: RowProduct,
  tile: Tile,
  { own, worth, factor }: Shared,
): readonly string[] {
  const { depth, left, right } = product;
  const step = stepOf(left);
  const walk = (k: string) => [
    ...own.map((m) => `let left_${m} = ${leftValue(memory, left, k, m)};`),
    ...loadRights(memory, right, tile, k, step),
    ...addProducts(tile, step, factor),
  ];
  return [
    ...own.map((m) => left.tap(m, memory)),
    ...(worth ? [`if (${worth}) {`] : []),
    `let right_from = ${right.from};`,
    ...(depth <= step ? walk("0u") : [depthLoop(product, step), ...walk("k"), "}"]),
    ...(worth ? ["}"] : []),
  ];
}

/** Writes what lies inside the result. `number` is the u32 expression of the row m of the tile, which may lie outside. */
export function storeRows(
  { store }: WgslMemory,
  product: RowProduct,
  tile: Tile,
  number: (m: number) => string,
  even: boolean,
): readonly string[] {
  const { rows, columns, left, result: { name, aligned, at } } = product;
  const whole = columns % (tile.step * tile.vectors.length) === 0 && columns % 4 === 0;
  return tile.rows.map((m) => {
    const stores = tile.vectors.flatMap((v) => {
      const first = tile.step * v;
      const inside = (j: number) => whole ? "" : `if (column + ${first + j}u < ${columns}u) `;
      if (aligned) return [`${inside(0)}{ ${store(name, `(at_${m} + ${first}u) / 4u`, `sum_${m}_${v}`)} }`];
      return LANES.map((lane, j) =>
        `${inside(j)}{ ${store(name, `at_${m} + ${first + j}u`, `sum_${m}_${v}.${lane}`)} }`
      );
    });
    const clamped = even ? number(m) : `min(${number(m)}, ${lastRow(product)})`;
    const address = `let row_${m} = ${clamped}; ${left.row(m)} let at_${m} = ${at(m)} + column;`;
    return `${even ? "" : `if (${number(m)} < ${rows}u) `}{ ${address}\n${stores.join("\n")} }`;
  });
}
