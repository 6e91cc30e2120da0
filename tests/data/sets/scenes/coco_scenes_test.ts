import { deepStrictEqual, equal, match, rejects } from "node:assert/strict";
import { cocoScenes, describeSource, encodePng, findAnnotations } from "../../../../data/mod.ts";
import { withExif } from "../../images/exif_support.ts";
import { withFolder } from "../../support.ts";

const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
/** Pixels `1 + column` in the first row, so that what is turned is seen. */
const png = (height: number, width: number) =>
  encodePng({
    width,
    height,
    channels: 3,
    data: Uint8Array.from({ length: height * width * 3 }, (_, i) => 1 + Math.floor(i / 3) % width),
  });

const image = (id: unknown, name: string, [height, width]: readonly [number, number] = [8, 12]) => ({
  id,
  file_name: name,
  height,
  width,
});
const object = (id: unknown, more: object = {}) => ({
  id,
  image_id: 1,
  category_id: 1,
  bbox: [2, 2, 4, 4],
  area: 16,
  iscrowd: 0,
  ...more,
});
const CUP = [{ id: 1, name: "cup" }];
const SQUARE = [2, 2, 2, 6, 6, 6, 6, 2];

/** Files as tools write them: what of them is used, what is said. */
const CASES: Readonly<
  Record<string, {
    readonly files: Readonly<Record<string, Uint8Array>>;
    readonly boxes: readonly (readonly number[])[];
    readonly says: readonly RegExp[];
  }>
> = {
  "CVAT: masks that are crowds, ids from 1, images in a folder of the part": {
    files: {
      "annotations/instances_default.json": json({
        licenses: [],
        info: {},
        categories: [{ ...CUP[0], supercategory: "" }],
        images: [{ ...image(1, "a.png"), license: 0, flickr_url: "", date_captured: 0 }],
        annotations: [
          object(1, { segmentation: { size: [8, 12], counts: [18, 4, 74] }, iscrowd: 1 }),
          object(2, { segmentation: [SQUARE], attributes: { occluded: false } }),
        ],
      }),
      "images/default/a.png": png(8, 12),
    },
    boxes: [[2, 2, 6, 6], [2, 2, 6, 6]],
    says: [/: 1 image of 1 class by annotations: cup 1$/m, /to be noted: .*1 crowd not learned from \(annotation 1\)/],
  },
  "Label Studio: categories from 0, empty segmentations, escaped names": {
    files: {
      "result.json": json({
        images: [image(0, "images/1f2e-my%20cup.png")],
        categories: [{ id: 0, name: "cup" }],
        annotations: [{ ...object(0), image_id: 0, category_id: 0, segmentation: [], ignore: 0 }],
      }),
      "images/1f2e-my cup.png": png(8, 12),
    },
    boxes: [[2, 2, 6, 6]],
    says: [
      /1 image whose names are read without the escapes of web addresses/,
      /1 object without segmentation: a mask of it is its whole box \(annotation 0\)/,
    ],
  },
  "Roboflow: a class for the kind of all, of the same name": {
    files: {
      "train/_annotations.coco.json": json({
        images: [{ ...image(0, "a_png.rf.1.png"), extra: { name: "a.png" } }],
        categories: [{ id: 0, name: "cup", supercategory: "none" }, { id: 1, name: "cup", supercategory: "cup" }],
        annotations: [{ ...object(0), image_id: 0, segmentation: [SQUARE] }],
      }),
      "train/a_png.rf.1.png": png(8, 12),
    },
    boxes: [[2, 2, 6, 6]],
    says: [/of 2 classes by annotations: cup 0, cup 1/],
  },
  "Labelme, converted on Windows: names with \\, a line as a polygon beside a true one, float sizes": {
    files: {
      "annotations.json": new TextEncoder().encode(
        `\uFEFF{"images":[{"id":1,"file_name":"JPEGImages\\\\a.png","height":8.0,"width":12.0}],"categories":${
          JSON.stringify(CUP)
        },` +
          `"annotations":[{"id":1,"image_id":1,"category_id":1,"bbox":[2.0,2.0,4.0,4.0],"segmentation":[[1,1,2,2],[2,2,2,6,6,6,6,2]]}]}`,
      ),
      "JPEGImages/a.png": png(8, 12),
    },
    boxes: [[2, 2, 6, 6]],
    says: [
      /1 image whose names are read with \/ for \\/,
      /1 annotation with polygons of fewer than three points, left out \(annotation 1\)/,
    ],
  },
  "ids as text": {
    files: {
      "a.json": json({
        images: [image("0007", "a.png")],
        categories: [{ id: "3", name: "cup" }],
        annotations: [{ ...object("1"), image_id: "0007", category_id: 3 }, {
          ...object("x"),
          image_id: 7,
          category_id: 3,
        }],
      }),
      "a.png": png(8, 12),
    },
    boxes: [[2, 2, 6, 6]],
    says: [
      /left out 1 of .*: 1 annotation as its id must be a whole number: it is "x"/,
      /1 image with ids as text, read as numbers \(image "0007"\)/,
      /1 annotation with ids as text, read as numbers \(annotation "1"\)/,
    ],
  },
  "boxes beyond the border, outside, as corners, of shares of the side": {
    files: {
      "a.json": json({
        images: [image(1, "a.png")],
        categories: CUP,
        annotations: [
          object(1, { bbox: [-3, 2, 6, 4] }),
          object(2, { bbox: [20, 2, 4, 4] }),
          object(3, { bbox: [6, 2, 10, 6], segmentation: [[6, 2, 6, 6, 10, 6, 10, 2]] }),
          object(4, { bbox: [0.2, 0.3, 0.5, 0.5] }),
        ],
      }),
      "a.png": png(8, 12),
    },
    boxes: [[-3, 2, 3, 6], [20, 2, 24, 6], [6, 2, 16, 8], [0.2, 0.3, 0.7, 0.8]],
    says: [
      /2 annotations with a box that goes on beyond its image \(annotation 1, annotation 3\)/,
      /1 annotation with a box outside of its image, where nothing can be found \(annotation 2\)/,
      /1 annotation with a box that is not that of its segmentation \(left, top, width, height\) \(annotation 3\)/,
      /1 annotation with a box of less than a pixel \(annotation 4\)/,
    ],
  },
  "the first image is missing, one id stands twice, images that nobody knows": {
    files: {
      "a.json": json({
        images: [image(1, "gone.png"), image(2, "b.png"), image(2, "c.png")],
        categories: CUP,
        annotations: [
          object(1),
          object(2, { image_id: 2 }),
          object(2),
          object(3, { image_id: 8 }),
          object(4, { image_id: 9 }),
        ],
      }),
      "images/b.png": png(8, 12),
    },
    boxes: [[2, 2, 6, 6]],
    says: [
      /1 image whose file is missing \(gone.png\)/,
      /1 image as its id stands twice \(image 2\)/,
      /1 annotation as its id stands twice \(annotation 2\)/,
      /2 annotations as its image must be in the file \(annotation 3: it is 8, annotation 4: it is 9\)/,
    ],
  },
  "folders of another machine": {
    files: {
      "a.json": json({ images: [image(1, "C:\\Users\\me\\cups\\a.png")], categories: CUP, annotations: [object(1)] }),
      "images/a.png": png(8, 12),
    },
    boxes: [[2, 2, 6, 6]],
    says: [/1 image whose names are read without their folders \(C:\\Users\\me\\cups\\a.png\)/],
  },
};

