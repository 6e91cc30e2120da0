import { deepStrictEqual, equal, ok, throws } from "node:assert/strict";
import { dataKey, drawBeta, drawMix, drawsOf, mixBatch } from "../../../data/mod.ts";
import { assertClose } from "../../support/assert_close.ts";

Deno.test("drawBeta() has the mean and the variance of the Beta distribution, for small parameters too", () => {
  for (const alpha of [0.01, 0.1, 0.8, 1, 3]) {
    const draw = drawsOf(dataKey(1, Math.round(100 * alpha)));
    const values = Array.from({ length: 20_000 }, () => drawBeta(alpha, draw));
    ok(values.every((x) => x >= 0 && x <= 1));
    const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
    const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length;
    assertClose([mean, variance], [0.5, 1 / (4 * (2 * alpha + 1))], { absolute: 0.015 });
  }
});

Deno.test("drawBeta(1) is uniform", () => {
  const draw = drawsOf(dataKey(2));
  const counts = new Uint32Array(10);
  for (let i = 0; i < 20_000; i++) counts[Math.min(9, Math.floor(10 * drawBeta(1, draw)))]!++;
  ok(counts.every((count) => Math.abs(count - 2000) < 5 * Math.sqrt(2000)), String(counts));
});

Deno.test("drawMix() cuts in half of the batches if both kinds are on, and counts the area that is left", () => {
  const draw = drawsOf(dataKey(3));
  const drawn = Array.from({ length: 2000 }, () => drawMix({ mixup: 0.8, cutmix: 1 }, [24, 40], draw));
  const cuts = drawn.filter(({ box }) => box);
  ok(Math.abs(cuts.length - 1000) < 5 * Math.sqrt(500));
  for (const { share, box } of cuts) {
    const [rows, columns] = [box!.rows, box!.columns];
    ok(rows[0] >= 0 && rows[1] <= 24 && columns[0] >= 0 && columns[1] <= 40 && rows[1] >= rows[0]);
    equal(share, 1 - (rows[1] - rows[0]) * (columns[1] - columns[0]) / (24 * 40));
  }
  ok(Array.from({ length: 50 }, () => drawMix({ mixup: 0, cutmix: 1 }, [24, 40], draw)).every(({ box }) => box));
  ok(Array.from({ length: 50 }, () => drawMix({ mixup: 1, cutmix: 0 }, [24, 40], draw)).every(({ box }) => !box));
});

Deno.test("mixBatch() pastes the box of the mirrored image, and smooths and mixes labels as timm does", () => {
  const size = [2, 3] as const;
  const images = Float32Array.from({ length: 3 * 18 }, (_, i) => i);
  const labels = Int32Array.of(0, 3, 1);
  const mix = { share: 2 / 3, box: { rows: [1, 2], columns: [0, 2] } } as const;
  const mixed = mixBatch({ images, labels, size }, { classes: 4, labelSmoothing: 0.1 }, mix);
  for (let i = 0; i < 3; i++) {
    const inBox = (k: number) => Math.floor(k / 9) === 1 && Math.floor(k / 3) % 3 < 2;
    const wanted = Array.from({ length: 18 }, (_, k) => inBox(k) ? (2 - i) * 18 + k : i * 18 + k);
    deepStrictEqual([...mixed.images.subarray(i * 18, (i + 1) * 18)], wanted);
  }
  const [off, on] = [0.1 / 4, 1 - 0.1 + 0.1 / 4];
  const oneHot = (label: number) => Array.from({ length: 4 }, (_, c) => c === label ? on : off);
  const wanted = [0, 1, 2].flatMap((i) =>
    oneHot(labels[i]!).map((x, c) => x * (2 / 3) + oneHot(labels[2 - i]!)[c]! * (1 / 3))
  );
  assertClose([...mixed.targets], wanted, { absolute: 1e-7 });
  deepStrictEqual([...images.subarray(0, 3)], [0, 1, 2]); // the given ones stay
});

Deno.test("mixBatch() refuses labels that are no class", () => {
  const batch = { images: new Float32Array(3), labels: Int32Array.of(-1), size: [1, 1] } as const;
  throws(
    () => mixBatch(batch, { classes: 2, labelSmoothing: 0 }, { share: 1 }),
    /^RangeError: Cannot make targets as every label must be a class from 0 to 1: current label is -1/,
  );
});
