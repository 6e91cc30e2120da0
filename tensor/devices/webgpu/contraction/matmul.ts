import type { MatmulParams } from "../../../contraction/conv_params.ts";
import type { WgslKernel, WgslLimits, WgslMemory } from "../../../compiler/kernel.ts";
import { sizeOf, type TensorSpec } from "../../../spec.ts";
import { outerProduct } from "./outer_product.ts";
import { rowProduct } from "./row_product.ts";
import { itemPass, unravel } from "../emit/shader.ts";

/** Sizes of a batched product: `a [batches, m, k]`, `b [batches, k, n]`, as far as they are not transposed. */
interface Sizes {
  readonly batches: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** Batched matrix product. */
export function matmulWgsl(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  { transposeA, transposeB }: MatmulParams,
  limits: WgslLimits,
): WgslKernel {
  const elements = sizeOf(output.shape);
  if (elements === 0) return { passes: [], scratchBytes: 0 };
  const [m, n] = output.shape.slice(-2) as [number, number];
  const sizes = { batches: elements / (m * n), m, n, k: inputs[0]!.shape.at(transposeA ? -2 : -1)! };
  if (!transposeA) return rowsTimesMatrix(sizes, transposeB, limits);
  return transposeB ? bothTransposed(sizes) : sumOfOuterProducts(sizes, limits);
}

function rowsTimesMatrix({ batches, m, n, k }: Sizes, transposed: boolean, limits: WgslLimits): WgslKernel {
  const aligned = n % 4 === 0;
  const pass = rowProduct({
    batches,
    rows: m,
    columns: n,
    depth: k,
    left: {
      name: "a",
      buffer: 0,
      aligned: k % 4 === 0,
      guarded: false,
      row: (i) => `let from_${i} = batch * ${m * k}u + row_${i} * ${k}u;`,
      tap: () => "",
    },
    right: {
      name: "b",
      buffer: 1,
      transposed,
      from: `batch * ${k * n}u`,
      stride: transposed ? k : n,
      aligned: transposed ? k % 4 === 0 : aligned,
    },
    taps: k === 0 ? null : { open: "", close: "", count: 1 },
    result: { name: "y", buffer: 2, aligned, at: (i) => `batch * ${m * n}u + row_${i} * ${n}u` },
  }, limits);
  return { passes: [pass], scratchBytes: 0 };
}

/** `aᵀ b` adds an outer product for each row of both: few results and many rows where it is a weight gradient. */
function sumOfOuterProducts({ batches, m, n, k }: Sizes, limits: WgslLimits): WgslKernel {
  return outerProduct(
    {
      batches,
      taps: 1,
      rows: k,
      sizes: [m, n],
      left: { name: "a", buffer: 0, aligned: m % 4 === 0 },
      right: { name: "b", buffer: 1, aligned: n % 4 === 0 },
      open: "",
      row: () =>
        `let in_row = true;
let left_from = (batch * ${k}u + row) * ${m}u;`,
      rightFrom: (row) => `(batch * ${k}u + ${row}) * ${n}u`,
      next: "",
      result: { buffer: 2, from: `batch * ${m * n}u`, stride: n, elements: batches * m * n },
    },
    3,
    limits,
  );
}

/** Rare: one invocation for each element. */
function bothTransposed({ batches, m, n, k }: Sizes): WgslKernel {
  const body = ({ load, store }: WgslMemory) =>
    `${unravel("item", [["batch", 0], ["row", m], ["column", n]])}
  var sum = 0f;
  for (var t = 0u; t < ${k}u; t++) {
    sum += ${load("a", `batch * ${m * k}u + t * ${m}u + row`)} * ${load("b", `batch * ${k * n}u + column * ${k}u + t`)};
  }
  ${store("y", "item", "sum")}`;
  const bindings = ["a", "b", "y"].map((name, buffer) => ({ name, type: "f32", buffer }) as const);
  return { passes: [itemPass(bindings, { items: batches * m * n, body })], scratchBytes: 0 };
}