const lastOf = async (root: string) => {
  const { dataset } = await cocoScenes({ annotations: findAnnotations(root, "train")! });
  return { dataset, ...await dataset.loadScene!(dataset.length - 1, () => 0) };
};

for (const [name, { files, boxes, says }] of Object.entries(CASES)) {
  Deno.test(`annotations of other tools: ${name}`, () =>
    withFolder(files, async (root) => {
      const { dataset, objects } = await lastOf(root);
      deepStrictEqual(objects.map(({ box }) => [...box]), boxes);
      const lines = describeSource(dataset.account!).join("\n");
      says.forEach((pattern) => match(lines, pattern));
    }));
}

Deno.test("what is used and left out is counted by kind: images, annotations, categories; of Pascal VOC files and objects", async () => {
  const said = async (files: Readonly<Record<string, Uint8Array>>) => {
    let line = "";
    await withFolder({ ...files, "a.png": png(8, 12) }, async (root) => {
      line = describeSource((await lastOf(root)).dataset.account!)[1].replaceAll(`${root}/`, "");
    });
    return line;
  };
  const set = (images: readonly object[], annotations: readonly object[]) => ({
    "a.json": json({ images, categories: CUP, annotations }),
  });
  const all = [object(1, { segmentation: [SQUARE] }), object(2, { segmentation: [SQUARE] })];
  equal(await said(set([image(1, "a.png")], all)), "  all of 1 image, 2 annotations, 1 category are used");
  equal(
    await said(set([image(1, "a.png"), image(2, "b.png")], all)),
    "  left out 1 of 2 images: 1 image without objects to learn from (b.png)",
  );
  const broken = [...all, object(3, { image_id: 8 }), object(4, { bbox: [1, 1, 0, 4] })];
  match(
    await said(set([image(1, "a.png"), image(1, "b.png")], broken)),
    /^ {2}left out 1 of 2 images, 2 of 4 annotations: 1 image as its id stands twice/,
  );
  const of = (corners: readonly number[]) => voc("a", corners);
  equal(await said({ "a.xml": of([1, 1, 4, 4]) }), "  all of 1 image, 1 object are used");
  match(
    await said({ "a.xml": of([1, 1, 4, 4]), "b.xml": new TextEncoder().encode("<annotation>") }),
    /^ {2}left out 1 of 2 files: 1 file as it cannot be read/,
  );
});

