/** @file Contractions as the cpu writes them, against the definitions in float64: products, convolutions and products through tables. */
import { deepStrictEqual, equal } from "node:assert/strict";
import type { WatOptions } from "../../../../tensor/compiler/kernel_text.ts";
import type { Contraction, ConvolutionPart } from "../../../../tensor/contraction/contraction.ts";
import { convolutionOf, convolutionPart, type ConvParams } from "../../../../tensor/contraction/convolution.ts";
import { matrixProduct } from "../../../../tensor/contraction/matrix_product.ts";
import { tableOuterProduct, tableProduct } from "../../../../tensor/contraction/table_product.ts";
import { TILE_KINDS, type Tiles, tilesOf } from "../../../../tensor/devices/cpu/contraction/tiles.ts";
import { writeContraction } from "../../../../tensor/devices/cpu/contraction/write_contraction.ts";
import { type Shape, sizeOf } from "../../../../tensor/spec.ts";
import { evaluateContraction } from "../../../support/evaluate_contraction.ts";
import { CONV_CASES } from "./conv_cases.ts";
import { convShape, convTerms, kernelMapTerms, matmulDefinition, matmulShape } from "./definitions.ts";
import {
  assertClose,
  assertSameBits,
  randomFloats,
  randomInts,
  runKernel,
  type Sample,
  type Words,
} from "./harness.ts";

const DIRECT: WatOptions = { winograd: false, tiles: () => "4x8" };

/** Runs a contraction in some tiles; without any in those of the device, of which all kinds must give the same bits. */
function compute(contraction: Contraction, inputs: readonly Sample[], shape: Shape, tiles?: Tiles): Words {
  const run = (each: Tiles) =>
    runKernel(writeContraction(contraction, DIRECT, each), inputs, { shape, dtype: "float32" });
  if (tiles) return run(tiles);
  const [first, ...others] = TILE_KINDS.map((kind) => run(tilesOf(kind)));
  others.forEach((other) => assertSameBits(other, first!));
  return first!;
}

/** Inputs of each part, and what it computes. */
const PARTS: readonly (readonly [ConvolutionPart, readonly ["x" | "y", "w" | "y"], "x" | "w" | "y"])[] = [
  ["output", ["x", "w"], "y"],
  ["input", ["y", "w"], "x"],
  ["weight", ["x", "y"], "w"],
];

/** How many products are added up for one element of a part. */
function depthOf(part: ConvolutionPart, w: Shape, y: Shape, groups: number): number {
  if (part === "weight") return sizeOf(y.slice(0, -1));
  return sizeOf(w.slice(0, -2)) * (part === "output" ? w.at(-2)! : w.at(-1)! / groups);
}

for (const { x, w, ...params } of CONV_CASES) {
  const shapes = { x, w, y: convShape(x, w, params) };
  const samples = { x: randomFloats(x, 1), w: randomFloats(w, 2), y: randomFloats(shapes.y, 3) };
  for (const [part, [left, right], result] of PARTS) {
    Deno.test(`writeContraction() gives the ${part} of [${x}] with [${w}], ${JSON.stringify(params)}`, () => {
      const expected = new Float64Array(sizeOf(shapes[result]));
      convTerms(x, w, shapes.y, params, (i, j, k) => {
        const at = { x: i, w: j, y: k };
        expected[at[result]]! += samples[left].data[at[left]]! * samples[right].data[at[right]]!;
      });
      const contraction = convolutionPart(convolutionOf(x, w, shapes.y, params), part);
      const actual = compute(contraction, [samples[left], samples[right]], shapes[result]);
      assertClose(actual, expected, depthOf(part, w, shapes.y, params.groups));
    });
  }
}

