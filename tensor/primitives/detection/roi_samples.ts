/** @file Where the samples of a region lie, in float64: what the references of the means of regions share. */
import { MAX_ROI_SAMPLES, type RoiSampling } from "../../compiler/kernel_forms.ts";

/** A cell and its share in the mean of a bin, along one axis. */
export type Share = readonly [cell: number, share: number];

/** An axis of a region in cells. */
export interface RoiAxis {
  readonly low: number;
  readonly high: number;
  /** Cells of the map. */
  readonly cells: number;
  readonly bins: number;
}

/**
 * Shares of the cells of one axis in each bin; a mean over a region is the product of those of both axes. Samples more than a
 * cell outside of the map count as 0, those within a cell of its border read the border.
 */
function sharesOf({ low, high, cells, bins }: RoiAxis, { sampling, aligned }: RoiSampling): Share[][] {
  const side = aligned ? high - low : Math.max(high - low, 1);
  const bin = side / bins;
  const wanted = sampling > 0 ? sampling : Math.ceil(bin);
  const count = Number.isFinite(bin) ? Math.min(Math.max(wanted, 0), Math.max(sampling, MAX_ROI_SAMPLES)) : 0;
  return Array.from({ length: bins }, (_, p) => {
    const samples = Array.from({ length: count }, (_, i) => low + p * bin + (i + 0.5) * bin / count);
    return samples.flatMap((at) => cellsAt(at, cells).map(([cell, share]): Share => [cell, share / count]));
  });
}

/** The two cells that a sample lies between, with their shares. */
function cellsAt(at: number, cells: number): readonly Share[] {
  if (!(at >= -1 && at <= cells)) return [];
  const place = Math.max(at, 0);
  const cell = Math.trunc(place);
  if (cell >= cells - 1) return [[cells - 1, 1]];
  return [[cell, 1 - (place - cell)], [cell + 1, place - cell]];
}

/** Shares of both axes of a box in pixels: rows, then columns. */
export function boxShares(
  box: ArrayLike<number>,
  { scale, height, width }: { readonly scale: number; readonly height: number; readonly width: number },
  sampling: RoiSampling,
): readonly [rows: Share[][], columns: Share[][]] {
  const shift = sampling.aligned ? 0.5 : 0;
  const axis = (i: number, cells: number, bins: number) =>
    sharesOf({ low: box[i]! * scale - shift, high: box[i + 2]! * scale - shift, cells, bins }, sampling);
  return [axis(1, height, sampling.size[0]), axis(0, width, sampling.size[1])];
}