Deno.test("classes of one name are told apart: the object of the second is of the second", () =>
  withFolder(CASES["Roboflow: a class for the kind of all, of the same name"]!.files, async (root) => {
    deepStrictEqual((await lastOf(root)).objects.map((each) => each.class), [1]);
  }));

Deno.test("photographs that are shown turned come as they were marked, and as they are stored where they were marked so", async () => {
  const set = (size: readonly [number, number]) =>
    json({ images: [image(1, "a.png", size)], categories: CUP, annotations: [object(1)] });
  const first = async (size: readonly [number, number], orientation: number) => {
    let seen: number[] = [];
    await withFolder({ "a.json": set(size), "a.png": withExif(png(8, 12), orientation) }, async (root) => {
      const { image: { width, height, data } } = await lastOf(root);
      seen = [height, width, data[0]!];
    });
    return seen;
  };
  deepStrictEqual(await first([12, 8], 8), [12, 8, 12]); // to the left: the last column comes to the top
  deepStrictEqual(await first([12, 8], 6), [12, 8, 1]);
  deepStrictEqual(await first([8, 12], 6), [8, 12, 1]); // as stored
  deepStrictEqual(await first([8, 12], 3), [8, 12, 12]);
  await rejects(
    first([9, 12], 6),
    /must have the 9×12 pixels of its annotations: current size is 8×12, to be shown turned \(orientation 6\)/,
  );
});

Deno.test("a file of which no image can be used says why", () =>
  withFolder({
    "a.json": json({ images: [image("a1f", "a.png"), image("a20", "b.png")], categories: CUP, annotations: [] }),
    "b.json": json({ images: [image(1, "x/a.png"), image(2, "y/a.png")], categories: CUP, annotations: [] }),
    "a.png": png(8, 12),
  }, async (root) => {
    await rejects(
      cocoScenes({ annotations: `${root}/a.json` }),
      /must have images: current number is 0, 2 records are left out, such as image "a1f" as its id must be a whole number: it is "a1f"/,
    );
    // Both would be a.png without their folders.
    await rejects(
      cocoScenes({ annotations: `${root}/b.json` }),
      /x\/a.png \(or another of the first 2\) must lie in one of/,
    );
    await rejects(
      cocoScenes({ annotations: `${root}/b.json`, images: "/none" }),
      /must lie in \/none: it does not; name the folder with --images/,
    );
  }));

const voc = (name: string, corners: readonly number[], more = "") => {
  const names = ["xmin", "ymin", "xmax", "ymax"].map((each, i) => `<${each}>${corners[i]}</${each}>`).join("");
  return new TextEncoder().encode(
    `<annotation><filename>${name}</filename><size><width>12</width><height>8</height></size>` +
      `<object><name>cup</name>${more}<bndbox>${names}</bndbox></object></annotation>`,
  );
};

Deno.test("Pascal VOC: pixels from 0 and from 1, names without ending, what is hard to see", () =>
  withFolder({
    "a.xml": voc("a", [0, 0, 12, 8]),
    "b.xml": voc("b", [3, 3, 6, 6], "<difficult>1</difficult>"),
    "c.xml": voc("c", [1, 1, 40, 8]),
    "a.png": png(8, 12),
    "b.png": png(8, 12),
    "c.png": png(8, 12),
  }, async (root) => {
    const boxes = async (firstPixel?: 0 | 1) => {
      const { dataset } = await cocoScenes({ annotations: root, ...firstPixel === undefined ? {} : { firstPixel } });
      const scenes = await Promise.all([0, 1, 2].map((index) => dataset.loadScene!(index, () => 0)));
      return {
        lines: describeSource(dataset.account!).join("\n"),
        boxes: scenes.map(({ objects }) => [...objects[0]!.box]),
      };
    };
    const one = await boxes();
    deepStrictEqual(one.boxes, [[0, 0, 12, 8], [2, 2, 6, 6], [0, 0, 12, 8]]);
    match(one.lines, /3 images whose names are read with the endings that they lack/);
    match(
      one.lines,
      /1 object with pixels that seem to be counted from 0, cut at the first: --first-pixel 0 reads them so/,
    );
    match(one.lines, /1 object with a box cut at the edges of its image \(object 1 of .*c.xml\)/);
    match(one.lines, /1 difficult object not learned from/);
    const zero = await boxes(0);
    deepStrictEqual(zero.boxes, [[0, 0, 12, 8], [3, 3, 6, 6], [1, 1, 12, 8]]);
    equal(/seem to be counted/.test(zero.lines), false);
  }));
