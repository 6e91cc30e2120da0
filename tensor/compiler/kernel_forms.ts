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
