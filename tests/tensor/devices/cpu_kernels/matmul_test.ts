import { matmulWat } from "../../../../tensor/devices/cpu/contraction/matmul.ts";
import { matmulDefinition, matmulShape } from "./definitions.ts";
import { assertClose, randomFloats, runKernel } from "./harness.ts";

const SIZES = [[1, 1, 1], [6, 8, 4], [7, 9, 5], [5, 3, 1], [13, 17, 0], [0, 5, 3], [97, 130, 33], [100, 20, 801], [
  1,
  100,
  30,
], [
  200,
  1,
  7,
], [31, 12, 390]];

for (const transposeA of [false, true]) {
  for (const transposeB of [false, true]) {
    Deno.test(`matmulWat() multiplies, transposeA ${transposeA}, transposeB ${transposeB}`, () => {
      for (const [rows, columns, steps] of SIZES as [number, number, number][]) {
        for (const batch of [[], [3], [2, 2]]) {
          const params = { transposeA, transposeB };
          const a = randomFloats([...batch, ...(transposeA ? [steps, rows] : [rows, steps])], 1);
          const b = randomFloats([...batch, ...(transposeB ? [columns, steps] : [steps, columns])], 2);
          const output = { shape: matmulShape(a.shape, b.shape, params), dtype: "float32" } as const;
          const actual = runKernel(matmulWat([a, b], output, params), [a, b], output);
          assertClose(actual, matmulDefinition(a, b, output.shape, params), steps, `${rows}×${columns}×${steps}`);
        }
      }
    });
  }
}

Deno.test("matmulWat() gives an empty result for an empty batch", () => {
  const [a, b] = [randomFloats([0, 3, 4]), randomFloats([0, 4, 5])];
  const output = { shape: [0, 3, 5], dtype: "float32" } as const;
  runKernel(matmulWat([a, b], output, { transposeA: false, transposeB: false }), [a, b], output);
});
