import { deepStrictEqual, equal, notDeepStrictEqual, ok, throws } from "node:assert/strict";
import { jit, random, referenceDevice, type Tensor } from "../../tensor/mod.ts";
import { countVisible, maskFromRows, patternMask, sampleMask } from "../../spark/mask.ts";

const REFERENCE = referenceDevice();
const OPTIONS = { batch: 3, grid: [7, 7], maskRatio: 0.6 } as const;

async function read(x: Tensor): Promise<number[]> {
  return Array.from(await x.data({ device: REFERENCE }));
}

Deno.test("countVisible() rounds as the official code", () => {
  const expected = { 2: 2, 3: 4, 4: 6, 5: 10, 6: 14, 7: 20, 8: 26, 10: 40, 12: 58, 16: 102 };
  for (const [side, count] of Object.entries(expected)) equal(countVisible([Number(side), Number(side)], 0.6), count);
  equal(countVisible([12, 12], 0.75), 36);
  // Halves go to the even neighbour.
  deepStrictEqual([1, 3, 5, 7].map((n) => countVisible([1, n], 0.5)), [0, 2, 2, 4]);
  deepStrictEqual([countVisible([7, 7], 0), countVisible([7, 7], 1)], [49, 0]);
  throws(() => countVisible([7, 7], 1.1), RangeError);
  throws(() => countVisible([7, 7], NaN), RangeError);
});

Deno.test("sampleMask() keeps the same number in every image, in raster order", async () => {
  for (let seed = 0; seed < 20; seed++) {
    const pattern = sampleMask(random.key(seed), OPTIONS);
    deepStrictEqual([pattern.indices.shape, pattern.gridShape], [[60, 3], [3, 7, 7]]);
    const rows = await read(pattern.indices);
    const cells = Array.from({ length: 60 }, (_, p) => rows[3 * p]! * 49 + rows[3 * p + 1]! * 7 + rows[3 * p + 2]!);
    ok(cells.every((cell, p) => p === 0 || cell > cells[p - 1]!), "sorted and unique");
    deepStrictEqual([0, 1, 2].map((b) => cells.filter((cell) => Math.floor(cell / 49) === b).length), [20, 20, 20]);
    ok(rows.every((value, i) => value >= 0 && value < (i % 3 === 0 ? 3 : 7)));
  }
});

Deno.test("sampleMask() depends on the key alone, and masks each image by itself", async () => {
  const masks = await Promise.all([0, 0, 1].map((seed) => read(patternMask(sampleMask(random.key(seed), OPTIONS)))));
  deepStrictEqual(masks[0], masks[1]);
  notDeepStrictEqual(masks[0], masks[2]);
  notDeepStrictEqual(masks[0]!.slice(0, 49), masks[0]!.slice(49, 98));
  const traced = jit((key: Tensor) => patternMask(sampleMask(key, OPTIONS)), { device: REFERENCE });
  deepStrictEqual(await read(traced(random.key(0))), masks[0]);
});

Deno.test("sampleMask() shows every patch equally often", async () => {
  const counts = new Array<number>(16).fill(0);
  const mask = await read(patternMask(sampleMask(random.key(5), { batch: 1000, grid: [4, 4], maskRatio: 0.6 })));
  mask.forEach((value, i) => counts[i % 16]! += value);
  // 6 of 16 visible: mean 375, deviation 15.3; five deviations.
  ok(counts.every((count) => Math.abs(count - 375) < 77), `counts are ${counts}`);
});

Deno.test("sampleMask() works on rectangles, with everything visible and with nothing", async () => {
  equal(sampleMask(random.key(0), { batch: 2, grid: [3, 5], maskRatio: 0.6 }).indices.shape[0], 12);
  ok(
    (await read(patternMask(sampleMask(random.key(0), { batch: 2, grid: [3, 5], maskRatio: 0 })))).every((v) =>
      v === 1
    ),
  );
  ok(
    (await read(patternMask(sampleMask(random.key(0), { batch: 2, grid: [3, 5], maskRatio: 1 })))).every((v) =>
      v === 0
    ),
  );
});

Deno.test("maskFromRows() and patternMask() undo each other", async () => {
  const rows = [[[0, 1, 1], [1, 0, 0]], [[0, 0, 0], [1, 1, 1]]];
  deepStrictEqual(await read(patternMask(maskFromRows(rows))), rows.flat(2));
});
