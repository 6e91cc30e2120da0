import { deepStrictEqual, equal, match } from "node:assert/strict";
import { cocoScenes, encodePng, openImages, subset } from "../../../../data/mod.ts";
import { withSeenImages } from "../../../../spark/train/scores/seen_images.ts";
import { tarOf } from "../../../data/formats/tar_support.ts";
import { testImage, withFolder } from "../../../data/support.ts";

const png = (seed: number) => encodePng(testImage(8, 8, seed));
const pets = (from: number) => ({ "cat/1.png": png(from), "cat/2.png": png(from + 1), "dog/1.png": png(from + 2) });
const below = (folder: string, files: Readonly<Record<string, Uint8Array>>) =>
  Object.fromEntries(Object.entries(files).map(([path, bytes]) => [`${folder}/${path}`, bytes]));
const tar = (files: Readonly<Record<string, Uint8Array>>) =>
  tarOf(Object.entries(files).map(([path, bytes]) => ({ path, bytes })));

const TREE = {
  ...below("a", pets(1)),
  ...below("copy", pets(1)),
  ...below("other", pets(11)),
  ...below("part", { "cat/1.png": png(1), "cat/7.png": png(2), "dog/9.png": png(4) }),
  ...{ "a.tar": tar(pets(1)), "s-0.tar": tar({ "1.png": png(1) }), "s-1.tar": tar({ "1.png": png(5) }) },
  "flat/1.png": png(1),
  "broken/cat/1.png": png(1).slice(0, 60),
  "broken/dog/1.png": png(9),
};

const ALL = /^ {2}all 3 images to evaluate on are trained on too, such as .*: what is measured there says nothing of/;

/** What is trained on, what is evaluated on, and what is said of it; null for nothing. */
const ROWS: readonly (readonly [string, string, RegExp | null])[] = [
  ["a", "a", ALL],
  ["a/", "./a/../a", ALL],
  ["a", "link", ALL],
  ["a", "links", /^ {2}the only image to evaluate on is trained on too, such as/],
  ["a/cat", "a", /^ {2}2 of 3 images to evaluate on are trained on too, such as .*a\/cat\/1\.png/],
  ["a.tar", "a.tar", ALL],
  ["s-{0..1}.tar", "s-1.tar", /^ {2}the only image to evaluate on is trained on too, such as/],
  ["a", "copy", /^ {2}all 3 images to evaluate on have the name and class of .*; of 3 that were compared 3 are copies/],
  ["a.tar", "a", /of 3 that were compared 3 are copies/],
  [
    "a",
    "part",
    /^ {2}1 of 3 images to evaluate on has the name .* of 1 that were compared 1 is a copy, such as .*part/,
  ],
  ["a", "other", null],
  ["s-0.tar", "s-1.tar", null],
  ["a", "broken", null],
];

for (const [data, val, says] of ROWS) {
  Deno.test(`withSeenImages() of ${data} and ${val}`, () =>
    withFolder(TREE, async (folder) => {
      await Deno.symlink(`${folder}/a`, `${folder}/link`);
      await Deno.mkdir(`${folder}/links/cat`, { recursive: true });
      await Deno.symlink(`${folder}/a/cat/1.png`, `${folder}/links/cat/1.png`);
      const lines: string[] = [];
      const [train, asked] = [await openImages(`${folder}/${data}`), await openImages(`${folder}/${val}`)];
      const seen = await withSeenImages(train, asked, (line) => lines.push(line));
      equal(lines.length, says === null ? 0 : 1);
      if (says) match(lines[0]!, says);
      equal(seen.account!.seen, lines[0]?.trim());
    }));
}

Deno.test("withSeenImages() finds what is drawn of one source twice", () =>
  withFolder(pets(1), async (folder) => {
    const all = await openImages(folder);
    const lines: string[] = [];
    await withSeenImages(subset(all, [0, 1]), subset(all, [1, 2]), (line) => lines.push(line));
    match(lines.join(), /^ {2}1 of 2 images to evaluate on is trained on too, such as .*cat\/2\.png/);
    await withSeenImages(subset(all, [0, 1]), subset(all, [2]), (line) => lines.push(line));
    equal(lines.length, 1);
  }));

Deno.test("withSeenImages() compares scenes, whose names are those of their annotations", () => {
  const images = [{ id: 1, file_name: "1.png", width: 8, height: 8 }];
  const annotations = [{ id: 1, image_id: 1, category_id: 1, bbox: [1, 1, 4, 4], area: 16, iscrowd: 0 }];
  const json = new TextEncoder().encode(JSON.stringify({ images, annotations, categories: [{ id: 1, name: "cat" }] }));
  const set = (part: string, seed: number) => ({ [`${part}/1.png`]: png(seed), [`${part}/a.json`]: json });
  return withFolder({ ...set("train", 1), ...set("same", 1), ...set("other", 2) }, async (folder) => {
    const open = async (part: string) => (await cocoScenes({ annotations: `${folder}/${part}/a.json` })).dataset;
    const lines: string[] = [];
    for (const part of ["same", "other"]) {
      await withSeenImages(await open("train"), await open(part), (line) => lines.push(line));
    }
    deepStrictEqual(lines.map((line) => / 1 is a copy/.test(line)), [true]);
  });
});
