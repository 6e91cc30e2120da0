import { deepStrictEqual, equal, ok } from "node:assert/strict";
import { pyramidAnchors, rpnTargets, usableAnchors } from "../../../data/mod.ts";

const OPTIONS = { strides: [8, 16, 32], step: "stride", sizes: [[16], [32], [64]] } as const;
const CANVAS = [32, 64] as const;

Deno.test("usableAnchors() tells the cells of an image filled up to the stride, in the order of the anchors", () => {
  const anchors = pyramidAnchors(CANVAS, OPTIONS);
  // Of 17 columns, filled up to 32 as two cells of 16 are the coarsest of the backbone.
  const usable = usableAnchors({ canvas: CANVAS, image: [20, 17] }, OPTIONS);
  equal(usable.length, anchors.length / 4);
  usable.forEach((own, i) => {
    const [centreX, centreY] = [0, 1].map((axis) => (anchors[4 * i + axis]! + anchors[4 * i + axis + 2]!) / 2);
    equal(own, Number(centreX! < 31.999 && centreY! < 31.999), `anchor ${i} at ${centreX}, ${centreY}`);
  });
  ok(usableAnchors({ canvas: CANVAS, image: [32, 64] }, OPTIONS).every(Boolean));
});

Deno.test("rpnTargets() neither matches nor samples anchors that are not usable", () => {
  const anchors = pyramidAnchors(CANVAS, OPTIONS);
  const usable = usableAnchors({ canvas: CANVAS, image: [32, 32] }, OPTIONS);
  const objects = [20, 10, 36, 26]; // the best anchor of its own lies at 32, beyond the image
  const targets = (more: object) => rpnTargets(anchors, objects, () => 0, { batchSize: 200, ...more });
  const [all, some] = [targets({}), targets({ usable })];
  const taken = ({ index }: typeof all) => [...index].filter((i) => i >= 0);
  ok(taken(all).some((i) => !usable[i]));
  ok(taken(some).every((i) => usable[i]));
  // What is left is what a set of these anchors alone gives, under their numbers of all.
  const numbers = [...usable.keys()].filter((i) => usable[i]);
  const alone = rpnTargets(numbers.flatMap((i) => [...anchors.subarray(4 * i, 4 * i + 4)]), objects, () => 0, {
    batchSize: 200,
  });
  deepStrictEqual([...some.index], [...alone.index].map((i) => i < 0 ? -1 : numbers[i]));
  deepStrictEqual([some.label, some.target], [alone.label, alone.target]);
});
