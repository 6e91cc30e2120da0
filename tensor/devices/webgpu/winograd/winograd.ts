/**
 * @file Convolution by Winograd's method as products in a batch: passes of their own transform the weights, the tiles of the
 * input and the tiles of the output (Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural Networks").
 */
import type { WgslKernel, WgslLimits, WgslMemory, WgslPass } from "../../../compiler/kernel_text.ts";
import { GPU_COSTS, winogradProduct } from "../../../contraction/choice.ts";
import type { Contraction, RowsContraction } from "../../../contraction/contraction.ts";
import type { WinogradConv } from "../../../contraction/geometry.ts";
import { count } from "../contraction/row_product_parts.ts";
import { rowProduct } from "../contraction/row_product.ts";
import { fitsBinding, MAX_TILE_BYTES } from "../machine.ts";
import { itemPass, unravel } from "../emit/shader.ts";
import { readTiles, SCRATCH, tileCount, writeTiles } from "./winograd_tiles.ts";
import { transformSquare } from "./winograd_transform.ts";

/**
 * True if Winograd's method is allowed and may pay: of 3×3 kernels, of channels in fours. Of kernels with two taps a phase it
 * made none faster.
 *
 * @param contraction Any contraction.
 * @param limits Whether the method is allowed.
 * @returns True for such a convolution or a gradient of one.
 */
export function mayTransform({ convolution }: Contraction, { winograd }: WgslLimits): boolean {
  if (!winograd || !convolution) return false;
  const { axes, channels, columns } = convolution.of;
  return axes.length === 2 && axes.every(({ taps }) => taps === 3) && channels % 4 === 0 && columns % 4 === 0;
}

/**
 * Writes a convolution or its gradient with respect to the input by Winograd's method, where that is faster.
 *
 * @param contraction Products of rows.
 * @param limits Limits and traits of the device.
 * @returns The kernel, or `null` to compute the contraction as it is.
 */
export function winogradRowsWgsl(contraction: RowsContraction, limits: WgslLimits): WgslKernel | null {
  const conv = mayTransform(contraction, limits) ? winogradProduct(contraction, GPU_COSTS) : null;
  return conv && winogradWgsl(conv, limits);
}

/** How many images a pass takes, so that their tiles, of so many floats an image, lie within bounds. */
export function imagesOfPart(batch: number, floats: number, maxBytes: number): number {
  return Math.ceil(batch / Math.ceil(batch / Math.max(1, Math.floor(maxBytes / 4 / floats))));
}

/** Sizes, and where the parts of the scratch start, in floats. */
interface Layout {
  /** Numbers of a transformed square: n². */
  readonly squares: number;
  /** Phases of the output, which are apart. */
  readonly outer: number;
  /** Channels of all phases of the input, which add up. */
  readonly depth: number;
  readonly columns: number;
  /** Images of a part, and their tiles. */
  readonly images: number;
  readonly tiles: number;
  /** Transformed weights are at 0: `[outer, squares, depth, columns]`; tiles `[outer, squares, tiles, depth]`. */
  readonly left: number;
  /** Products `[outer, squares, tiles, columns]`. */
  readonly products: number;
  readonly floats: number;
}

function layoutOf({ scheme, tiles, weights, inner, outer }: WinogradConv, maxBytes: number): Layout {
  const [squares, apart] = [scheme.size ** 2, outer[0] * outer[1]];
  const [depth, columns] = [inner[0] * inner[1] * weights.channels, weights.columns];
  const images = imagesOfPart(tiles.batch, apart * squares * tileCount(tiles, 1) * (depth + columns), maxBytes);
  const all = tileCount(tiles, images);
  const left = apart * squares * depth * columns;
  const products = left + apart * squares * all * depth;
  const floats = products + apart * squares * all * columns;
  return { squares, outer: apart, depth, columns, images, tiles: all, left, products, floats };
}

/**
 * Writes a convolution.
 *
 * @param conv What to compute; channels and columns are multiples of four.
 * @param limits Limits and traits of the device.
 * @param maxBytes Bytes of transformed tiles at most, where more than one image has to be cut.
 * @returns Passes over images, weights and result, in this order, and scratch; `null` if the device has no binding as large.
 */
export function winogradWgsl(
  conv: WinogradConv,
  limits: WgslLimits,
  maxBytes: number = MAX_TILE_BYTES,
): WgslKernel | null {
  const layout = layoutOf(conv, maxBytes);
  const scratchBytes = 4 * layout.floats;
  if (!fitsBinding(scratchBytes, limits)) return null;
  const parts = count(Math.ceil(conv.tiles.batch / layout.images)).flatMap((part) => {
    const first = part * layout.images;
    return [inputPass(conv, layout, first), productPass(layout, limits), outputPass(conv, layout, first)];
  });
  return { passes: [weightPass(conv, layout), ...parts], scratchBytes };
}

