/** Height over width of anchors where nothing is said. */
export const ANCHOR_RATIOS: readonly number[] = [0.5, 1, 2];
