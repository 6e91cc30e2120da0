import { deepStrictEqual, equal, match, rejects, throws } from "node:assert/strict";
import { evaluateCoco, openAnnotations, readVocAnnotation, readVocSet } from "../../../../data/mod.ts";
import { withFolder } from "../../support.ts";

const box = (...[xmin, ymin, xmax, ymax]: readonly (number | string)[]) =>
  `<bndbox><xmin>${xmin}</xmin><ymin>${ymin}</ymin><xmax>${xmax}</xmax><ymax>${ymax}</ymax></bndbox>`;
const object = (name: string, inner: string) => `<object><name>${name}</name>${inner}</object>`;
const file = (name: string, ...objects: readonly string[]) =>
  `<?xml version="1.0"?>
<annotation verified="no"><folder>VOC2007</folder><filename>${name}</filename>
<source><database>x</database></source>
<size><width>500</width><height>375</height><depth>3</depth></size><segmented>0</segmented>
${objects.join("\n")}</annotation>`;

Deno.test("readVocAnnotation() reads sizes, flags, entities and several objects, pixels counted from 1", () => {
  const { objects, problems, remarks, ...image } = readVocAnnotation(
    file(
      "a&amp;b.jpg",
      object("chair", `<pose>Rear</pose><truncated>1</truncated><difficult>0</difficult>${box(263, 211, 324, 339)}`),
      object("cup &lt;1&gt;", `<difficult>1</difficult>${box(1, 1, "500", "45.5")}`),
    ),
    "a.xml",
  );
  deepStrictEqual(image, { name: "a&b.jpg", height: 375, width: 500 });
  deepStrictEqual([problems, remarks], [[], []]);
  deepStrictEqual(objects, [
    { name: "chair", box: [262, 210, 62, 129], pose: "Rear", truncated: true, difficult: false },
    { name: "cup <1>", box: [0, 0, 500, 45.5], pose: "", truncated: false, difficult: true },
  ]);
});

Deno.test("readVocAnnotation() counts pixels from 0 where it is told to", () => {
  const text = file("a.jpg", object("cup", box(0, 0, 500, 375)));
  deepStrictEqual(readVocAnnotation(text, "a.xml", { firstPixel: 0 }).objects[0]!.box, [0, 0, 500, 375]);
  const { objects, remarks } = readVocAnnotation(text, "a.xml");
  deepStrictEqual(objects[0]!.box, [0, 0, 500, 375]);
  match(remarks[0]!.reason, /with pixels that seem to be counted from 0/);
  throws(() => readVocAnnotation(text, "a.xml", { firstPixel: 2 as 1 }), /firstPixel must be 0 or 1/);
});

Deno.test("readVocAnnotation() leaves out broken objects, each with its reason", () => {
  const broken: readonly (readonly [string, RegExp])[] = [
    [object("", box(1, 1, 2, 2)), /must have a name/],
    [`<object>${box(1, 1, 2, 2)}</object>`, /must have a name/],
    [object("cup", ""), /must have a bndbox/],
    [object("cup", box(1, 1, 2, 2) + box(1, 1, 2, 2)), /must have one bndbox: it has 2/],
    [object("cup", "<bndbox><xmin>1</xmin></bndbox>"), /must have a number ymin: it is absent/],
    [object("cup", box("1e999", 1, 2, 2)), /must have a number xmin: it is 1e999/],
    [object("cup", box("0x1", 1, 2, 2)), /must have a number xmin: it is 0x1/],
    [object("cup", box(5, 1, 3, 2)), /must have an area: it is 5, 1, 3, 2/],
    [object("cup", box(501, 1, 510, 2)), /must lie in its image: it is 501, 1, 510, 2, of 375×500/],
    [object("cup", `<difficult>perhaps</difficult>${box(1, 1, 2, 2)}`), /difficult must be 0 or 1: it is perhaps/],
  ];
  for (const [text, reason] of broken) {
    const { objects, problems } = readVocAnnotation(file("a.jpg", text, object("cup", box(1, 1, 2, 2))), "a.xml");
    deepStrictEqual([objects.length, problems.map(({ what }) => what)], [1, ["object 1 of a.xml"]]);
    match(problems[0]!.reason, reason);
  }
  const parts = object("person", `${box(1, 1, 9, 9)}<part><name>head</name>${box(1, 1, 2, 2)}</part>`);
  deepStrictEqual(readVocAnnotation(file("a.jpg", parts), "a.xml").problems, [
    { kind: "object with parts", what: "1 of the parts of object 1 of a.xml", reason: "only whole objects are used" },
  ]);
});

