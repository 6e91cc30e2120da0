import type { Shape } from "../../../../tensor/spec.ts";
import { assertClose, gpuTest, LIMITS, randomFloats, randomInts, runKernel, type Sample } from "./harness.ts";
import { writtenTable, writtenTableOuter } from "./written.ts";

/** Input rows, output rows, taps, input channels, output channels, groups. */
const CASES = [
  [1, 1, 1, 1, 1, 1],
  [9, 7, 9, 4, 8, 1],
  [20, 33, 9, 16, 12, 1],
  [20, 33, 5, 5, 7, 1],
  [11, 300, 9, 8, 16, 2],
  [11, 13, 4, 6, 9, 3],
  [30, 31, 9, 8, 8, 8],
  [30, 31, 49, 7, 7, 7],
  [10, 12, 3, 3, 6, 3],
  [10, 0, 3, 4, 4, 1],
  [0, 10, 3, 4, 4, 1],
  [50, 1100, 4, 20, 36, 1],
] as const;

type Visit = (x: number, w: number, y: number) => void;

/** Visits every multiplication: positions in x `[N, groups * cin]`, w `[T, cin, cout]` and y `[M, cout]`. */
function mapTerms(map: Sample, [, cin, cout]: Shape, groups: number, visit: Visit): void {
  map.data.forEach((row, at) => {
    if (row < 0) return;
    const [m, t] = [Math.floor(at / map.shape[1]!), at % map.shape[1]!];
    for (let co = 0; co < cout!; co++) {
      const first = row * cin! * groups + Math.floor(co / (cout! / groups)) * cin!;
      for (let ci = 0; ci < cin!; ci++) visit(first + ci, (t * cin! + ci) * cout! + co, m * cout! + co);
    }
  });
}

for (const [rows, outRows, taps, cin, cout, groups] of CASES) {
  const label = `[${rows}, ${cin}] to [${outRows}, ${cout}], ${taps} taps, ${groups} groups`;
  const map = randomInts([outRows, taps], -1, rows, 4);
  const [x, w] = [randomFloats([rows, cin], 1), randomFloats([taps, cin / groups, cout], 2)];
  const dy = randomFloats([outRows, cout], 3);

  gpuTest(`contractionWgsl() convolves ${label}`, async () => {
    const output = { shape: [outRows, cout], dtype: "float32" } as const;
    const inputs = [x, w, map];
    const kernel = writtenTable({ from: x.shape, w: w.shape, table: map.shape, groups }, false, LIMITS);
    const actual = await runKernel(kernel, inputs, output);
    const expected = new Float64Array(outRows * cout);
    mapTerms(map, w.shape, groups, (i, j, k) => expected[k]! += x.data[i]! * w.data[j]!);
    assertClose(actual, expected, taps * cin / groups);
  });

  gpuTest(`contractionWgsl() convolves back ${label}`, async () => {
    const back = randomInts([rows, taps], -1, outRows, 6); // row of dy that each row of the result reads
    const output = { shape: [rows, cin], dtype: "float32" } as const;
    const inputs = [dy, w, back];
    const kernel = writtenTable({ from: dy.shape, w: w.shape, table: back.shape, groups }, true, LIMITS);
    const actual = await runKernel(kernel, inputs, output);
    const expected = new Float64Array(rows * cin);
    back.data.forEach((row, at) => {
      if (row < 0) return;
      const [n, t] = [Math.floor(at / taps), at % taps];
      for (let j = 0; j < cin / groups * cout; j++) {
        const [ci, co] = [Math.floor(j / cout), j % cout];
        const channel = Math.floor(co / (cout / groups)) * (cin / groups) + ci;
        expected[n * cin + channel]! += dy.data[row * cout + co]! * w.data[t * cin / groups * cout + j]!;
      }
    });
    assertClose(actual, expected, taps * cout / groups);
  });

  gpuTest(`contractionWgsl() is the adjoint of ${label}`, async () => {
    const output = { shape: w.shape, dtype: "float32" } as const;
    const inputs = [x, dy, map];
    const kernel = writtenTableOuter({ from: x.shape, w: w.shape, table: map.shape, groups }, LIMITS);
    const actual = await runKernel(kernel, inputs, output);
    const expected = new Float64Array(w.data.length);
    mapTerms(map, w.shape, groups, (i, j, k) => expected[j]! += x.data[i]! * dy.data[k]!);
    assertClose(actual, expected, outRows);
  });
}
