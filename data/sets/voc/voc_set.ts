import { requireOptions } from "../../../tensor/errors.ts";
import type { CocoObject, CocoSet, Problem } from "../coco/coco_set.ts";
import { readVocAnnotation, type VocAnnotation, type VocOptions } from "./voc_annotation.ts";

/** A file of a set. */
export interface VocFile {
  /** Its name, for errors; files are taken in the order of their names. */
  readonly path: string;
  /** Its text, or its bytes in the encoding that it declares. */
  readonly file: string | Uint8Array;
}

/** How a set is read. */
export interface VocSetOptions extends VocOptions {
  /** Names of the classes, whose ids are 1, 2 … in this order; all that are there, sorted, if not given. */
  readonly classes?: readonly string[];
}

/**
 * Reads annotation files of Pascal VOC into the form of COCO's: images, categories and objects have the ids 1, 2 … in the order
 * of the files' names, the classes and the objects.
 *
 * @param files One an image.
 * @param options Classes, and the number of the first pixel.
 * @returns The set. Objects are boxes, `difficult` and `truncated` where they are. Files that are damaged or describe an image
 * twice, and objects that are broken or of other classes, are left out, each with its reason.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { readVocSet } from "@tessera/tessera/data";
 *
 * const box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>4</xmax><ymax>3</ymax></bndbox>";
 * const file = `<annotation><filename>a.jpg</filename><size><width>8</width><height>6</height></size>
 *   <object><name>cup</name>${box}</object></annotation>`;
 * const { objects, problems } = readVocSet([{ path: "a.xml", file }, { path: "b.xml", file: "<annotation>" }]);
 * deepStrictEqual([objects[0]!.area, problems.map(({ what }) => what)], [12, ["b.xml"]]);
 * ```
 */
export function readVocSet(files: readonly VocFile[], options: VocSetOptions = {}): CocoSet {
  requireOptions("readVocSet", options, { firstPixel: true, classes: true });
  const { classes, ...rest } = options;
  const { read, problems, remarks } = readFiles(files, rest);
  const names = classes ?? [...new Set(read.flatMap(({ objects }) => objects.map(({ name }) => name)))].sort();
  const objects = read.flatMap(({ objects }, image) => objects.map((object) => ({ ...object, image: image + 1 })));
  const known = objects.filter(({ name }) => names.includes(name));
  return {
    images: read.map(({ name, height, width }, i) => ({ id: i + 1, name, height, width })),
    categories: names.map((name, i) => ({ id: i + 1, name })),
    objects: known.map(({ image, name, box, difficult, truncated }, i): CocoObject => ({
      ...{ id: i + 1, image, category: names.indexOf(name) + 1, box, area: box[2] * box[3] },
      ...{ crowd: false, segmentation: null, difficult, truncated },
    })),
    problems: [...problems, ...otherClasses(objects.filter(({ name }) => !names.includes(name)))],
    remarks,
  };
}

/** Files that are annotations, and all problems. */
function readFiles(files: readonly VocFile[], options: VocOptions) {
  const [problems, remarks]: [Problem[], Problem[]] = [[], []];
  const images = new Map<string, string>();
  const read: VocAnnotation[] = [];
  for (const { path, file } of files.toSorted((a, b) => a.path < b.path ? -1 : a.path > b.path ? 1 : 0)) {
    try {
      const annotation = readVocAnnotation(file, path, options);
      const before = images.get(annotation.name);
      if (before !== undefined) {
        problems.push({
          kind: "file",
          what: path,
          reason: `its image must be its own: ${annotation.name} is that of ${before}`,
        });
        continue;
      }
      images.set(annotation.name, path);
      read.push(annotation);
      problems.push(...annotation.problems);
      remarks.push(...annotation.remarks);
    } catch (error) {
      if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
      problems.push({
        kind: "file",
        what: path,
        reason: error.message.replace(`Cannot read ${path} as `, "it cannot be read as "),
      });
    }
  }
  return { read, problems, remarks };
}

function otherClasses(objects: readonly { readonly name: string }[]): readonly Problem[] {
  return [...Map.groupBy(objects, ({ name }) => name)].map(([name, all]) => ({
    kind: "class",
    what: `${all.length} objects of class ${name}`,
    reason: "the class is none of those that were asked for",
  }));
}