/** Expressions: the number of a phase among those of the output, and its first channel in the depth; 0 where there is but one. */
function phaseTexts({ inner, weights: { channels } }: WinogradConv, { outer }: Layout) {
  return { outer: outer === 1 ? "0u" : "phase", channel: inner[0] * inner[1] === 1 ? "0u" : `phase * ${channels}u` };
}

/** Transforms the weights of all phases; neighbouring invocations read neighbours. */
function weightPass(conv: WinogradConv, layout: Layout): WgslPass {
  const { scheme, weights, inner, outer } = conv;
  const { channels, columns, channelStride, columnStride, tapStrides, phaseStrides, offset } = weights;
  const { squares, depth } = layout;
  const phases = [inner[0] * outer[0], inner[1] * outer[1]] as const;
  const texts = phaseTexts(conv, layout);
  const inside = [["channel", channels], ["column", columns]] as const;
  const body = ({ load, store }: WgslMemory) =>
    [
      unravel("item", [
        ["phase_y", phases[0]],
        ["phase_x", phases[1]],
        ...columnStride === 1 ? inside : inside.toReversed(),
      ]),
      `let phase = phase_y * ${phases[1]}u + phase_x;`,
      `let first = ${offset} + i32(phase_y) * ${phaseStrides[0]} + i32(phase_x) * ${phaseStrides[1]} + ` +
      `i32(channel) * ${channelStride} + i32(column) * ${columnStride};`,
      `let to = (${texts.outer} * ${squares * depth}u + ${texts.channel} + channel) * ${columns}u + column;`,
      ...transformSquare(scheme.weights, scheme.taps, {
        input: (i, j) => load("w", `u32(first + ${i * tapStrides[0] + j * tapStrides[1]})`),
        output: (k, value) => store("scratch", `to + ${k * depth * columns}u`, value),
      }),
    ].join("\n");
  const items = phases[0] * phases[1] * channels * columns;
  const bindings = [{ name: "w", type: "f32", buffer: 1 }, { name: "scratch", type: "f32", buffer: SCRATCH }] as const;
  return itemPass(bindings, { items, body });
}

/** Transforms the tiles of the images from `first` on. */
function inputPass(conv: WinogradConv, layout: Layout, first: number): WgslPass {
  const { scheme, tiles, input, weights: { channels }, inner, outer } = conv;
  const { squares, depth, images, tiles: all, left } = layout;
  const texts = phaseTexts(conv, layout);
  return readTiles({
    ...{ buffer: 0, patches: input, tiles, first, images, channels, side: scheme.size, map: scheme.input },
    phases: [inner[0] * outer[0], inner[1] * outer[1]],
    at: (k) =>
      `${left}u + ((${texts.outer} * ${squares}u + ${k}u) * ${all}u + tile) * ${depth}u + ${texts.channel} + channel`,
  });
}

/** Multiplies tiles with weights, for each phase of the output and each number of a square. All of it lies in the scratch. */
function productPass({ squares, outer, depth, columns, tiles, left, products }: Layout, limits: WgslLimits): WgslPass {
  const part = { name: "scratch", buffer: SCRATCH, aligned: true };
  return rowProduct({
    batches: outer * squares,
    rows: tiles,
    columns,
    depth,
    left: {
      ...part,
      guarded: false,
      row: (i) => `let from_${i} = ${left}u + (batch * ${tiles}u + row_${i}) * ${depth}u;`,
      tap: () => "",
    },
    right: { ...part, transposed: false, from: `batch * ${depth * columns}u`, stride: columns },
    taps: { open: "", close: "", count: 1 },
    result: { ...part, at: (i) => `${products}u + (batch * ${tiles}u + row_${i}) * ${columns}u` },
  }, limits);
}

/** Transforms the products of each tile to its part of the result. */
function outputPass({ scheme, tiles, output, outer }: WinogradConv, layout: Layout, first: number): WgslPass {
  const { squares, images, tiles: all, products, columns } = layout;
  return writeTiles({
    ...{ buffer: 2, patches: output, tiles, first, images, channels: columns, side: scheme.size, map: scheme.output },
    phases: outer,
    at: (k) => `${products}u + ((phase * ${squares}u + ${k}u) * ${all}u + tile) * ${columns}u + channel`,
  });
}
