/** @file Products of sparse matrices in coordinates with dense ones, and their gradient: bound by memory. */
import { coo } from "../sparse/mod.ts";
import { random, type Tensor, tensor, vjp } from "../tensor/mod.ts";
import { checkElements } from "./definitions.ts";
import { benchKernel, runKernels } from "./kernel_benchmark.ts";
import {
  columnOf,
  coordinatesOf,
  SPARSE_PRODUCTS,
  sparseBytes,
  sparseElement,
  type SparseGeometry,
  sparseName,
} from "./sparse_product.ts";

/** The matrix of some values. The coordinates are known to the program, so that its tables are made once. */
function matrixOf(geometry: SparseGeometry): (values: Tensor) => coo.CooTensor {
  const { rows, inner, perRow } = geometry;
  const indices = tensor(coordinatesOf(geometry), { shape: [rows * perRow, 2] });
  return (values) => coo.cooTensor(indices, values, [rows, inner], { coalesced: true });
}

function bench(geometry: SparseGeometry): void {
  const { rows, inner, columns, perRow } = geometry;
  const [name, group] = [sparseName(geometry), "sparse matmul"];
  const matrix = matrixOf(geometry);
  const inputs = () => [
    random.normal(random.key(0), [rows * perRow]),
    random.normal(random.key(1), [inner, columns]),
  ];
  benchKernel({
    ...{ group, name, bytes: sparseBytes(geometry), inputs },
    program: (values: Tensor, x: Tensor) => coo.matmul(matrix(values), x),
    check: ([values, x], [result]) =>
      checkElements(name, result!, perRow, (at) => sparseElement(values!, x!, geometry, at)),
  });
  benchKernel({
    ...{ group, name: `${name}, gradient of the entries`, bytes: sparseBytes(geometry) },
    inputs: () => [...inputs(), random.normal(random.key(2), [rows, columns])],
    program: (values: Tensor, x: Tensor, cotangent: Tensor) =>
      vjp((values: Tensor) => coo.matmul(matrix(values), x), values)[1](cotangent),
    check: ([, x, cotangent], [result]) =>
      checkElements(name, result!, columns, (entry) => {
        const [row, column] = [Math.floor(entry / perRow), columnOf(geometry, entry)];
        let sum = 0;
        for (let c = 0; c < columns; c++) sum += cotangent![row * columns + c]! * x![column * columns + c]!;
        return sum;
      }),
  });
}

SPARSE_PRODUCTS.forEach(bench);

await runKernels();
