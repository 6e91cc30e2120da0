/** @file Kernels whose texts the devices bring themselves, each in a table of its own: what both sides know of them is an identity and settings. */

/** A kernel that a device knows by heart. Compared by identity; the name is for errors. */
export interface KernelForm {
  /** Field-standard name. */
  readonly name: string;
}

/** Settings of a stable sort along the last axis. */
export interface ArgsortParams {
  /** True to put the largest first; equal elements keep their order either way. */
  readonly descending: boolean;
}

/** Positions of the elements of `x [..., L]` in order, int32. */
export const ARGSORT_FORM: KernelForm = Object.freeze({ name: "stableOrder" });

/** Settings of what puts rows at places. */
export interface ScatterParams {
  /** Rows of the result. */
  readonly size: number;
}

/** Sums of the rows of `updates [M, R]` by the places that `indices [M]` name, in the order of the rows. */
export const SCATTER_ADD_FORM: KernelForm = Object.freeze({ name: "addedRows" });

/**
 * The largest of the rows of `updates [M, R]` at each place that `indices [M]` name; NaN is larger than all. Where there is
 * none, the least value of the dtype.
 */
export const SCATTER_MAX_FORM: KernelForm = Object.freeze({ name: "largestRows" });
/** Where the samples of regions lie on maps. */
export interface RoiSampling {
  /** Rows and columns of bins. */
  readonly size: readonly [rows: number, columns: number];
  /** Samples of a bin along each axis; 0 for as many as it has cells, rounded up, at most `MAX_ROI_SAMPLES`. */
  readonly sampling: number;
  /** True to move regions by half a cell, so that centres of pixels lie at whole coordinates; else sides are at least 1 cell. */
  readonly aligned: boolean;
}

/** Most samples of a bin along an axis; more cells in it are not all looked at. */
export const MAX_ROI_SAMPLES = 1024;

/** Settings of the means of regions. */
export interface RoiAlignParams extends RoiSampling {
  /** Numbers of the levels whose maps are given, in their order; regions of other levels are 0. */
  readonly levels: readonly number[];
  /** Cells a pixel of each of these maps. */
  readonly scales: readonly number[];
}

/** Means of maps `[B, H, W, C]` over the bins of regions `boxes [R, 4]`, `image [R]`, `level [R]`: `[R, rows, columns, C]`. */
export const ROI_ALIGN_FORM: KernelForm = Object.freeze({ name: "regionMeans" });

/** Settings of the adjoint of the means of regions. */
export interface RoiSpreadParams extends RoiSampling {
  /** Number of the level of the map. */
  readonly level: number;
  /** Cells a pixel. */
  readonly scale: number;
  /** Shape of the map, `[B, H, W, C]`. */
  readonly map: readonly [number, number, number, number];
}

/** Sums of `values [R, rows, columns, C]` over the cells that bins of regions read, with their weights. */
export const ROI_SPREAD_FORM: KernelForm = Object.freeze({ name: "regionSums" });

/** Settings of the means of masks. */
export interface MaskAlignParams extends RoiSampling {
  /** Columns of the masks. */
  readonly width: number;
}

/** Means of masks `bits [M, H, ⌈W / 32⌉]`, 32 columns a word from its lowest bit on, over `boxes [R, 4]` of `mask [R]`. */
export const MASK_ALIGN_FORM: KernelForm = Object.freeze({ name: "maskMeans" });

/** Settings of greedy suppression. */
export interface SuppressParams {
  /** Overlaps above it suppress. */
  readonly threshold: number;
}

/** Which of `boxes [..., N, 4]`, the best first, no kept one before it overlaps too much, of those that are `valid [..., N]`. */
export const SUPPRESS_FORM: KernelForm = Object.freeze({ name: "keptBoxes" });
