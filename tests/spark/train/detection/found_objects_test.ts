import { deepStrictEqual, equal, ok } from "node:assert/strict";
import { decodeMask, maskArea, pasteMask } from "../../../../data/mod.ts";
import { foundObjects } from "../../../../spark/train/detection/found_objects.ts";

const IMAGE = { image: 7, size: [60, 200], resized: [30, 50], categories: [11, 90], paste: "centres" } as const;
/** Cells of a mask that is set to the left. */
const HALF = Float32Array.from({ length: 28 * 28 }, (_, i) => i % 28 < 14 ? 1 : 0);
const rows = (boxes: readonly number[], masks: readonly Float32Array[] = []) => ({
  boxes: Float32Array.from(boxes),
  scores: Float32Array.from(boxes.slice(0, boxes.length / 4), (_, d) => 1 - d / 8),
  classes: Int32Array.from(boxes.slice(0, boxes.length / 4), (_, d) => d % 2),
  valid: boxes.slice(0, boxes.length / 4).map(() => 1),
  ...masks.length > 0 ? { masks: Float32Array.from(masks.flatMap((mask) => [...mask])) } : {},
});

Deno.test("foundObjects() scales each axis, cuts at the image, drops what is empty or not valid, and tells ids of categories", () => {
  const given = rows([5, 10, 25, 20, 40, 20, 60, 40, 50, 0, 55, 10, 1, 1, 2, 2]);
  given.valid[3] = 0;
  deepStrictEqual(foundObjects(given, IMAGE), [
    { image: 7, category: 11, score: 1, box: [20, 20, 80, 20] },
    { image: 7, category: 90, score: 0.875, box: [160, 40, 40, 20] },
  ]);
});

Deno.test("foundObjects() puts masks into the image by the rule of the detector", () => {
  const given = rows([5, 10, 25, 20, 30, 10, 50, 20], [HALF, new Float32Array(784)]);
  for (const paste of ["centres", "integer"] as const) {
    const [found, empty] = foundObjects(given, { ...IMAGE, paste });
    const wanted = pasteMask(HALF, [20, 20, 100, 40], { size: [60, 200], rule: paste }).map((p) => Number(p >= 0.5));
    deepStrictEqual([...decodeMask(found!.mask!)], [...wanted]);
    ok(Math.abs(maskArea(found!.mask!) - 40 * 20) <= 60, `${maskArea(found!.mask!)} of 800 pixels`);
    equal(maskArea(empty!.mask!), 0);
  }
});
