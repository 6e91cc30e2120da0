import { deepStrictEqual } from "node:assert/strict";
import { argsortWgsl } from "../../../tensor/webgpu/kernels/argsort.ts";
import { gpuTest, LIMITS, randomFloats, randomInts, runKernel, type Sample, type Words } from "./harness.ts";

/** Stable order of one line; NaN last either way. */
function sorted(line: Words, descending: boolean): number[] {
  const compare = (a: number, b: number): number => {
    if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
    return descending ? b - a || 0 : a - b || 0; // infinities differ by NaN from themselves
  };
  return [...line.keys()].sort((i, j) => compare(line[i]!, line[j]!));
}

const special = [3, -0, 0, NaN, -Infinity, Infinity, 1e-40, -1e-40, -NaN, 3, Infinity, -7, 0, -0, 3.5, NaN];
const CASES: readonly (readonly [string, Sample])[] = [
  ["special floats", { shape: [2, 8], dtype: "float32", data: Float32Array.from(special) }],
  ["a line of special floats", { shape: [16], dtype: "float32", data: Float32Array.from(special) }],
  ["floats", randomFloats([3, 5, 101])],
  ["equal integers", randomInts([4, 200], -5, 5)],
  ["large integers", randomInts([3, 50], -(2 ** 31), 2 ** 31 - 1)],
  ["bits", { shape: [2, 3], dtype: "uint32", data: Uint32Array.of(2 ** 32 - 1, 0, 2 ** 31, 5, 2 ** 31, 5) }],
  ["lines of several blocks", randomInts([2, 2500], -40, 40)],
  ["one block of whole length", randomFloats([2, 512])],
  ["lines of one", randomFloats([5, 1])],
  ["nothing", randomFloats([3, 0])],
];

for (const [name, x] of CASES) {
  for (const descending of [false, true]) {
    gpuTest(`argsortWgsl() sorts ${name}, descending ${descending}`, async () => {
      const output = { shape: x.shape, dtype: "int32" } as const;
      const actual = await runKernel(argsortWgsl([x], output, { descending }, LIMITS), [x], output);
      const length = x.shape.at(-1)!;
      for (let start = 0; start < x.data.length; start += length) {
        const expected = sorted(x.data.slice(start, start + length), descending);
        deepStrictEqual([...actual.slice(start, start + length)], expected);
      }
    });
  }
}
