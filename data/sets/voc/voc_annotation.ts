/** @file Annotations of Pascal VOC: one XML file an image. */
import { requireOptions } from "../../../tensor/errors.ts";
import { parseXml, type XmlElement, xmlText } from "../../formats/xml.ts";
import type { Problem } from "../coco/coco_set.ts";
import { refusal, refuse } from "../coco/records.ts";
import type { Bounds } from "../coco/run_lengths.ts";

/** An object of an image. */
export interface VocObject {
  /** Its class. */
  readonly name: string;
  /** Left, top, width, height in pixels, from 0. */
  readonly box: Bounds;
  /** As the file has it, such as `Left`; empty if it does not say. */
  readonly pose: string;
  /** True if it goes on outside of the box or the image. */
  readonly truncated: boolean;
  /** True if it is hard to see: whether it is found counts neither for nor against. */
  readonly difficult: boolean;
}

/** What a file says of an image. */
export interface VocAnnotation {
  /** Name of the image's file. */
  readonly name: string;
  /** In pixels. */
  readonly height: number;
  /** In pixels. */
  readonly width: number;
  /** In the order of the file. */
  readonly objects: readonly VocObject[];
  /** What was left out, each with its reason. */
  readonly problems: readonly Problem[];
  /** What is used otherwise than it stands: boxes that are cut. */
  readonly remarks: readonly Problem[];
}

/** How files are read. */
export interface VocOptions {
  /**
   * Number of the first pixel: 1 (the default, Pascal VOC's own: pixels `xmin` to `xmax`, both included), or 0 as other tools
   * write it: corners, so that the width is `xmax − xmin`.
   */
  readonly firstPixel?: 0 | 1;
}

/** The only child of a name; undefined if there is none. */
function childOf(element: XmlElement, name: string): XmlElement | undefined {
  const found = element.children.filter((child) => child.name === name);
  return found.length > 1 ? refuse(`it must have one ${name}: it has ${found.length}`) : found[0];
}

function textOf(element: XmlElement, name: string): string {
  return childOf(element, name)?.text.trim() ?? "";
}

/** A text of a file as errors show it. */
const shown = (text: string): string => text === "" ? "absent" : text.slice(0, 40);

function numberOf(element: XmlElement, name: string): number {
  const text = textOf(element, name);
  const value = /^[-+]?\d*\.?\d*(?:[eE][-+]?\d+)?$/.test(text) && text !== "" ? Number(text) : NaN;
  return Number.isFinite(value) ? value : refuse(`it must have a number ${name}: it is ${shown(text)}`);
}

function sideOf(size: XmlElement, name: string): number {
  const value = numberOf(size, name);
  const fits = Number.isInteger(value) && value > 0 && value < 2 ** 16;
  return fits ? value : refuse(`its ${name} must be whole, from 1 to 65535: it is ${value}`);
}

/** A flag, absent in many files: then it does not hold. */
function flagOf(element: XmlElement, name: string): boolean {
  const text = textOf(element, name).toLowerCase();
  if (["1", "true"].includes(text)) return true;
  return ["0", "false", "", "unspecified"].includes(text)
    ? false
    : refuse(`its ${name} must be 0 or 1: it is ${shown(text)}`);
}

/** What is said of boxes that are cut. */
const [CUT, FROM_ZERO] = [
  "with a box cut at the edges of its image",
  "with pixels that seem to be counted from 0, cut at the first: --first-pixel 0 reads them so",
];

/** A box from its corners, cut at the edges of the image. */
function boxOf(
  object: XmlElement,
  [height, width]: readonly [height: number, width: number],
  first: 0 | 1,
): { readonly box: Bounds; readonly cut: string | null } {
  const corners = childOf(object, "bndbox") ?? refuse("it must have a bndbox: it is absent");
  const [xmin, ymin, xmax, ymax] = ["xmin", "ymin", "xmax", "ymax"].map((name) => numberOf(corners, name)) as [
    number,
    number,
    number,
    number,
  ];
  const current = [xmin, ymin, xmax, ymax].join(", ");
  // With the first pixel 1, corners are pixels that belong to the box: its outer edge is where `xmax` ends.
  const [left, top] = [xmin - first, ymin - first];
  if (!(xmax > left && ymax > top)) refuse(`its box must have an area: it is ${current}`);
  const [x1, y1, x2, y2] = [Math.max(left, 0), Math.max(top, 0), Math.min(xmax, width), Math.min(ymax, height)];
  if (!(x2 > x1 && y2 > y1)) refuse(`its box must lie in its image: it is ${current}, of ${height}×${width}`);
  const isCut = x1 > left || y1 > top || x2 < xmax || y2 < ymax;
  const reason = first === 1 && Math.min(xmin, ymin) < 1 ? FROM_ZERO : CUT;
  return { box: [x1, y1, x2 - x1, y2 - y1], cut: isCut ? reason : null };
}

