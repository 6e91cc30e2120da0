/** @file Matrix products, and those of their gradients. */
import { matmul, random, type Tensor } from "../tensor/mod.ts";
import { checkElements, matmulElement } from "./definitions.ts";
import { matmulFlops, type MatmulGeometry, matmulName, MATMULS } from "./geometries.ts";
import { benchKernel, runKernels } from "./kernel_benchmark.ts";

/** `a × b`, and with one operand transposed in memory as the gradients read it. */
const FORMS = [
  { suffix: "", transposeA: false, transposeB: false },
  { suffix: ", a transposed", transposeA: true, transposeB: false },
  { suffix: ", b transposed", transposeA: false, transposeB: true },
] as const;

type Form = (typeof FORMS)[number];

/** The values of a matrix, rows and columns exchanged if it lies transposed. */
function untransposed(data: ArrayLike<number>, rows: number, columns: number, transposed: boolean): Float32Array {
  if (!transposed) return Float32Array.from(data);
  return Float32Array.from({ length: rows * columns }, (_, i) => data[(i % columns) * rows + Math.floor(i / columns)]!);
}

function bench(geometry: MatmulGeometry, { suffix, transposeA, transposeB }: Form): void {
  const { rows, inner, columns } = geometry;
  const name = matmulName(geometry) + suffix;
  benchKernel({
    group: matmulName(geometry),
    name,
    flops: matmulFlops(geometry),
    inputs: () => [
      random.normal(random.key(0), transposeA ? [inner, rows] : [rows, inner]),
      random.normal(random.key(1), transposeB ? [columns, inner] : [inner, columns]),
    ],
    program: (a: Tensor, b: Tensor) => matmul(a, b, { transposeA, transposeB }),
    check: ([a, b], [result]) => {
      const left = untransposed(a!, rows, inner, transposeA);
      const right = untransposed(b!, inner, columns, transposeB);
      checkElements(name, result!, inner, (at) => matmulElement(left, right, geometry, at));
    },
  });
}

for (const geometry of MATMULS) FORMS.forEach((form) => bench(geometry, form));

await runKernels();
