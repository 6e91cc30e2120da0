import { deepStrictEqual, throws } from "node:assert/strict";
import { maxPool2d as denseMaxPool2d, ones, tensor } from "../../../tensor/mod.ts";
import { avgPool2d, conv2d, maxPool2d } from "../../../nn/mod.ts";
import { fullPattern, gather, maxPool2d as sparseMaxPool2d, patternFromMask, toDense } from "../../../sparse/mod.ts";
import { randomValues } from "../../support/random_values.ts";
import { read } from "../support.ts";

const MAPS = tensor(Float32Array.from(randomValues(1, 2 * 4 * 8 * 3)), { shape: [2, 4, 8, 3] });
const WINDOWS = [{ kernel: 2 }, { kernel: [1, 2] }, { kernel: 3, stride: 1, padding: "SAME" as const }, {
  kernel: 3,
  stride: [2, 1],
  padding: [[1, 0], [1, 1]],
}] as const;

Deno.test("pools and convolutions read one set of options, of dense maps and of sparse ones on the full pattern alike", async () => {
  const sparse = gather(MAPS, fullPattern([2, 2, 4]));
  for (const window of WINDOWS) {
    for (const pool of [maxPool2d, avgPool2d]) {
      deepStrictEqual(
        await read(toDense(pool(sparse, window))),
        await read(pool(MAPS, window)),
        JSON.stringify(window),
      );
    }
  }
  const weight = ones([3, 3, 3, 2]);
  for (const options of [{ padding: "SAME" as const }, { padding: [[1, 1], [2, 2]], dilation: [1, 2] }] as const) {
    deepStrictEqual(
      await read(toDense(conv2d({ weight }, sparse, options))),
      await read(conv2d({ weight }, MAPS, options)),
    );
  }
});

Deno.test("maxPool2d() reads inactive neighbours as sparse.maxPool2d() does: 0 if nothing is said", async () => {
  const sparse = gather(tensor([[[[-5], [7]]]]), patternFromMask([[[1, 0]]]));
  const window = { kernel: [1, 2], stride: 1, padding: [[0, 0], [0, 1]] } as const;
  deepStrictEqual([...await read(maxPool2d(sparse, window).values) as Float32Array], [0]);
  deepStrictEqual([...await read(sparseMaxPool2d(sparse, window).values) as Float32Array], [0]);
  deepStrictEqual([...await read(maxPool2d(sparse, { ...window, inactive: "ignore" }).values) as Float32Array], [-5]);
});

Deno.test("pools refuse windows that are not whole or not one an axis", () => {
  throws(() => denseMaxPool2d(MAPS, { kernel: 1.5 }), /kernel must be whole and at least 1: current kernel is 1.5/);
  throws(() => denseMaxPool2d(MAPS, { kernel: [2] }), /one for each of 2/);
});