/** Lines, volumes and one axis more. */
const AXES: readonly (readonly [x: Shape, w: Shape, y: Shape, params: Partial<ConvParams>])[] = [
  [[2, 11, 5], [3, 5, 9], [2, 6, 9], { stride: [2], padding: [[1, 1]] }],
  [[1, 40, 12], [4, 3, 8], [1, 37, 8], { groups: 4 }],
  [[2, 19, 8], [5, 1, 8], [2, 19, 8], { groups: 8, padding: [[2, 2]] }],
  [[2, 19, 7], [4, 1, 7], [2, 8, 7], { groups: 7, stride: [2], dilation: [2], padding: [[1, 2]] }],
  [[2, 5, 6, 4, 6], [3, 3, 3, 6, 10], [2, 5, 6, 4, 10], { padding: [[1, 1], [1, 1], [1, 1]] }],
  [[1, 6, 7, 5, 3], [3, 2, 2, 3, 5], [1, 3, 4, 5, 5], { stride: [2, 2, 1], padding: [[1, 1], [0, 1], [1, 0]] }],
  [[1, 5, 6, 4, 4], [3, 3, 1, 1, 4], [1, 5, 4, 4, 4], { groups: 4, padding: [[1, 1], [0, 0], [0, 0]] }],
  [[1, 3, 4, 3, 4, 2], [2, 2, 2, 2, 2, 3], [1, 2, 3, 2, 3, 3], {}],
];

for (const [x, w, y, settings] of AXES) {
  const each = <T>(value: T) => x.slice(1, -1).map(() => value);
  const params = { stride: each(1), padding: each([0, 0] as const), dilation: each(1), groups: 1, ...settings };
  const shapes = { x, w, y };
  const samples = { x: randomFloats(x, 1), w: randomFloats(w, 2), y: randomFloats(y, 3) };
  for (const [part, [left, right], result] of PARTS) {
    Deno.test(`writeContraction() gives the ${part} of [${x}] with [${w}] over ${x.length - 2} axes`, () => {
      const contraction = convolutionPart(convolutionOf(x, w, y, params), part);
      const inputs = [samples[left], samples[right]];
      const expected = evaluateContraction(contraction, inputs.map(({ data }) => data), sizeOf(shapes[result]));
      assertClose(compute(contraction, inputs, shapes[result]), expected, depthOf(part, w, y, params.groups));
    });
  }
}

Deno.test("writeContraction() adds slabs of rows", () => {
  const params = { stride: [1, 1], padding: [[1, 1], [1, 1]], dilation: [1, 1], groups: 1 } as const;
  const [x, w, y] = [[3, 30, 31, 5], [3, 3, 5, 7], [3, 30, 31, 7]];
  const inputs = [randomFloats(x, 1), randomFloats(y, 2)];
  const contraction = convolutionPart(convolutionOf(x, w, y, params), "weight");
  equal(writeContraction(contraction, DIRECT).passes.length, 2);
  const expected = evaluateContraction(contraction, inputs.map(({ data }) => data), sizeOf(w));
  assertClose(compute(contraction, inputs, w), expected, 3 * 30 * 31);
});

const SIZES: readonly (readonly [rows: number, columns: number, steps: number])[] = [
  ...[[1, 1, 1], [6, 8, 4], [7, 9, 5], [5, 3, 1], [13, 17, 0], [0, 5, 3]] as const,
  ...[[97, 130, 33], [100, 20, 801], [1, 100, 30], [200, 1, 7], [31, 12, 390]] as const,
];
/** The tiles of the device, and others. */
const SOME_TILES: readonly (Tiles | undefined)[] = [
  undefined,
  { rows: { rows: 3, vectors: 3, spread: true }, steps: { rows: 5, vectors: 4, spread: false } },
  { rows: { rows: 2, vectors: 1, spread: false }, steps: { rows: 8, vectors: 1, spread: true } },
];

