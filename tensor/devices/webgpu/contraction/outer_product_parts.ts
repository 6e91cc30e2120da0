/** @file What the variants of a sum of outer products have in common. */
import type { WgslBuffer, WgslMemory } from "../../../compiler/kernel_text.ts";
import type { Slabs } from "../../../contraction/slabs.ts";
import { LANES } from "../emit/values.ts";
import { count } from "./row_product_parts.ts";
import { distinct, unravel } from "../emit/shader.ts";

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
  readonly others?: readonly WgslBuffer[];
  /** Statements before the rows; `tap` and `batch` (u32) are known, and `first_row` (u32), the first that follows. */
  readonly open: string;
  /** Statements for `row` (u32) that define `in_row` (bool) and `left_from` (u32); rows come in order. */
  row(memory: WgslMemory): string;
  /** u32 expression of the element of the right factor where a row begins. */
  rightFrom(row: string): string;
  /** Statements after each row. */
  readonly next: string;
  readonly result: {
    /** Name of the buffer that takes the sums, if it is one of the factors. */
    readonly name?: string;
    readonly buffer: number;
    /** u32 expression of the element of `tap` and `batch` at i and j zero. */
    readonly from: string;
    /** Elements between neighbours along i. */
    readonly stride: number;
    /** All elements of the result. */
    readonly elements: number;
  };
}

/** How the rows are cut, and the position of the buffer that takes the sums. */
export interface SlabTarget extends Slabs {
  readonly target: number;
}

/** Four elements of a factor from `at` on. */
export function four({ load }: WgslMemory, { name, aligned }: OuterFactor, at: string): string {
  if (aligned) return load(name, `(${at}) / 4u`);
  return `vec4f(${LANES.map((_, lane) => load(name, `${at} + ${lane}u`)).join(", ")})`;
}

/** The buffers of a pass over slabs; sums go to `target`. */
export function outerBindings(
  { left, right, others = [], sizes, result }: OuterProduct,
  target: number,
): readonly WgslBuffer[] {
  const type = (aligned: boolean) => aligned ? "vec4f" as const : "f32" as const;
  return distinct([
    { name: left.name, type: type(left.aligned), buffer: left.buffer },
    { name: right.name, type: type(right.aligned), buffer: right.buffer },
    ...others,
    { name: nameOf(result), type: type(storesVectors({ right, sizes, result })), buffer: target },
  ]);
}

/** Name of the buffer that takes the sums. */
function nameOf({ name = "sums" }: OuterProduct["result"]): string {
  return name;
}

/** True if four neighbouring results along j are one vec4 in memory. */
function storesVectors({ right, sizes, result }: Pick<OuterProduct, "right" | "sizes" | "result">): boolean {
  return right.aligned && sizes[1] % 4 === 0 && result.stride % 4 === 0 && result.elements % 4 === 0;
}

/** How the groups of a sum are laid out. */
export interface Squares {
  /** Statements that name `slab`, `tap`, `batch` and the rectangle of results, `tile_i` and `tile_j`, of the group `square`. */
  readonly digits: string;
  readonly workgroups: number;
  /** True if no rectangle reaches beyond i or j. */
  readonly even: boolean;
}

/** Lays out groups, each of which takes a rectangle of `high` by `wide` results of a slab. */
export function squaresOf(
  { batches, taps, sizes: [height, width] }: OuterProduct,
  { slabs }: SlabTarget,
  { high, wide }: { readonly high: number; readonly wide: number },
): Squares {
  const [down, across] = [Math.ceil(height / high), Math.ceil(width / wide)];
  const digits = [["slab", 0], ["tap", taps], ["batch", batches], ["tile_i", down], ["tile_j", across]] as const;
  return {
    digits: unravel("square", digits),
    workgroups: slabs * taps * batches * down * across,
    even: height % high === 0 && width % wide === 0,
  };
}

/** Where a tile's results go: row m of the tile is i = `row(m)`, vec4 v begins at j = `column(v)`; both are u32 texts. */
export interface Target {
  row(m: number): string;
  column(v: number): string;
  /** True if no tile reaches beyond i or j. */
  readonly even: boolean;
}

/** Writes the sums `sum_m_v` that lie inside the result; `slab`, `tap` and `batch` (u32) are known. */
export function storeOuter(
  { store }: WgslMemory,
  product: OuterProduct,
  { rows, vectors }: { readonly rows: readonly number[]; readonly vectors: readonly number[] },
  { row, column, even }: Target,
): readonly string[] {
  const { sizes: [height, width], result } = product;
  const vector = storesVectors(product);
  const name = nameOf(result);
  const at = (m: number, v: number) => `to + (${row(m)}) * ${result.stride}u + ${column(v)}`;
  const inside = (text: string, size: number, written: string) =>
    even ? written : `if (${text} < ${size}u) { ${written} }`;
  const stores = rows.flatMap((m) =>
    vectors.map((v) => {
      const parts = vector
        ? [inside(column(v), width, store(name, `(${at(m, v)}) / 4u`, `sum_${m}_${v}`))]
        : LANES.map((lane, n) =>
          inside(`${column(v)} + ${n}u`, width, store(name, `${at(m, v)} + ${n}u`, `sum_${m}_${v}.${lane}`))
        );
      return inside(row(m), height, parts.join(" "));
    })
  );
  return [`let to = slab * ${result.elements}u + ${result.from};`, ...stores];
}

/** Declares the sums of a tile. */
export function openOuter(rows: readonly number[], vectors: readonly number[]): readonly string[] {
  return rows.flatMap((m) => vectors.map((v) => `var sum_${m}_${v} = vec4f();`));
}

/** Names `left_v`: elements 4 v … of the own rows, or zero where the row is not there; `left_at` and `there` are known. */
export function zeroWhereAbsent(
  memory: WgslMemory,
  left: OuterFactor,
  vectors: number,
  there: string,
): readonly string[] {
  const value = (v: number) => four(memory, left, `left_at + ${4 * v}u`);
  return count(vectors).map((v) => `let left_${v} = select(vec4f(), ${value(v)}, ${there});`);
}
