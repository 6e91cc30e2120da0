/**
 * @file What matrix products, convolutions and products through a table *are*: plain data that a device turns into text. There
 * are two forms, and both read a left factor in rows, of which each is taps × channels, with zeros where a tap sees nothing:
 *
 * ```text
 * rows:   result[g, m, n]    = Σ_t Σ_c rows[g, m, t, c] · right[g, t, c, n]     products, convolutions, their input gradients
 * outer:  result[g, t, c, n] = Σ_m     rows[g, m, t, c] · right[g, m, n]        weight gradients
 * ```
 *
 * `g` counts the batch: matrices of a batch, or groups of channels. `m` counts rows, `t` taps, `c` channels, `n` columns. Where
 * an element lies follows from offsets and strides, all in elements. `rows` come from a matrix, from windows over images of any
 * number of axes, or from a table of row numbers. A strided input gradient is several products, its phases, that write elements
 * of their own. What follows from this, such as operations, phases or whether a convolution is depthwise, stands beside it in
 * this folder and is known to no device.
 */
import { type Shape, sizeOf } from "../spec.ts";
import type { WindowAxis } from "./window_axis.ts";

/** The rows of a matrix, one tap each: element (g, m, c) at `g·batchStride + m·channels + c`. */
export interface MatrixRows {
  /** Tells rows apart. */
  readonly kind: "matrix";
  /** Position of the input that holds them. */
  readonly input: number;
  /** How many rows. */
  readonly rows: number;
  /** Channels of a row at one tap. */
  readonly channels: number;
  /** True if they lie as columns: element (g, m, c) at `g·batchStride + c·rows + m`. */
  readonly transposed: boolean;
  /** Elements from one batch to the next. */
  readonly batchStride: number;
}

/**
 * Windows over images `[images, ...extents, pixel]`. Row m is a window, counted in row-major order over
 * `[images, ...outputs]`; taps are counted in row-major order over the axes. On each axis tap `t` of window `o` sees
 * `o·stride + origin + t·step`; outside `[0, extent)` of any axis it is zero. Channel c of a position lies at `g·batchStride + c`.
 */
export interface WindowRows {
  /** Tells rows apart. */
  readonly kind: "window";
  /** Position of the input that holds the images. */
  readonly input: number;
  /** How many images. */
  readonly images: number;
  /** Outermost first; one for each axis of the images. */
  readonly axes: readonly WindowAxis[];
  /** Channels of a row at one tap. */
  readonly channels: number;
  /** Elements of a position, of which each group sees `channels`. */
  readonly pixel: number;
  /** Elements from one batch to the next. */
  readonly batchStride: number;
}

/** Rows of an input `[sources, pixel]` that an int32 table `[rows, taps]` names; a number outside `[0, sources)` is a row of zeros. */
export interface TableRows {
  /** Tells rows apart. */
  readonly kind: "table";
  /** Position of the input that holds the rows. */
  readonly input: number;
  /** Position of the input that holds the table. */
  readonly index: number;
  /** How many rows. */
  readonly rows: number;
  /** Taps of a row. */
  readonly taps: number;
  /** Rows that the table may name. */
  readonly sources: number;
  /** Channels of a row at one tap. */
  readonly channels: number;
  /** Elements from one row of the source to the next. */
  readonly pixel: number;
  /** Elements from one batch to the next. */
  readonly batchStride: number;
}

/** A left factor. */
export type Rows = MatrixRows | WindowRows | TableRows;

/** Matrices, one a tap: element (g, t, c, n) at `offset + g·batchStride + Σ t_i·tapStrides_i + c·channelStride + n·columnStride`. */
export interface RightMatrix {
  /** Position of the input that holds them. */
  readonly input: number;
  /** Element at the beginning. */
  readonly offset: number;
  /** One for each axis of taps: none of a matrix, one of a table. */
  readonly tapStrides: readonly number[];
  /** Elements between neighbouring channels. */
  readonly channelStride: number;
  /** Elements between neighbouring columns. */
  readonly columnStride: number;
  /** Elements from one batch to the next. */
  readonly batchStride: number;
}

