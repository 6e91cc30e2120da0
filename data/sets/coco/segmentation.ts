/** @file Where an object is, as annotation files tell it: polygons, run lengths, boxes. */
import type { CocoImage, CocoObject, Segmentation } from "./coco_set.ts";
import { boxMask, MOST_OUTLINE, outlineLength, polygonsMask } from "./polygon.ts";
import { isFinite, isRecord, type Json, refuse, type Remark } from "./records.ts";
import { type Bounds, maskBounds, parseCounts, type RunLengths } from "./run_lengths.ts";
import { shown } from "./shown.ts";

/** Runs of a record `{ size, counts }`. */
function readRuns({ size, counts }: Json, { height, width }: CocoImage): RunLengths {
  if (!Array.isArray(size) || size[0] !== height || size[1] !== width) {
    const current = Array.isArray(size) ? size.slice(0, 3).map(shown).join("×") : shown(size);
    refuse(`its mask must have the size of its image: it is ${current}, of ${height}×${width}`);
  }
  const runs = typeof counts === "string" ? parsedCounts(counts) : counts;
  if (!Array.isArray(runs) || !runs.every((run) => isFinite(run) && run >= 0 && Number.isInteger(run))) {
    refuse("counts of its mask must be whole and not negative");
  }
  const sum = runs.reduce((total, run) => total + run, 0);
  return sum === height * width
    ? { size: [height, width], counts: runs }
    : refuse(`counts of its mask must sum to the pixels of its image: they sum to ${sum}, of ${height * width}`);
}

function parsedCounts(text: string): readonly number[] {
  try {
    return parseCounts(text);
  } catch (error) {
    return refuse((error as Error).message);
  }
}

/** Numbers of the smallest polygon. */
const TRIANGLE = 6;

/**
 * Reads a segmentation. Of several polygons those without area, of fewer than three points, are left out.
 *
 * @param segmentation As the file has it.
 * @param image The image of the object.
 * @param remark Told of polygons that are left out; nobody if not given.
 * @returns Polygons or runs; `null` where there are none.
 */
export function readSegmentation(segmentation: unknown, image: CocoImage, remark: Remark = () => {}): Segmentation {
  if (segmentation === undefined || segmentation === null) return null;
  if (isRecord(segmentation)) return readRuns(segmentation, image);
  if (!Array.isArray(segmentation)) return refuse("its segmentation must be polygons or runs");
  if (segmentation.length === 0) return null;
  const wrong = segmentation.find((polygon) => !Array.isArray(polygon) || !polygon.every(isFinite));
  if (wrong !== undefined) refuse("its polygons must be lists of finite numbers");
  const odd = segmentation.find(({ length }) => length % 2 === 1);
  if (odd) refuse(`its polygons must have two numbers a point: one has ${odd.length} numbers`);
  const all = segmentation as readonly (readonly number[])[];
  const polygons = all.filter(({ length }) => length >= TRIANGLE);
  if (polygons.length === 0) refuse(`its polygons must have three points or more: the first has ${all[0]!.length / 2}`);
  if (polygons.length < all.length) remark("with polygons of fewer than three points, left out");
  polygons.forEach(checkOutline);
  return polygons;
}

/** Filling a longer outline would take for ever. */
function checkOutline(points: readonly number[]): void {
  const length = outlineLength(points);
  if (!(length <= MOST_OUTLINE)) refuse(`its outline must be ${MOST_OUTLINE} pixels long at most: it is ${length}`);
}

/**
 * Reads a box.
 *
 * @param box Left, top, width and height, as the file has it.
 * @returns The box; `null` where there is none.
 */
export function readBox(box: unknown): Bounds | null {
  if (box === undefined || box === null || (Array.isArray(box) && box.length === 0)) return null;
  if (!Array.isArray(box) || box.length !== 4 || !box.every(isFinite)) refuse("its bbox must be four finite numbers");
  const [x, y, width, height] = box as unknown as Bounds;
  checkOutline([x, y, x, y + height, x + width, y + height, x + width, y]);
  if (width < 0 || height < 0) refuse(`its bbox must not be negative: it is ${width}×${height}`);
  return box as unknown as Bounds;
}

/**
 * The mask of an object.
 *
 * @param object The object; its box is filled if it has no segmentation.
 * @param image Its image.
 * @returns Run lengths of the size of the image.
 */
export function maskOf({ segmentation, box }: Pick<CocoObject, "segmentation" | "box">, image: CocoImage): RunLengths {
  const size = [image.height, image.width] as const;
  if (segmentation === null) return boxMask(box, size);
  return "counts" in segmentation ? segmentation : polygonsMask(segmentation, size);
}

/** Bounds of a segmentation, without filling it. */
function extentOf(segmentation: Exclude<Segmentation, null>): Bounds {
  if ("counts" in segmentation) return maskBounds(segmentation);
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const polygon of segmentation) {
    for (let i = 0; i < polygon.length; i += 2) {
      [left, right] = [Math.min(left, polygon[i]!), Math.max(right, polygon[i]!)];
      [top, bottom] = [Math.min(top, polygon[i + 1]!), Math.max(bottom, polygon[i + 1]!)];
    }
  }
  return [left, top, right - left, bottom - top];
}

/** Pixels by which boxes lie beyond an image, or beside a segmentation, through rounding. */
const ROUNDING = 2;

/** Whether no more than half of what two boxes cover is covered by both, by more than rounding. */
function areApart(a: Bounds, b: Bounds): boolean {
  const corners = ([x, y, width, height]: Bounds) => [x, y, x + width, y + height];
  const [p, q] = [corners(a), corners(b)];
  if (p.every((corner, i) => Math.abs(corner - q[i]!) <= ROUNDING)) return false;
  const side = (axis: number) => Math.max(0, Math.min(p[axis + 2]!, q[axis + 2]!) - Math.max(p[axis]!, q[axis]!));
  const both = side(0) * side(1);
  return 2 * both < a[2] * a[3] + b[2] * b[3] - both;
}

/**
 * Says what is odd of where an object is: all of it is used as it stands, as COCO's own tool uses it.
 *
 * @param box Its box.
 * @param segmentation Its polygons or runs.
 * @param image Its image.
 * @param remark Told.
 */
export function remarkPlace(box: Bounds, segmentation: Segmentation, image: CocoImage, remark: Remark): void {
  remarkBox(box, image, remark);
  if (segmentation && areApart(box, extentOf(segmentation))) {
    remark("with a box that is not that of its segmentation (left, top, width, height)");
  }
}

/**
 * Says what is odd of a box, of an object or of what a detector found, which is used as it stands.
 *
 * @param box Left, top, width, height.
 * @param image Its image.
 * @param remark Told.
 */
export function remarkBox([x, y, width, height]: Bounds, image: CocoImage, remark: Remark): void {
  const [right, bottom] = [x + width, y + height];
  if (x >= image.width || y >= image.height || right <= 0 || bottom <= 0) {
    remark("with a box outside of its image, where nothing can be found");
  } else if (x < -ROUNDING || y < -ROUNDING || right > image.width + ROUNDING || bottom > image.height + ROUNDING) {
    remark("with a box that goes on beyond its image");
  }
  if (width < 0 || height < 0) remark("with a box of negative width or height");
  else if (width < 1 && height < 1) remark("with a box of less than a pixel");
}
