import { deepStrictEqual, ok } from "node:assert/strict";
import * as t from "../../../../tensor/mod.ts";
import type { Device, Tensor } from "../../../../tensor/mod.ts";
import { erfOf } from "../../../../tensor/primitives/erf_of.ts";
import { testWebgpu } from "../../../support/device_or_skip.ts";

const COUNT = 4096;

/** Numbers spread evenly over `[low, high]`, or over their logarithms. */
function spread(low: number, high: number, logarithmic = false): Float32Array {
  return Float32Array.from({ length: COUNT }, (_, i) => {
    const part = (i + 0.5) / COUNT;
    return logarithmic ? low * (high / low) ** part : low + (high - low) * part;
  });
}

/** Checks the error of a function, relative to the result but for results below `floor`. */
async function checkError(
  device: Device,
  f: (x: Tensor) => Tensor,
  exact: (x: number) => number,
  inputs: Float32Array,
  bound: number,
  floor = 0,
): Promise<void> {
  const values = await f(t.tensor(inputs)).data({ device });
  values.forEach((value, i) => {
    const expected = exact(inputs[i]!);
    const error = Math.abs(value - expected) / Math.max(Math.abs(expected), floor, 1e-37);
    ok(error <= bound, `at ${inputs[i]}: ${value}, expected ${expected}`);
  });
}

testWebgpu("exp and log are right to a few units in the last place", async (device) => {
  await checkError(device, t.exp, Math.exp, spread(-86, 88), 3e-7);
  await checkError(device, t.log, Math.log, spread(1e-37, 1e38, true), 3e-7);
  await checkError(device, t.log, Math.log, spread(0.9, 1.1), 3e-7);
});

testWebgpu("sin and cos are right however far from zero", async (device) => {
  for (const inputs of [spread(-500, 500), spread(1000, 3.4e38, true), spread(1000, 3.4e38, true).map((x) => -x)]) {
    await checkError(device, t.sin, Math.sin, inputs, 2e-7, 1);
    await checkError(device, t.cos, Math.cos, inputs, 2e-7, 1);
  }
});

testWebgpu("tanh, sigmoid and erf keep their digits near zero and end at one", async (device) => {
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  for (const inputs of [spread(1e-30, 90, true), spread(-90, 90)]) {
    await checkError(device, t.tanh, Math.tanh, inputs, 1e-6);
    await checkError(device, t.sigmoid, sigmoid, inputs.map((x) => Math.max(x, -80)), 1e-6);
    await checkError(device, t.erf, erfOf, inputs, 1e-6);
  }
});

testWebgpu("pow of a base near one and a large exponent is right", async (device) => {
  const steps = Float32Array.from({ length: COUNT }, (_, i) => i);
  await checkError(device, (n) => t.pow(0.999, n), (n) => Math.fround(0.999) ** n, steps, 2.5e-7);
  await checkError(device, (x) => t.pow(x, -7.3), (x) => x ** Math.fround(-7.3), spread(1e-5, 1e5, true), 2.5e-7);
});

testWebgpu("Powers of integers are products modulo 2^32", async (device) => {
  const ints = (values: readonly number[], dtype: "int32" | "uint32" = "int32") => t.tensor([...values], { dtype });
  const read = async (x: Tensor) => [...await x.data({ device })];
  const [x, y] = [[3, -2, 2, -1, 1, 0, 3, 5], [2, 3, 31, -3, -3, -1, -1, 20]];
  deepStrictEqual(await read(t.pow(ints(x), ints(y))), [
    9,
    -8,
    -(2 ** 31),
    -1,
    1,
    0,
    0,
    Number(5n ** 20n % 2n ** 32n) | 0,
  ]);
  deepStrictEqual(await read(t.pow(ints([3, 2], "uint32"), ints([40, 31], "uint32"))), [
    Number(3n ** 40n % 2n ** 32n),
    2 ** 31,
  ]);
});

testWebgpu("pow has the values of powers of zero and of negative numbers", async (device) => {
  const [x, y] = [[-2, -2, -2, 0, 0, 5, -1], [3, 2, -1, 2, 0, 0, 7]];
  const values = await t.pow(t.tensor(x), t.tensor(y)).data({ device });
  deepStrictEqual([...values].map((value) => Math.round(value * 1e5) / 1e5), [-8, 4, -0.5, 0, 1, 1, -1]);
  const edges = await t.pow(t.tensor([1, NaN, -1, NaN, -8]), t.tensor([NaN, 0, Infinity, 2, 1 / 3])).data({ device });
  deepStrictEqual([...edges], [1, 1, 1, NaN, NaN]);
});

testWebgpu("mod is exact where the quotient rounds to a whole number", async (device) => {
  const x = Float32Array.from({ length: COUNT }, (_, i) => (i - 2048) * 0.1);
  const y = Float32Array.from({ length: COUNT }, (_, i) => 0.1 + 0.3 * (i % 7));
  const values = await t.fmod(t.tensor(x), t.tensor(y)).data({ device });
  values.forEach((value, i) => {
    const expected = x[i]! % y[i]!;
    ok(Math.abs(value - expected) < 2e-6 && Math.abs(value) < y[i]!, `${x[i]} % ${y[i]}: ${value}, not ${expected}`);
  });
});

testWebgpu("NaN differs from itself, is true, casts to 0, and wins in maximum, clip and max", async (device) => {
  const read = async (x: Tensor) => [...await x.data({ device })];
  const x = t.tensor([NaN, 1]);
  deepStrictEqual(await read(t.notEqual(x, x)), [1, 0]);
  deepStrictEqual(await read(t.equal(x, x)), [0, 1]);
  deepStrictEqual(await read(t.cast(x, "bool")), [1, 1]);
  deepStrictEqual(await read(t.cast(x, "int32")), [0, 1]);
  deepStrictEqual(await read(t.maximum(x, 0)), [NaN, 1]);
  deepStrictEqual(await read(t.minimum(2, x)), [NaN, 1]);
  deepStrictEqual(await read(t.max(x)), [NaN]);
  deepStrictEqual(await read(t.exp(t.tanh(x))).then(([first]) => first), NaN);
});

testWebgpu("A sum of ten million elements is right to float32", async (device) => {
  const size = 10_000_000;
  const values = Float32Array.from({ length: size }, (_, i) => 1 + (i % 1000) / 1000);
  const expected = values.reduce((sum, value) => sum + value, 0);
  for (const shape of [[size], [10, size / 10], [size / 10, 10]]) {
    const total = await t.sum(t.tensor(values, { shape })).item({ device });
    ok(Math.abs(total - expected) < 1e-6 * expected, `${shape}: ${total}, expected ${expected}`);
  }
  const columns = await t.sum(t.tensor(values, { shape: [size / 10, 10] }), { axis: 0 }).data({ device });
  ok(Math.abs(Array.from(columns).reduce((a, b) => a + b) - expected) < 1e-6 * expected);
});
