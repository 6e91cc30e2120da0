/** A number of COCO's; a dash where nothing counts. */
export const scoreText = (value: number | undefined): string =>
  value === undefined || value < 0 ? "—" : value.toFixed(4);