/** Where the result of a row goes: column n at `offset + g·batchStride + Σ m_i·rowStrides_i + n`. */
export interface RowsResult {
  /** Element at the beginning. */
  readonly offset: number;
  /** One for each axis by which rows are counted: `[images, ...outputs]` of windows, one of the others. */
  readonly rowStrides: readonly number[];
  /** Elements from one batch to the next. */
  readonly batchStride: number;
}

/** Rows times matrices. */
export interface RowsProduct {
  /** Rows of the left factor. */
  readonly rows: Rows;
  /** What the rows are multiplied with. */
  readonly right: RightMatrix;
  /** Where the result lies. */
  readonly result: RowsResult;
}

/** The rows that a left factor is multiplied with: element (g, m, n) at `g·batchStride + m·rowStride + n`. */
export interface RightRows {
  /** Position of the input that holds them. */
  readonly input: number;
  /** Elements from one row to the next. */
  readonly rowStride: number;
  /** Elements from one batch to the next. */
  readonly batchStride: number;
}

/** Where a sum of outer products goes: element (g, t, c, n) at `g·batchStride + (t·channels + c)·rowStride + n`. */
export interface OuterResult {
  /** Elements from one row to the next. */
  readonly rowStride: number;
  /** Elements from one batch to the next. */
  readonly batchStride: number;
}

/** What is convolved: sizes and windows, without values. */
export interface Convolution {
  /** How many images. */
  readonly images: number;
  /** Windows over the images, outermost axis first. */
  readonly axes: readonly WindowAxis[];
  /** Groups of channels that do not see each other. */
  readonly groups: number;
  /** Input channels of a group. */
  readonly channels: number;
  /** Output channels of a group. */
  readonly columns: number;
}

/** What of a convolution is computed: its output, or the gradient with respect to its input or its weights. */
export type ConvolutionPart = "output" | "input" | "weight";

/** What both forms have. */
export interface AnyContraction {
  /** Tells lowerings apart. */
  readonly kind: "contraction";
  /** How many independent products: of a batch of matrices, or of groups of channels. */
  readonly batch: number;
  /** Columns of the result. */
  readonly columns: number;
  /** The convolution that this is a part of, if it is one: what faster methods are chosen by. */
  readonly convolution?: { readonly of: Convolution; readonly part: ConvolutionPart };
}

/** Products that together write every element of a result once. All have the same channels and columns. */
export interface RowsContraction extends AnyContraction {
  /** Tells contractions apart. */
  readonly form: "rows";
  /** One, but of gradients with respect to the input of a strided convolution; none if there is nothing to write. */
  readonly phases: readonly RowsProduct[];
}

/** A sum of outer products over all rows. */
export interface OuterContraction extends AnyContraction {
  /** Tells contractions apart. */
  readonly form: "outer";
  /** Rows of the left factor. */
  readonly rows: Rows;
  /** What the rows are multiplied with. */
  readonly right: RightRows;
  /** Where the result lies. */
  readonly result: OuterResult;
}

/** A product, a convolution, a product through a table, or one of their gradients. */
export type Contraction = RowsContraction | OuterContraction;

/** Sizes of the axes by which rows are counted. */
export function rowSizes(rows: Rows): Shape {
  return rows.kind === "window" ? [rows.images, ...rows.axes.map(({ outputs }) => outputs)] : [rows.rows];
}

/** Sizes of the axes by which taps are counted. */
export function tapSizes(rows: Rows): Shape {
  if (rows.kind === "matrix") return [];
  return rows.kind === "window" ? rows.axes.map(({ taps }) => taps) : [rows.taps];
}

/** How many rows. */
export function rowCount(rows: Rows): number {
  return sizeOf(rowSizes(rows));
}

/** How many taps. */
export function tapCount(rows: Rows): number {
  return sizeOf(tapSizes(rows));
}

/** The left factors: one a phase. */
export function leftFactors(contraction: Contraction): readonly Rows[] {
  return contraction.form === "rows" ? contraction.phases.map(({ rows }) => rows) : [contraction.rows];
}
