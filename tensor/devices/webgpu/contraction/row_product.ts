/** @file Rows times a matrix: the inner part of products, convolutions and kernel map convolutions. */
import type { TileVariant, WgslBuffer, WgslLimits, WgslMemory, WgslPass } from "../../../compiler/kernel_text.ts";
import { registerRows } from "./row_product_registers.ts";
import { shuffledRows } from "./row_product_subgroup.ts";
import { sharedRows } from "./row_product_workgroup.ts";
import { chooseTile } from "./tiles.ts";

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
  readonly result: {
    readonly name: string;
    readonly buffer: number;
    /** True if every row starts at a multiple of four elements and there are a multiple of four columns. */
    readonly aligned: boolean;
    /** u32 expression of the element at column zero of row m. */
    at(m: number): string;
  };
}

const WRITERS: Readonly<
  Record<TileVariant["kind"], (product: RowProduct, tile: TileVariant, limits: WgslLimits) => WgslPass>
> = { registers: registerRows, workgroup: sharedRows, subgroup: shuffledRows };

/**
 * Writes a product, in the variant that suits the device and the shape.
 *
 * @param given The factors.
 * @param limits Limits and traits of the device.
 * @returns The pass.
 */
export function rowProduct(given: RowProduct, limits: WgslLimits): WgslPass {
  const { batches, rows, columns, depth, left, right, taps } = given;
  // A matrix that is contiguous along the depth can be read in vec4 only where the depth advances by four.
  const product = { ...given, right: { ...right, aligned: right.aligned && (left.aligned || !right.transposed) } };
  const shape = { form: "rows", batches, rows, columns, depth: depth * (taps?.count ?? 0) } as const;
  const tile = taps ? chooseTile(limits, shape) : chooseTile({ ...limits, tiles: {} }, { ...shape, depth: 0 });
  return WRITERS[tile.kind](product, tile, limits);
}
