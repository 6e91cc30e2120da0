/** @file Kernels that the library brings itself: what they are called, what they bring, and their settings. */
import type { KernelTexts } from "./kernel_text.ts";

/**
 * A kernel of the library. The record of the primitive brings it, and with it the WGSL, so that a page for WebGPU that never
 * sorts loads nothing that does. Other devices know it by its identity and have a text of their own by heart.
 */
export interface KernelForm<P = never> {
  /** Field-standard name, for errors. */
  readonly name: string;
  /** What it brings, by name of the device. */
  readonly texts: KernelTexts<P>;
  /** True if each result is an element of an operand, or an end of the range of the dtype. */
  readonly chooses?: boolean;
}

/** Settings of a stable sort along the last axis. */
export interface ArgsortParams {
  /** True to put the largest first; equal elements keep their order either way. */
  readonly descending: boolean;
}

/** Settings of what puts rows at places. */
export interface ScatterParams {
  /** Rows of the result. */
  readonly size: number;
}

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

/** Settings of the adjoint of the means of regions. */
export interface RoiSpreadParams extends RoiSampling {
  /** Number of the level of the map. */
  readonly level: number;
  /** Cells a pixel. */
  readonly scale: number;
  /** Shape of the map, `[B, H, W, C]`. */
  readonly map: readonly [number, number, number, number];
}

/** Settings of the means of masks. */
export interface MaskAlignParams extends RoiSampling {
  /** Columns of the masks. */
  readonly width: number;
}

/** Settings of greedy suppression. */
export interface SuppressParams {
  /** Overlaps above it suppress. */
  readonly threshold: number;
}
