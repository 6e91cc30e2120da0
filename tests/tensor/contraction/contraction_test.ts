import { deepStrictEqual } from "node:assert/strict";
import type { Contraction, ConvolutionPart } from "../../../tensor/contraction/contraction.ts";
import { convolutionOf, convolutionPart } from "../../../tensor/contraction/convolution.ts";
import { matrixProduct } from "../../../tensor/contraction/matrix_product.ts";
import { tableOuterProduct, tableProduct } from "../../../tensor/contraction/table_product.ts";
import { sizeOf } from "../../../tensor/spec.ts";
import { assertClose } from "../../support/assert_close.ts";
import { evaluateContraction } from "../../support/evaluate_contraction.ts";
import { randomValues } from "../../support/random_values.ts";
import { CONV_CASES } from "../devices/cpu_kernels/conv_cases.ts";
import { convShape, convTerms, kernelMapTerms, matmulDefinition } from "../devices/cpu_kernels/definitions.ts";

const SMALL = CONV_CASES.filter(({ x, w }) => sizeOf(x) * sizeOf(w) < 200_000);

/** Keys of the factors of each part by what they hold, and what visits its products. */
const PARTS: readonly (readonly [ConvolutionPart, readonly ["x" | "dy", "w" | "dy"], "x" | "w" | "y"])[] = [
  ["output", ["x", "w"], "y"],
  ["input", ["dy", "w"], "x"],
  ["weight", ["x", "dy"], "w"],
];

for (const { x, w, ...params } of SMALL) {
  const y = convShape(x, w, params);
  const values = { x: randomValues(1, sizeOf(x)), w: randomValues(2, sizeOf(w)), dy: randomValues(3, sizeOf(y)) };
  for (const [part, [left, right], result] of PARTS) {
    Deno.test(`convolutionPart() is the ${part} of [${x}] with [${w}], ${JSON.stringify(params)}`, () => {
      const expected = new Float64Array(sizeOf({ x, w, y }[result]));
      convTerms(x, w, y, params, (i, j, k) => {
        const at = { x: i, w: j, y: k, dy: k };
        expected[at[result]]! += values[left][at[left]]! * values[right][at[right]]!;
      });
      const contraction = convolutionPart(convolutionOf(x, w, y, params), part);
      assertClose(evaluateContraction(contraction, [values[left], values[right]], expected.length), expected);
    });
  }
}

Deno.test("matrixProduct() is the product of matrices, transposed or not", () => {
  for (const transposeA of [false, true]) {
    for (const transposeB of [false, true]) {
      const [batch, m, k, n] = [2, 3, 4, 5] as const;
      const shape = [batch, m, n];
      const a = {
        shape: [batch, ...transposeA ? [k, m] : [m, k]],
        dtype: "float32",
        data: randomValues(1, 24),
      } as const;
      const b = {
        shape: [batch, ...transposeB ? [n, k] : [k, n]],
        dtype: "float32",
        data: randomValues(2, 40),
      } as const;
      const params = { transposeA, transposeB };
      const actual = evaluateContraction(matrixProduct({ batch, m, k, n }, params), [a.data, b.data], sizeOf(shape));
      const samples = [a, b].map((x) => ({ ...x, data: Float32Array.from(x.data) })) as never[];
      assertClose(actual, matmulDefinition(samples[0]!, samples[1]!, shape, params));
    }
  }
});

Deno.test("tableProduct() and tableOuterProduct() follow the table, in groups too", () => {
  for (const groups of [1, 2]) {
    const [rows, taps, sources, channels, columns] = [5, 3, 4, 2, 3];
    const sizes = { rows, taps, sources, groups, channels, columns };
    const [x, w, y] = [[sources, channels * groups], [taps, channels, columns * groups], [
      rows,
      columns * groups,
    ]] as const;
    const map = {
      shape: [rows, taps],
      dtype: "int32",
      data: Int32Array.of(0, -1, 3, 2, 2, -1, -1, -1, -1, 3, 1, 0, 1, 0, 2),
    };
    const values = [x, w, y].map((shape, i) => randomValues(i, sizeOf(shape)));
    const check = (contraction: Contraction, inputs: readonly [number, number], to: number, size: number) => {
      const expected = new Float64Array(size);
      kernelMapTerms(map as never, x, w, (...at) => {
        expected[at[to]!]! += values[inputs[0]]![at[inputs[0]]!]! * values[inputs[1]]![at[inputs[1]]!]!;
      });
      assertClose(evaluateContraction(contraction, [values[inputs[0]]!, values[inputs[1]]!, map.data], size), expected);
    };
    check(tableProduct(sizes, { transposeWeight: false }), [0, 1], 2, sizeOf(y));
    check(tableOuterProduct(sizes), [0, 2], 1, sizeOf(w));
  }
});

Deno.test("tableProduct() contracts output channels", () => {
  const sizes = { rows: 2, taps: 1, sources: 3, groups: 1, channels: 2, columns: 2 };
  const product = tableProduct(sizes, { transposeWeight: true });
  const rows = [1, 2, 3, 4, 5, 6];
  deepStrictEqual(
    evaluateContraction(product, [rows, [1, 10, 100, 1000], [2, -1]], 4),
    Float64Array.of(5 + 60, 500 + 6000, 0, 0),
  );
});

Deno.test("convolutionPart() convolves volumes and lines", () => {
  // one window over a volume of ones: as many products as taps that lie inside
  const params = { stride: [1, 1, 1], padding: [[1, 0], [1, 0], [1, 0]], dilation: [1, 1, 1], groups: 1 } as const;
  const [x, w, y] = [[1, 2, 2, 2, 1], [2, 2, 2, 1, 1], [1, 2, 2, 2, 1]];
  const ones = new Float64Array(8).fill(1);
  const volume = convolutionPart(convolutionOf(x!, w!, y!, params), "output");
  deepStrictEqual(evaluateContraction(volume, [ones, ones], 8), Float64Array.of(1, 2, 2, 4, 2, 4, 4, 8));
  const line = { stride: [2], padding: [[0, 0]], dilation: [1], groups: 1 } as const;
  const back = convolutionPart(convolutionOf([1, 5, 1], [3, 1, 1], [1, 2, 1], line), "input");
  deepStrictEqual(evaluateContraction(back, [[1, 10], [1, 2, 3]], 5), Float64Array.of(1, 2, 3 + 10, 20, 30));
});
