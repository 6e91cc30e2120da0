import { deepStrictEqual, equal } from "node:assert/strict";
import type { ConvolutionPart } from "../../../tensor/contraction/contraction.ts";
import { convolutionOf, convolutionPart } from "../../../tensor/contraction/convolution.ts";
import { matrixProduct } from "../../../tensor/contraction/matrix_product.ts";
import { cutSlabs } from "../../../tensor/contraction/slabs.ts";
import { tableOuterProduct, tableProduct } from "../../../tensor/contraction/table_product.ts";
import {
  computes,
  finishes,
  flopsOf,
  isDepthwise,
  productShapes,
  readsOf,
} from "../../../tensor/contraction/traits.ts";
import { leaves, phasesOf, type WindowAxis } from "../../../tensor/contraction/window_axis.ts";

const SIZES = { batch: 3, m: 4, k: 5, n: 6 };
const TABLE = { rows: 7, taps: 9, sources: 8, groups: 2, channels: 3, columns: 4 };
const PARTS: readonly ConvolutionPart[] = ["output", "input", "weight"];

function conv(part: ConvolutionPart, kernel: number, groups: number, stride = 1) {
  const params = { stride: [stride, stride], padding: [[0, 0], [0, 0]], dilation: [1, 1], groups } as const;
  const size = Math.floor((8 - kernel) / stride) + 1;
  const shapes = [[2, 8, 8, 4], [kernel, kernel, 4 / groups, 4], [2, size, size, 4]] as const;
  return convolutionPart(convolutionOf(...shapes, params), part);
}

Deno.test("flopsOf() counts multiplications and additions by the definition", () => {
  equal(flopsOf(matrixProduct(SIZES, { transposeA: false, transposeB: false })), 2 * 3 * 4 * 5 * 6);
  equal(flopsOf(matrixProduct(SIZES, { transposeA: true, transposeB: false })), 2 * 3 * 4 * 5 * 6);
  PARTS.forEach((part) => equal(flopsOf(conv(part, 3, 2)), 2 * (2 * 6 * 6) * 9 * 2 * 4));
  PARTS.forEach((part) => equal(flopsOf(conv(part, 3, 1, 2)), 2 * (2 * 3 * 3) * 9 * 4 * 4));
  equal(flopsOf(tableProduct(TABLE, { transposeWeight: false })), 2 * 7 * 9 * 3 * 8);
  equal(flopsOf(tableProduct(TABLE, { transposeWeight: true })), 2 * 7 * 9 * 3 * 8);
  equal(flopsOf(tableOuterProduct(TABLE)), 2 * 7 * 9 * 3 * 8);
});

Deno.test("computes() names what is read once: both matrices, and rows of one tap", () => {
  deepStrictEqual(computes(matrixProduct(SIZES, { transposeA: true, transposeB: true })), [0, 1]);
  deepStrictEqual(PARTS.map((part) => computes(conv(part, 1, 1))), [[0], [0], [0, 1]]);
  deepStrictEqual(PARTS.map((part) => computes(conv(part, 1, 1, 2))), [[0], [0], [0, 1]]);
  deepStrictEqual(PARTS.map((part) => computes(conv(part, 2, 1, 2))), [[], [], []]);
  deepStrictEqual(PARTS.map((part) => computes(conv(part, 1, 2))), [[], [], []]);
  deepStrictEqual(computes(tableProduct({ ...TABLE, groups: 1, taps: 1 }, { transposeWeight: true })), [0]);
  deepStrictEqual(computes(tableOuterProduct(TABLE)), []);
});

Deno.test("finishes() and readsOf() tell rows from outer products, and tables from the others", () => {
  deepStrictEqual(PARTS.map((part) => finishes(conv(part, 3, 1))), [true, true, false]);
  const products = [matrixProduct(SIZES, { transposeA: true, transposeB: false }), tableOuterProduct(TABLE)];
  deepStrictEqual(products.map(finishes), [true, false]);
  deepStrictEqual([conv("output", 3, 1), tableOuterProduct(TABLE)].map(readsOf), [2, 3]);
});