Deno.test("readVocAnnotation() refuses by name a file that is damaged or lacks what an image has", () => {
  const refused: readonly (readonly [string, RegExp])[] = [
    ["<html/>", /as its root must be annotation: current value is html/],
    ["<annotation/>", /as it must have a filename/],
    ["<annotation><filename>a.jpg</filename></annotation>", /as it must have a size/],
    [file("a.jpg").replace("<width>500</width>", ""), /as it must have a number width: current value is absent/],
    [file("a.jpg").replace("500", "0"), /as its width must be whole, from 1 to 65535: current value is 0/],
    [file("a.jpg").slice(0, 200), /as XML as/],
  ];
  for (const [text, message] of refused) {
    throws(() => readVocAnnotation(text, "a.xml"), (error: Error) => {
      match(error.message, /^Cannot read a\.xml as /);
      match(error.message, message);
      return true;
    });
  }
});

const FILES = [
  { path: "2.xml", file: file("2.jpg", object("dog", box(1, 1, 10, 10))) },
  { path: "1.xml", file: file("1.jpg", object("dog", box(1, 1, 20, 20)), object("cat", box(2, 2, 9, 9))) },
  { path: "3.xml", file: file("2.jpg") },
  { path: "4.xml", file: "<annotation>" },
];

Deno.test("readVocSet() numbers images, classes and objects by name, and names what it leaves out", () => {
  const { images, categories, objects, problems } = readVocSet(FILES);
  deepStrictEqual(images.map(({ id, name }) => [id, name]), [[1, "1.jpg"], [2, "2.jpg"]]);
  deepStrictEqual(categories, [{ id: 1, name: "cat" }, { id: 2, name: "dog" }]);
  const shown = objects.map(({ id, image, category, area }) => [id, image, category, area]);
  deepStrictEqual(shown, [[1, 1, 2, 400], [2, 1, 1, 64], [3, 2, 2, 100]]);
  deepStrictEqual(problems.map(({ what }) => what), ["3.xml", "4.xml"]);
  match(problems[0]!.reason, /2\.jpg is that of 2\.xml/);
  const some = readVocSet(FILES, { classes: ["dog", "bird"] });
  deepStrictEqual(some.objects.map(({ category }) => category), [1, 1]);
  equal(some.problems.at(-1)!.what, "1 objects of class cat");
});

Deno.test("difficult objects count neither for nor against, however often they are found", () => {
  const set = readVocSet([{
    path: "1.xml",
    file: file(
      "1.jpg",
      object("dog", box(1, 1, 20, 20)),
      object("dog", `<difficult>1</difficult>${box(101, 101, 120, 120)}`),
    ),
  }]);
  const hit = (score: number, x: number) => ({ image: 1, category: 1, score, box: [x, x, 20, 20] as const });
  const ap = (...found: readonly ReturnType<typeof hit>[]) =>
    Number(evaluateCoco(set, found, { kind: "box" }).metrics[0]!.toFixed(6));
  equal(ap(hit(0.9, 100), hit(0.8, 100), hit(0.5, 0)), 1);
  equal(ap(hit(0.9, 200), hit(0.5, 0)), 0.5);
});

Deno.test("openAnnotations() opens a folder of Pascal VOC and a COCO file, and refuses others by name", async () => {
  const text = (value: string) => new TextEncoder().encode(value);
  const coco = { images: [{ id: 1, file_name: "1.jpg", width: 3, height: 3 }], categories: [], annotations: [] };
  const files = {
    ...Object.fromEntries(FILES.map(({ path, file }) => [`voc/${path}`, text(file)])),
    ...{
      "voc/note.txt": text("x"),
      "coco.json": text(JSON.stringify(coco)),
      "bad.json": text("{"),
      "empty/x": text(""),
    },
  };
  await withFolder(files, async (folder) => {
    const { objects, problems } = await openAnnotations(`${folder}/voc`);
    deepStrictEqual([objects.length, problems[1]!.what], [3, `${folder}/voc/4.xml`]);
    equal((await openAnnotations(`${folder}/coco.json`)).images.length, 1);
    await rejects(
      openAnnotations(`${folder}/bad.json`),
      /Cannot read .*bad\.json as COCO annotations as it must be JSON/,
    );
    await rejects(openAnnotations(`${folder}/empty`), /Cannot read .*empty as annotations/);
    await rejects(openAnnotations(`${folder}/none`), /Cannot read .*none as annotations/);
  });
});
