import { deepStrictEqual } from "node:assert/strict";
import { argsortWat } from "../../../../tensor/devices/cpu/kernels/argsort.ts";
import { argsortDefinition } from "./definitions.ts";
import { randomFloats, randomInts, runKernel, type Sample } from "./harness.ts";

function check(x: Sample): void {
  const length = x.shape.at(-1)!;
  for (const descending of [false, true]) {
    const output = { shape: x.shape, dtype: "int32" } as const;
    const actual = runKernel(argsortWat([x], output, { descending }), [x], output);
    const values = Array.from(x.data);
    for (let first = 0; first < values.length; first += length) {
      const expected = argsortDefinition(values.slice(first, first + length), descending);
      deepStrictEqual(Array.from(actual.slice(first, first + length)), expected);
    }
  }
}

Deno.test("argsortWat() sorts rows of any length", () => {
  for (const length of [1, 2, 3, 7, 8, 49, 100, 1025]) check(randomFloats([3, length]));
  check(randomFloats([2, 5000]));
});

Deno.test("argsortWat() keeps the order of equal elements", () => {
  check(randomInts([2, 2, 300], -5, 5));
  check({ ...randomInts([300], 0, 2), dtype: "bool" });
});

Deno.test("argsortWat() orders the extremes of each dtype, NaN last, zeros as equal", () => {
  const floats = [NaN, 0, -0, 1, -Infinity, Infinity, 1e-45, -1e-45, NaN, -NaN, 3.4e38, -0, 0];
  check({ shape: [floats.length], dtype: "float32", data: new Float32Array(floats) });
  const integers = [0, -1, 2147483647, -2147483648, 5, -1];
  check({ shape: [6], dtype: "int32", data: new Int32Array(integers) });
  check({ shape: [6], dtype: "uint32", data: new Uint32Array(integers) });
});

Deno.test("argsortWat() takes empty rows and no rows", () => {
  check(randomFloats([3, 0]));
  check(randomFloats([0, 5]));
});
