import { matmulDefinition, matmulShape } from "../cpu_kernels/definitions.ts";
import { assertClose, gpuTest, LIMITS, randomFloats, runKernel } from "./harness.ts";
import { writtenMatmul } from "./written.ts";

/** Rows, columns, steps. */
const SIZES = [
  [1, 1, 1],
  [6, 8, 4],
  [7, 9, 5],
  [13, 17, 0],
  [0, 5, 3],
  [97, 130, 33],
  [64, 36, 32],
  [100, 20, 401],
  [1, 100, 30],
  [200, 1, 7],
] as const;

for (const transposeA of [false, true]) {
  for (const transposeB of [false, true]) {
    gpuTest(`contractionWgsl() multiplies, transposeA ${transposeA}, transposeB ${transposeB}`, async () => {
      for (const [rows, columns, steps] of SIZES) {
        for (const batch of [[], [3], [2, 2]]) {
          const params = { transposeA, transposeB };
          const a = randomFloats([...batch, ...(transposeA ? [steps, rows] : [rows, steps])], 1);
          const b = randomFloats([...batch, ...(transposeB ? [columns, steps] : [steps, columns])], 2);
          const output = { shape: matmulShape(a.shape, b.shape, params), dtype: "float32" } as const;
          const actual = await runKernel(writtenMatmul([a.shape, output.shape], params, LIMITS), [a, b], output);
          assertClose(actual, matmulDefinition(a, b, output.shape, params), steps);
        }
      }
    });
  }
}
