import { deepStrictEqual, equal, ok, rejects } from "node:assert/strict";
import { scenePaste } from "../../../../data/batches/scene_paste/scene_paste.ts";
import { sceneAnnotations } from "../../../../data/sets/scenes/scene_annotations.ts";
import { evaluateCoco } from "../../../../data/sets/coco/evaluation.ts";
import { decodeMask, maskArea, type RunLengths } from "../../../../data/sets/coco/run_lengths.ts";
import { turnSprite } from "../../../../data/images/sprite.ts";

const never = () => {
  throw new Error("scenes follow from their number alone");
};

Deno.test("scenePaste() makes the same scene of a number every time, other ones of other numbers, seeds and splits", async () => {
  const scenes = await scenePaste({ size: 64 });
  const first = await scenes.loadScene!(3, never);
  deepStrictEqual(await (await scenePaste({ size: 64 })).loadScene!(3, never), first);
  deepStrictEqual(await scenes.load(3, never), first.image);
  for (const other of [{ seed: 1 }, { split: "val" }, { split: "novel" }] as const) {
    const { image } = await (await scenePaste({ size: 64, ...other })).loadScene!(3, never);
    ok(image.data.some((value, i) => value !== first.image.data[i]), JSON.stringify(other));
  }
});

Deno.test("scenePaste(): masks lie apart, are where something was pasted, and boxes are their bounds", async () => {
  const options = { size: 96, objects: [3, 6], scale: [0.15, 0.5], crowdEvery: 4 } as const;
  const scenes = await scenePaste(options);
  let crowds = 0;
  for (let index = 0; index < 12; index++) {
    const { objects, image } = await scenes.loadScene!(index, never);
    equal(image.width, 96);
    const covered = new Uint8Array(96 * 96);
    for (const { box: [x1, y1, x2, y2], segmentation, crowd, class: kind } of objects) {
      crowds += Number(crowd);
      ok(kind >= 0 && kind < scenes.labelNames!.length);
      const mask = decodeMask(segmentation as RunLengths);
      ok(maskArea(segmentation as RunLengths) >= 16);
      const [columns, rows] = [new Set<number>(), new Set<number>()];
      mask.forEach((value, at) => {
        if (!value) return;
        equal(covered[at], 0);
        covered[at] = 1;
        columns.add(at % 96);
        rows.add(Math.floor(at / 96));
      });
      deepStrictEqual([Math.min(...columns), Math.min(...rows), Math.max(...columns) + 1, Math.max(...rows) + 1], [
        x1,
        y1,
        x2,
        y2,
      ]);
    }
  }
  equal(crowds, 3);
});

Deno.test("scenePaste(): new emoji are in no scene to learn from; those of val are", async () => {
  // One object that fills the scene, not covered: its mask tells which emoji it is but for turn, place and mirror.
  const areas = async (split: "train" | "val" | "novel") => {
    const look = { objects: [1, 1], scale: [0.7, 0.7], size: 48, crowdEvery: 0 } as const;
    const scenes = await scenePaste({ ...look, split, perClass: 1, classes: ["heart"], length: 12 });
    const objects = await Promise.all(Array.from({ length: 12 }, (_, i) => scenes.loadScene!(i, never)));
    return objects.map((scene) => maskArea(scene.objects[0]!.segmentation as RunLengths));
  };
  const [train, val, novel] = [await areas("train"), await areas("val"), await areas("novel")];
  const [least, most] = [Math.min(...train), Math.max(...train)];
  ok(most < 1.1 * least, `one emoji: ${train}`);
  ok(val.every((area) => area > 0.9 * least && area < 1.1 * most), `the same one: ${val}`);
  ok(novel.some((area) => area < 0.9 * least || area > 1.1 * most), `others: ${novel}`);
  await rejects(scenePaste({ classes: ["cars"] }), /one of face-smiling, .*: current class is cars/);
  await rejects(scenePaste({ size: 0 }), /size must be a whole number above 0: current size is 0/);
});

Deno.test("sceneAnnotations(): what is there, given as found, scores 1, and crowds count for nothing", async () => {
  const set = await sceneAnnotations(await scenePaste({ size: 64, length: 20, split: "val", crowdEvery: 5 }));
  equal(set.images.length, 20);
  ok(set.objects.some(({ crowd }) => crowd));
  const found = set.objects.filter(({ crowd }) => !crowd)
    .map(({ image, category, box, segmentation }) => ({
      image,
      category,
      box,
      score: 0.9,
      mask: segmentation as RunLengths,
    }));
  for (const kind of ["box", "mask"] as const) equal(evaluateCoco(set, found, { kind }).metrics[0], 1);
});

Deno.test("turnSprite() keeps the weight of a sprite, and quarter turns are exact", () => {
  const side = 9;
  const data = new Uint8Array(side * side * 4);
  for (let y = 2; y < 7; y++) for (let x = 3; x < 6; x++) data.set([10 * y, 20 * x, 99, 200], (y * side + x) * 4);
  const sprite = { width: side, height: side, channels: 4, data } as const;
  const weight = (pixels: { readonly data: Uint8Array }) =>
    pixels.data.reduce((sum, value, i) => i % 4 === 3 ? sum + value : sum, 0);
  for (const degrees of [7, -20, 33]) ok(Math.abs(weight(turnSprite(sprite, degrees)) / weight(sprite) - 1) < 0.01);
  const quarter = turnSprite(sprite, 90);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const from = ((side - 1 - x) * side + y) * 4; // clockwise
      deepStrictEqual(quarter.data.subarray((y * side + x) * 4, (y * side + x) * 4 + 4), data.subarray(from, from + 4));
    }
  }
});