for (const transposeA of [false, true]) {
  for (const transposeB of [false, true]) {
    Deno.test(`writeContraction() multiplies in any tiles, transposeA ${transposeA}, transposeB ${transposeB}`, () => {
      for (const [m, n, k] of SIZES) {
        for (const axes of [[], [3], [2, 2]]) {
          const params = { transposeA, transposeB };
          const a = randomFloats([...axes, ...(transposeA ? [k, m] : [m, k])], 1);
          const b = randomFloats([...axes, ...(transposeB ? [n, k] : [k, n])], 2);
          const shape = matmulShape(a.shape, b.shape, params);
          const product = matrixProduct({ batch: sizeOf(axes), m, k, n }, params);
          const expected = matmulDefinition(a, b, shape, params);
          for (const tiles of axes.length === 1 ? SOME_TILES : [undefined]) {
            assertClose(compute(product, [a, b], shape, tiles), expected, k, `${m}×${n}×${k}`);
          }
        }
      }
    });
  }
}

Deno.test("writeContraction() gives an empty result for an empty batch", () => {
  const product = matrixProduct({ batch: 0, m: 3, k: 4, n: 5 }, { transposeA: false, transposeB: false });
  deepStrictEqual(compute(product, [randomFloats([0, 3, 4]), randomFloats([0, 4, 5])], [0, 3, 5]).length, 0);
});

// rows of x, rows of y, taps, channels in and out, groups
const TABLES = [
  [1, 1, 1, 1, 1, 1],
  [10, 20, 9, 4, 8, 1],
  [50, 33, 9, 64, 24, 1],
  [31, 107, 49, 3, 10, 1],
  [40, 200, 1, 6, 7, 1],
  [20, 0, 9, 4, 4, 1],
  [0, 5, 3, 4, 4, 1],
  [30, 700, 4, 5, 9, 1],
  [12, 13, 9, 400, 12, 1],
  [2, 130, 9, 100, 21, 1],
  [1, 205, 9, 200, 200, 2],
  [1, 3, 9, 500, 101, 1],
  [2, 600, 9, 151, 21, 1],
  [20, 21, 9, 12, 6, 3],
  [20, 21, 9, 6, 12, 3],
  [60, 50, 49, 8, 8, 8],
  [60, 300, 9, 23, 23, 23],
  [10, 700, 49, 36, 36, 36],
  [5, 7, 1, 17, 17, 17],
] as const;

for (const [sources, rows, taps, inChannels, outChannels, groups] of TABLES) {
  const name = `[${sources}, ${inChannels}] to [${rows}, ${outChannels}], ${taps} taps, ${groups} groups`;
  const sizes = { rows, taps, sources, groups, channels: inChannels / groups, columns: outChannels / groups };
  const x = randomFloats([sources, inChannels], 1);
  const w = randomFloats([taps, inChannels / groups, outChannels], 2);
  const map = randomInts([rows, taps], -1, sources, 3);
  const dy = randomFloats([rows, outChannels], 5);

  Deno.test(`writeContraction() multiplies rows of a table, ${name}`, () => {
    const expected = new Float64Array(rows * outChannels);
    kernelMapTerms(map, x.shape, w.shape, (i, j, k) => expected[k]! += x.data[i]! * w.data[j]!);
    const actual = compute(tableProduct(sizes, { transposeWeight: false }), [x, w, map], dy.shape);
    assertClose(actual, expected, taps * inChannels / groups);
  });

  Deno.test(`writeContraction() contracts output channels of a table, ${name}`, () => {
    const back = randomInts([sources, taps], -1, rows, 4); // any map will do
    const product = tableProduct({ ...sizes, rows: sources, sources: rows }, { transposeWeight: true });
    const inputs = [dy, w, back];
    const expected = evaluateContraction(product, inputs.map(({ data }) => data), sizeOf(x.shape));
    assertClose(compute(product, inputs, x.shape), expected, taps * outChannels / groups);
  });

  Deno.test(`writeContraction() adds outer products of rows of a table, ${name}`, () => {
    const expected = new Float64Array(sizeOf(w.shape));
    kernelMapTerms(map, x.shape, w.shape, (i, j, k) => expected[j]! += x.data[i]! * dy.data[k]!);
    assertClose(compute(tableOuterProduct(sizes), [x, dy, map], w.shape), expected, rows);
  });
}
