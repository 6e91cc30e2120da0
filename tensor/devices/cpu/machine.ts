/** @file What is known of processors, as measured on a core of 2.3 GHz: costs decide how many threads wake, sizes how work is cut. */

/** Nanoseconds for one multiply-add of the register tile, of sums over lists of rows, and of windows that slide. */
export const COSTS = { tile: 0.06, lists: 0.1, sliding: 0.05 } as const;
/** Work items to aim at, so that 8 threads end at about the same time. */
export const ITEMS = 32;
/** Likewise where an item is dear to begin, as its tiles are transformed first. */
export const DEAR_ITEMS = 12;
/** Most bytes of partial sums. */
export const PARTIALS: number = 64 * 2 ** 20;
/**
 * Most steps of a contraction between two visits of a result tile: as many products are added up in a row. What rounding does
 * grows with the root of that, and 384 steps are at most 3 % faster.
 */
export const STEPS = 128;
