import { deepStrictEqual } from "node:assert/strict";
import { scatterAddWat } from "../../../../tensor/devices/cpu/kernels/scatter.ts";
import { randomFloats, randomInts, runKernel, type Sample } from "./harness.ts";

/** Adds in the order of the indices, rounding to the dtype each time. */
function definition(updates: Sample, indices: Sample, size: number): Float32Array | Int32Array {
  const row = updates.shape.slice(1).reduce((a, b) => a * b, 1);
  const result = updates.dtype === "float32" ? new Float32Array(size * row) : new Int32Array(size * row);
  indices.data.forEach((to, m) => {
    if (to < 0 || to >= size) return;
    for (let c = 0; c < row; c++) result[to * row + c]! += updates.data[m * row + c]!;
  });
  return result;
}

Deno.test("scatterAddWat() adds rows in the order of the indices", () => {
  for (
    const [count, row, size] of [[1, 1, 1], [100, 1, 7], [30, 5, 9], [200, 130, 40], [50, 64, 3], [
      40,
      33,
      1000,
    ]] as const
  ) {
    for (const updates of [randomFloats([count, row]), randomInts([count, row], -1000, 1000)]) {
      const indices = randomInts([count], -2, size + 2, 3);
      const output = { shape: [size, row], dtype: updates.dtype };
      const actual = runKernel(scatterAddWat([updates, indices], output, { size }), [updates, indices], output);
      deepStrictEqual(actual, definition(updates, indices, size));
    }
  }
});

Deno.test("scatterAddWat() gives zeros without updates and nothing for no rows", () => {
  for (const [count, row, size] of [[0, 3, 4], [3, 4, 0], [3, 0, 4]] as const) {
    const [updates, indices] = [randomFloats([count, row]), randomInts([count], 0, 3)];
    const output = { shape: [size, row], dtype: "float32" } as const;
    const actual = runKernel(scatterAddWat([updates, indices], output, { size }), [updates, indices], output);
    deepStrictEqual(actual, definition(updates, indices, size));
  }
});
