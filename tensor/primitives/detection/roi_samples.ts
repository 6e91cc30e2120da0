/** @file Where the samples of a region lie, in float64: what the references of the means of regions share. */
import { MAX_ROI_SAMPLES, type RoiSampling } from "../../compiler/kernel_forms.ts";

/** A cell and its share of a sample, along one axis. */
type Share = readonly [cell: number, share: number];

/** The samples of each bin along one axis: as many in each, of which those beyond the map have no cells. */
interface AxisSamples {
  readonly count: number;
  readonly bins: readonly (readonly Share[])[][];
}

/** A cell of a sample, and its share. */
export type Corner = readonly [row: number, column: number, share: number];

/** An axis of a region in cells. */
interface RoiAxis {
  readonly low: number;
  readonly high: number;
  /** Cells of the map. */
  readonly cells: number;
  readonly bins: number;
}

/** Samples more than a cell outside of the map count as 0, those within a cell of its border read the border. */
function samplesOf({ low, high, cells, bins }: RoiAxis, { sampling, aligned }: RoiSampling): AxisSamples {
  const side = aligned ? high - low : Math.max(high - low, 1);
  const bin = side / bins;
  const wanted = sampling > 0 ? sampling : Math.ceil(bin);
  const count = Number.isFinite(bin) ? Math.min(Math.max(wanted, 0), Math.max(sampling, MAX_ROI_SAMPLES)) : 0;
  const sampleOf = (p: number, i: number) => cellsAt(low + p * bin + (i + 0.5) * bin / count, cells);
  return {
    count,
    bins: Array.from({ length: bins }, (_, p) => Array.from({ length: count }, (_, i) => sampleOf(p, i))),
  };
}

/** The two cells that a sample lies between, with their shares. */
function cellsAt(at: number, cells: number): readonly Share[] {
  if (!(at >= -1 && at <= cells)) return [];
  const place = Math.max(at, 0);
  const cell = Math.trunc(place);
  if (cell >= cells - 1) return [[cells - 1, 1]];
  return [[cell, 1 - (place - cell)], [cell + 1, place - cell]];
}

/**
 * Calls back for each sample of each bin of a box in pixels, row by row: the order in which torchvision adds them.
 *
 * @param box Left, top, right, bottom.
 * @param map Its size, and cells in a pixel.
 * @param sampling Bins, samples, alignment.
 * @param visit Told the bin and the cells of the sample, none of one beyond the map, and the samples of each bin.
 */
export function forEachSample(
  box: ArrayLike<number>,
  { scale, height, width }: { readonly scale: number; readonly height: number; readonly width: number },
  sampling: RoiSampling,
  visit: (bin: number, corners: readonly Corner[], samples: number) => void,
): void {
  const shift = sampling.aligned ? 0.5 : 0;
  const axis = (i: number, cells: number, bins: number) =>
    samplesOf({ low: box[i]! * scale - shift, high: box[i + 2]! * scale - shift, cells, bins }, sampling);
  const [rows, columns] = [axis(1, height, sampling.size[0]), axis(0, width, sampling.size[1])];
  rows.bins.forEach((downs, p) =>
    columns.bins.forEach((acrosses, q) => {
      for (const down of downs) {
        for (const across of acrosses) {
          const corners = down.flatMap(([y, dy]) => across.map(([x, dx]): Corner => [y, x, dy * dx]));
          visit(p * columns.bins.length + q, corners, rows.count * columns.count);
        }
      }
    })
  );
}