Deno.test("isDepthwise() is true of channels with weights of their own", () => {
  deepStrictEqual(PARTS.map((part) => isDepthwise(conv(part, 3, 4))), [true, true, true]);
  deepStrictEqual(PARTS.map((part) => isDepthwise(conv(part, 3, 2))), [false, false, false]);
  equal(isDepthwise(matrixProduct({ batch: 3, m: 4, k: 1, n: 1 }, { transposeA: false, transposeB: false })), false);
  equal(isDepthwise(tableProduct({ ...TABLE, channels: 1, columns: 1 }, { transposeWeight: true })), true);
});

Deno.test("productShapes() gives one product a phase", () => {
  deepStrictEqual(productShapes(conv("input", 3, 1, 2)).map(({ rows, depth }) => [rows, depth]), [
    [2 * 16, 4 * 4],
    [2 * 16, 4 * 2],
    [2 * 16, 4 * 2],
    [2 * 16, 4],
  ]);
  deepStrictEqual(productShapes(conv("weight", 3, 2)), [
    { form: "outer", batches: 2 * 9, rows: 2, columns: 2, depth: 2 * 36 },
  ]);
});

Deno.test("phasesOf() pairs every position with every tap that reaches it, once", () => {
  for (
    const [stride, step, taps, before, extent] of [
      [1, 1, 3, 1, 7],
      [2, 1, 3, 1, 7],
      [3, 2, 4, 2, 11],
      [4, 6, 5, 0, 9],
      [2, 2, 2, 0, 5],
      [5, 1, 2, 0, 7],
    ] as const
  ) {
    const outputs = Math.floor((extent + before - step * (taps - 1) - 1) / stride) + 1;
    const axis: WindowAxis = { outputs, taps, stride, origin: 0 - before, step, extent };
    const expected = new Set<string>();
    for (let o = 0; o < outputs; o++) {
      for (let t = 0; t < taps; t++) {
        const at = o * stride - before + t * step;
        if (at >= 0 && at < extent) expected.add(`${at} ${t} ${o}`);
      }
    }
    const found: string[] = [];
    for (const { phase, spacing, firstTap, tapStep, axis: own } of phasesOf(axis)) {
      for (let j = 0; j < own.outputs; j++) {
        for (let t = 0; t < own.taps; t++) {
          const o = j + own.origin + t * own.step;
          if (o >= 0 && o < outputs) found.push(`${phase + j * spacing} ${firstTap + t * tapStep} ${o}`);
        }
      }
    }
    deepStrictEqual(found.toSorted(), [...expected].toSorted());
  }
});

Deno.test("leaves() tells whether a window reaches outside, at either end, forwards or backwards", () => {
  const axis = { outputs: 4, taps: 3, stride: 1, origin: 0, step: 1, extent: 6 };
  deepStrictEqual(
    [axis, { ...axis, extent: 5 }, { ...axis, origin: -1 }, { ...axis, step: -1 }, { ...axis, step: -1, origin: 2 }]
      .map(leaves),
    [false, true, true, true, false],
  );
});

Deno.test("cutSlabs() gives whole slabs, as many as wanted and as their sums may take", () => {
  deepStrictEqual(cutSlabs({ rows: 100, whole: 8, wanted: 4, elements: 10, most: 1000 }), { slabs: 4, length: 32 });
  deepStrictEqual(cutSlabs({ rows: 100, whole: 8, wanted: 4, elements: 500, most: 1000 }), { slabs: 2, length: 56 });
  deepStrictEqual(cutSlabs({ rows: 100, whole: 8, wanted: 4, elements: 5000, most: 1000 }), { slabs: 1, length: 104 });
  deepStrictEqual(cutSlabs({ rows: 0, whole: 8, wanted: 4, elements: 0, most: 1000 }), { slabs: 1, length: 8 });
});
