/** @file Masks that are given as JSON. */

/** Rows of the patches of an image: 1 is visible, 0 is masked. */
export type MaskRows = readonly (readonly number[])[];

/** Where the text comes from, and the images that the masks are for. */
export interface MaskFileOptions {
  /** What errors call the text. */
  readonly path: string;
  /** Rows and columns of patches. */
  readonly grid: readonly [number, number];
  /** Number of images. */
  readonly count: number;
}

const FORM = '{"visible": [[row, column], …]} or {"masked": […]}, or a list of these, one for each image';

/**
 * Reads masks: a record that lists the visible patches or the masked ones, for all images, or a list of records, one
 * for each image. A record may name the `grid` that it was made for, which must then be that of the images.
 *
 * @param text JSON.
 * @param options Name of the file, patch grid, number of images.
 * @returns The mask of each image.
 * @throws {RangeError} If the text has another form, a patch lies outside the grid or is named twice, the number of masks
 * is another, or a mask shows or hides everything.
 */
export function parseMasks(text: string, options: MaskFileOptions): readonly MaskRows[] {
  const { path, count } = options;
  const value = jsonOf(text, path);
  const list = Array.isArray(value) ? value : [value];
  const masks = list.map((record, i) => maskOf(record, Array.isArray(value) ? `${path}, mask ${i}` : path, options));
  if (!Array.isArray(value)) return Array.from({ length: count }, () => masks[0]!);
  if (masks.length === count) return masks;
  return refuse(path, `a list must have one for each of the ${count} images`, `number is ${masks.length}`);
}

function refuse(path: string, requirement: string, current: string): never {
  throw new RangeError(`Cannot read ${path} as masks as ${requirement}: current ${current}`);
}

function jsonOf(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return refuse(path, `it must be JSON such as ${FORM}`, `error is ${(error as Error).message}`);
  }
}

const shown = (value: unknown): string => (JSON.stringify(value) ?? "absent").slice(0, 80);

function maskOf(record: unknown, path: string, { grid: [rows, columns] }: MaskFileOptions): MaskRows {
  const isRecord = typeof record === "object" && record !== null && !Array.isArray(record);
  if (!isRecord) refuse(path, `it must be ${FORM}`, `value is ${shown(record)}`);
  const { grid, visible, masked, ...unknown } = record as Record<string, unknown>;
  const [extra] = Object.keys(unknown);
  if (extra !== undefined) refuse(path, "its keys must be grid and visible or masked", `key is ${extra}`);
  if ((visible === undefined) === (masked === undefined)) {
    refuse(path, "it must list visible patches or masked ones", `lists are ${visible === undefined ? "none" : "both"}`);
  }
  if (grid !== undefined && shown(grid) !== shown([rows, columns])) {
    refuse(path, `its grid must be that of the images, [${rows},${columns}]`, `grid is ${shown(grid)}`);
  }
  const listed = cellsOf(visible ?? masked, path, [rows, columns]);
  const other = visible === undefined ? 1 : 0;
  const mask = Array.from({ length: rows }, () => new Array<number>(columns).fill(other));
  for (const [row, column] of listed) mask[row]![column] = 1 - other;
  const seen = visible === undefined ? rows * columns - listed.length : listed.length;
  if (seen > 0 && seen < rows * columns) return mask;
  return refuse(
    path,
    "at least one patch must be visible and one masked",
    `number of visible ones is ${seen} of ${rows * columns}`,
  );
}

function cellsOf(value: unknown, path: string, [rows, columns]: readonly [number, number]) {
  if (!Array.isArray(value)) return refuse(path, "patches must be a list of [row, column]", `value is ${shown(value)}`);
  const taken = new Set<string>();
  return value.map((cell: unknown) => {
    const [row, column] = Array.isArray(cell) && cell.length === 2 ? cell as unknown[] : [];
    const isInside = (at: unknown, end: number) => Number.isInteger(at) && (at as number) >= 0 && (at as number) < end;
    if (!isInside(row, rows) || !isInside(column, columns)) {
      refuse(path, `a patch must be [row, column] in a grid of ${rows} by ${columns}`, `patch is ${shown(cell)}`);
    }
    if (taken.has(`${row},${column}`)) refuse(path, "a patch must be listed once", `patch is again ${shown(cell)}`);
    taken.add(`${row},${column}`);
    return [row, column] as readonly [number, number];
  });
}
