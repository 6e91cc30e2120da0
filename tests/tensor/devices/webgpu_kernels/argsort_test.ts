import { deepStrictEqual } from "node:assert/strict";
import { argsort, referenceDevice } from "../../../../tensor/mod.ts";
import { leaf } from "../../../../tensor/kernel.ts";
import { argsortWgsl } from "../../../../tensor/devices/webgpu/kernels/argsort.ts";
import { testWebgpu } from "../../../support/device_or_skip.ts";
import { generator, gpuTest, LIMITS, randomFloats, randomInts, runKernel, type Sample, type Words } from "./harness.ts";

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

/** Numbers of which every kind comes often: few values with many ties, zeros of both signs, infinities, NaN of both signs. */
function tangled(count: number, seed: number): Float32Array<ArrayBuffer> {
  const next = generator(seed);
  const rare = [NaN, NaN, Infinity, -Infinity, 0, -0, 1e-45, -1e-45, 3.4e38, -3.4e38];
  const draw = () => next() < 0.3 ? rare[Math.floor(next() * rare.length)]! : Math.floor(next() * 2000) / 8 - 125;
  const values = Float32Array.from({ length: count }, draw);
  const bits = new Uint32Array(values.buffer);
  values.forEach((value, i) => {
    if (Number.isNaN(value) && next() < 0.5) bits[i]! |= 0x80000000;
  });
  return values;
}

/** Lines shorter than a block, of a block, a little longer, of many blocks. */
const LENGTHS = [1, 2, 3, 511, 512, 513, 1000, 1024, 1025, 4097, 100_003];

testWebgpu("argsort() orders lines of any length as the reference device does, along either axis", async (device) => {
  const reference = referenceDevice();
  for (const length of LENGTHS) {
    const lines = length > 5000 ? 2 : 5;
    const data = tangled(lines * length, length);
    const across = [[length, lines], 0] as const;
    for (const [shape, axis] of [[[lines, length], 1] as const, ...length < 1000 ? [across] : []]) {
      for (const descending of [false, true]) {
        const x = leaf({ shape, dtype: "float32" }, { host: data });
        const [actual, expected] = [
          await argsort(x, { axis, descending }).data({ device }),
          await argsort(x, { axis, descending }).data({ device: reference }),
        ];
        const wrong = expected.findIndex((place, i) => place !== actual[i]);
        deepStrictEqual(wrong, -1, `length ${length}, axis ${axis}, descending ${descending}: differs at ${wrong}`);
      }
    }
  }
  reference.close();
});