function objectOf(
  object: XmlElement,
  size: readonly [number, number],
  first: 0 | 1,
): VocObject & { readonly cut: string | null } {
  const name = textOf(object, "name");
  if (name === "") refuse("it must have a name: it is absent");
  return {
    name,
    ...boxOf(object, size, first),
    pose: textOf(object, "pose"),
    truncated: flagOf(object, "truncated"),
    difficult: flagOf(object, "difficult"),
  };
}

/** Objects of a file, and those that are none. */
function objectsOf(root: XmlElement, path: string, size: readonly [number, number], first: 0 | 1) {
  const [problems, remarks]: [Problem[], Problem[]] = [[], []];
  const objects = root.children.filter(({ name }) => name === "object").flatMap((object, i) => {
    const what = `object ${i + 1} of ${path}`;
    const parts = object.children.filter(({ name }) => name === "part").length;
    if (parts > 0) {
      const all = `${parts} of the parts of ${what}`;
      problems.push({ kind: "object with parts", what: all, reason: "only whole objects are used" });
    }
    const read = refusal(() => objectOf(object, size, first));
    if (typeof read === "string") {
      problems.push({ kind: "object", what, reason: read });
      return [];
    }
    const { cut, ...rest } = read;
    if (cut !== null) remarks.push({ kind: "object", what, reason: cut });
    return [rest];
  });
  return { objects, problems, remarks };
}

/**
 * Reads one annotation file of Pascal VOC.
 *
 * @param file Its text, or its bytes in the encoding that it declares.
 * @param path Its name, for errors.
 * @param options Number of the first pixel.
 * @returns The image and its objects; objects without a name or a box that has an area in the image are left out, each with its
 * reason; boxes that go on beyond the image are cut, and remarked upon. Absent flags are false.
 * @throws {SyntaxError} If it is not XML, naming line and column.
 * @throws {TypeError} If it is no annotation, or names no image or no size.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { readVocAnnotation } from "@tessera/tessera/data";
 *
 * const box = "<bndbox><xmin>2</xmin><ymin>2</ymin><xmax>5</xmax><ymax>4</ymax></bndbox>";
 * const { objects } = readVocAnnotation(
 *   `<annotation><filename>a.jpg</filename><size><width>8</width><height>6</height></size>
 *   <object><name>cup</name><difficult>1</difficult>${box}</object></annotation>`,
 *   "a.xml",
 * );
 * deepStrictEqual([objects[0]!.box, objects[0]!.difficult], [[1, 1, 4, 3], true]);
 * ```
 */
export function readVocAnnotation(file: string | Uint8Array, path: string, options: VocOptions = {}): VocAnnotation {
  requireOptions("readVocAnnotation", options, { firstPixel: true });
  const { firstPixel = 1 } = options;
  if (firstPixel !== 0 && firstPixel !== 1) {
    throw new RangeError(`Cannot read ${path} as firstPixel must be 0 or 1: current firstPixel is ${firstPixel}`);
  }
  const root = parseXml(typeof file === "string" ? file : xmlText(file, path), path);
  const read = refusal(() => {
    if (root.name !== "annotation") refuse(`its root must be annotation: it is ${shown(root.name)}`);
    const name = textOf(root, "filename");
    if (name === "") refuse("it must have a filename: it is absent");
    const sides = childOf(root, "size") ?? refuse("it must have a size: it is absent");
    const [height, width] = [sideOf(sides, "height"), sideOf(sides, "width")];
    return { name, height, width, ...objectsOf(root, path, [height, width], firstPixel) };
  });
  if (typeof read !== "string") return read;
  throw new TypeError(
    `Cannot read ${path} as an annotation of Pascal VOC as ${read.replace(": it is", ": current value is")}`,
  );
}
