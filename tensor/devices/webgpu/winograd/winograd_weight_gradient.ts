/**
 * @file Weight gradients by Winograd's method: tiles of the input and of the output's gradient are transformed, their outer
 * products added up, and the sums transformed to the gradient.
 */
import type { WgslKernel, WgslLimits, WgslMemory, WgslPass } from "../../../compiler/kernel_text.ts";
import { GPU_WEIGHT_GRADIENT_COSTS, winogradOuter } from "../../../contraction/choice.ts";
import type { OuterContraction } from "../../../contraction/contraction.ts";
import type { WinogradWeightGradient } from "../../../contraction/geometry.ts";
import { outerSlabs, planOuter } from "../contraction/outer_product.ts";
import type { OuterProduct } from "../contraction/outer_product_parts.ts";
import { count } from "../contraction/row_product_parts.ts";
import { fitsBinding, MAX_TILE_BYTES } from "../machine.ts";
import { itemPass, unravel } from "../emit/shader.ts";
import { imagesOfPart, mayTransform } from "./winograd.ts";
import { readTiles, SCRATCH, tileCount } from "./winograd_tiles.ts";
import { transformSquare } from "./winograd_transform.ts";

/** Sizes, and where the parts of the scratch start, in floats. */
interface Layout {
  /** Numbers of a transformed square: n². */
  readonly squares: number;
  /** Images of a part, and their tiles. */
  readonly images: number;
  readonly tiles: number;
  /** Tiles of the input are at 0: `[squares, tiles, channels]`; of the gradient `[squares, tiles, columns]`. */
  readonly right: number;
  /** Sums `[parts, slabs, squares, channels, columns]`. */
  readonly sums: number;
  /** Numbers of one slab. */
  readonly elements: number;
}

function layoutOf({ scheme, tiles, channels, columns }: WinogradWeightGradient, maxBytes: number): Layout {
  const squares = scheme.size ** 2;
  const images = imagesOfPart(tiles.batch, squares * tileCount(tiles, 1) * (channels + columns), maxBytes);
  const all = tileCount(tiles, images);
  const right = squares * all * channels;
  const sums = right + squares * all * columns;
  return { squares, images, tiles: all, right, sums, elements: squares * channels * columns };
}

/**
 * Writes a weight gradient by Winograd's method, where that is faster.
 *
 * @param contraction A sum of outer products.
 * @param limits Limits and traits of the device.
 * @returns The kernel, or `null` to compute the contraction as it is.
 */
export function winogradOuterWgsl(contraction: OuterContraction, limits: WgslLimits): WgslKernel | null {
  const adjoint = mayTransform(contraction, limits) ? winogradOuter(contraction, GPU_WEIGHT_GRADIENT_COSTS) : null;
  return adjoint && winogradWeightGradientWgsl(adjoint, limits);
}

/**
 * Writes a weight gradient.
 *
 * @param adjoint What to compute, of one phase; channels and columns are multiples of four.
 * @param limits Limits and traits of the device.
 * @param maxBytes Bytes of transformed tiles at most, where more than one image has to be cut.
 * @returns Passes over images, the output's gradient and the result, in this order, and scratch; `null` if the device has no
 * binding as large.
 */
export function winogradWeightGradientWgsl(
  adjoint: WinogradWeightGradient,
  limits: WgslLimits,
  maxBytes: number = MAX_TILE_BYTES,
): WgslKernel | null {
  const layout = layoutOf(adjoint, maxBytes);
  const parts = Math.ceil(adjoint.tiles.batch / layout.images);
  const plan = planOuter(productOf(adjoint, layout, 0), limits); // parts differ only in where their sums go
  const { slabs } = plan;
  const scratchBytes = 4 * (layout.sums + parts * slabs * layout.elements);
  if (!fitsBinding(scratchBytes, limits)) return null;
  const passes = count(parts).flatMap((part) => [
    ...tilePasses(adjoint, layout, part * layout.images),
    outerSlabs(productOf(adjoint, layout, part * slabs), plan, SCRATCH, limits),
  ]);
  return { passes: [...passes, gradientPass(adjoint, layout, parts * slabs)], scratchBytes };
}

/** Transforms the tiles of the images from `first` on, of the input and of the output's gradient. */
function tilePasses(adjoint: WinogradWeightGradient, layout: Layout, first: number): readonly WgslPass[] {
  const { scheme, tiles, input, outputGradient, channels, columns } = adjoint;
  const { images, tiles: all, right } = layout;
  const common = { tiles, first, images, phases: [1, 1] } as const;
  return [
    readTiles({
      ...{ ...common, buffer: 0, patches: input, channels, side: scheme.size, map: scheme.input },
      at: (k) => `(${k * all}u + tile) * ${channels}u + channel`,
    }),
    readTiles({
      ...{ ...common, buffer: 1, patches: outputGradient, channels: columns },
      ...{ side: scheme.outputs, map: scheme.outputGradient },
      at: (k) => `${right}u + (${k * all}u + tile) * ${columns}u + channel`,
    }),
  ];
}

/** For each number of a square the outer products of the tiles; `before` slabs of other parts come first. */
function productOf(
  { channels, columns }: WinogradWeightGradient,
  { squares, tiles, right, sums, elements }: Layout,
  before: number,
): OuterProduct {
  const part = { name: "scratch", buffer: SCRATCH, aligned: true };
  return {
    batches: squares,
    taps: 1,
    rows: tiles,
    sizes: [channels, columns],
    left: part,
    right: part,
    open: "",
    row: () => `let in_row = true; let left_from = (batch * ${tiles}u + row) * ${channels}u;`,
    rightFrom: (row) => `${right}u + (batch * ${tiles}u + ${row}) * ${columns}u`,
    next: "",
    result: {
      ...{ name: "scratch", buffer: SCRATCH, stride: columns, elements },
      from: `${sums + before * elements}u + batch * ${channels * columns}u`,
    },
  };
}

/** Adds the sums of all slabs in order, and transforms them to the taps. */
function gradientPass(
  { scheme, channels, columns, result: { tapStrides } }: WinogradWeightGradient,
  { sums, elements }: Layout,
  slabs: number,
): WgslPass {
  const { size, taps } = scheme;
  const each = channels * columns;
  const tapAt = (k: number) => Math.floor(k / taps) * tapStrides[0] + k % taps * tapStrides[1];
  const body = ({ load, store }: WgslMemory) =>
    [
      unravel("item", [["place_four", each / 4]]),
      "let place = place_four * 4u;",
      ...count(size ** 2).map((k) => `var sum_${k} = vec4f();`),
      `for (var slab = 0u; slab < ${slabs}u; slab++) {`,
      `let first = ${sums}u + slab * ${elements}u + place;`,
      ...count(size ** 2).map((k) => `sum_${k} += ${load("scratch", `(first + ${k * each}u) / 4u`)};`),
      "}",
      ...transformSquare(scheme.weightsGradient, size, {
        input: (i, j) => `sum_${i * size + j}`,
        output: (k, value) => store("dw", `(${tapAt(k)}u + place) / 4u`, value),
      }),
    ].join("\n");
  const bindings = [
    { name: "scratch", type: "vec4f", buffer: SCRATCH },
    { name: "dw", type: "vec4f", buffer: 2 },
  ] as const;
  return itemPass(bindings, { items: each / 4, body });
}
