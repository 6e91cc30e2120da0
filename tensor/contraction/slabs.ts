/** @file Cutting a sum over rows into slabs, whose partial sums are added in order: the result depends on the cut, the cut on shapes alone. */

/** What a cut depends on. */
export interface SlabOptions {
  readonly rows: number;
  /** Rows of a slab are a multiple of this. */
  readonly whole: number;
  /** Slabs to aim at. */
  readonly wanted: number;
  /** Elements of a slab's sums, and of all slabs' together at most; as many as there are if not given. */
  readonly elements?: number;
  readonly most?: number;
  /** Rows of a slab at most, whatever the sums take; as many as there are if not given. */
  readonly longest?: number;
}

/** How rows are cut. */
export interface Slabs {
  /** At least one. */
  readonly slabs: number;
  /** Rows of each but the last. */
  readonly length: number;
}

/**
 * Cuts rows into slabs.
 *
 * @param options Sizes.
 * @returns No more slabs than wanted, nor than their sums may take, unless they would be too long; one if there are no rows.
 */
export function cutSlabs(
  { rows, whole, wanted, elements = 1, most = Infinity, longest = Infinity }: SlabOptions,
): Slabs {
  const needed = Math.ceil(rows / longest);
  const count = Math.max(1, needed, Math.min(wanted, Math.floor(most / Math.max(1, elements))));
  const length = whole * Math.max(1, Math.ceil(rows / (whole * count)));
  return { slabs: Math.max(1, Math.ceil(rows / length)), length };
}
