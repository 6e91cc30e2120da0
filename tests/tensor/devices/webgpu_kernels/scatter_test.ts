import { deepStrictEqual } from "node:assert/strict";
import { scatterAddWgsl } from "../../../../tensor/devices/webgpu/kernels/scatter.ts";
import { gpuTest, LIMITS, randomFloats, randomInts, runKernel, type Sample } from "./harness.ts";

/** Sums in the order of the rows, rounded as the dtype is. */
function scatterAddDefinition(updates: Sample, indices: Sample, size: number): Sample["data"] {
  const columns = updates.shape[1]!;
  const sums = updates.data.slice(0, 0).constructor as new (length: number) => Sample["data"];
  const result = new sums(size * columns);
  indices.data.forEach((index, row) => {
    if (index < 0 || index >= size) return;
    for (let c = 0; c < columns; c++) result[index * columns + c]! += updates.data[row * columns + c]!;
  });
  return result;
}

const unsigned: Sample = { shape: [3, 1], dtype: "uint32", data: Uint32Array.of(2 ** 32 - 1, 2, 7) };

/** Updates, indices, places. */
const CASES: readonly (readonly [string, Sample, Sample, number])[] = [
  ["floats", randomFloats([60, 3]), randomInts([60], -3, 15, 2), 10],
  ["many rows", randomFloats([3000, 2]), randomInts([3000], -3, 700, 2), 650],
  ["many rows into few places", randomFloats([3000, 2]), randomInts([3000], -3, 103, 2), 100],
  ["rows in parts", randomFloats([40_000, 1]), randomInts([40_000], -3, 700, 2), 650],
  ["rows of one place", randomFloats([3000, 1]), randomInts([3000], 4, 5, 2), 900],
  ["integers", randomInts([40, 4], -(2 ** 31), 2 ** 31 - 1), randomInts([40], 0, 6, 2), 6],
  ["many integers", randomInts([2000, 1], -(2 ** 31), 2 ** 31 - 1), randomInts([2000], 0, 1000, 2), 1000],
  ["unsigned integers", unsigned, randomInts([3], 0, 2, 2), 2],
  ["no rows", randomFloats([0, 3]), randomInts([0], 0, 1, 2), 4],
  ["into nothing", randomFloats([3, 3]), randomInts([3], 0, 1, 2), 0],
];

for (const [name, updates, indices, size] of CASES) {
  gpuTest(`scatterAddWgsl() adds ${name} in order`, async () => {
    const output = { shape: [size, updates.shape[1]!], dtype: updates.dtype };
    const kernel = scatterAddWgsl([updates, indices], output, { size }, LIMITS);
    deepStrictEqual(await runKernel(kernel, [updates, indices], output), scatterAddDefinition(updates, indices, size));
  });
}
