/**
 * @file Convolution by Winograd's method as products in a batch: passes of their own transform the weights, the tiles of the
 * input and the tiles of the output (Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural Networks").
 */
import type { ConvParams } from "../../compiler/conv_params.ts";
import type { WgslKernel, WgslLimits, WgslPass } from "../../compiler/kernel.ts";
import { TRANSFORM_COSTS, winogradFor } from "../../winograd/choice.ts";
import type { PatchAxis, WinogradConv } from "../../winograd/geometry.ts";
import { count } from "./row_product_parts.ts";
import { rowProduct } from "./row_product.ts";
import { type Binding, shaderPass, unravel } from "./shader.ts";
import { transformSquare } from "./winograd_transform.ts";

/** Bytes of transformed tiles at most: larger batches are cut. */
const MAX_BYTES = 32 * 2 ** 20;
/** Bytes that every device lets a pass bind at once. */
const PORTABLE_BYTES = 128 * 2 ** 20;

/** Positions of the buffers: images, weights, result, scratch. */
const [INPUT, WEIGHTS, RESULT, SCRATCH] = [0, 1, 2, 3];

/**
 * Chooses Winograd's method for a convolution or one of its gradients. Of kernels with two taps a phase it made none faster.
 *
 * @param shapes Shapes of the images, the weights and the result of the convolution.
 * @param params Its settings.
 * @param limits Whether the method is allowed.
 * @returns The convolution and its scheme, or `null` to compute it directly.
 */
export function chooseWinograd(
  shapes: Parameters<typeof winogradFor>[0],
  params: ConvParams,
  { winograd }: WgslLimits,
): ReturnType<typeof winogradFor> {
  const [, [kh]] = shapes;
  return kh === 3 && winograd ? winogradFor(shapes, params, TRANSFORM_COSTS.webgpu) : null;
}

/** Sizes, and where the parts of the scratch start, in floats. */
interface Layout {
  /** Products of a tile: n². */
  readonly squares: number;
  /** Phases of the input, which add up, and of the output, which are apart. */
  readonly inner: number;
  readonly outer: number;
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
  const [squares, [p, o]] = [scheme.size ** 2, [inner[0] * inner[1], outer[0] * outer[1]]];
  const [depth, columns] = [p! * weights.channels, weights.columns];
  const perImage = o! * squares * tiles.y * tiles.x * (depth + columns);
  const parts = Math.ceil(tiles.batch / Math.max(1, Math.floor(maxBytes / 4 / perImage)));
  const images = Math.ceil(tiles.batch / parts);
  const count = images * tiles.y * tiles.x;
  const left = o! * squares * depth * columns;
  const products = left + o! * squares * count * depth;
  const floats = products + o! * squares * count * columns;
  return { squares, inner: p!, outer: o!, depth, columns, images, tiles: count, left, products, floats };
}

/**
 * Writes a convolution.
 *
 * @param conv What to compute.
 * @param limits Limits and traits of the device.
 * @param maxBytes Bytes of transformed tiles at most, where more than one image has to be cut.
 * @returns Passes over images, weights and result, in this order, and scratch; `null` if channels are no multiples of four, or
 * the device has no binding as large.
 */
export function winogradWgsl(conv: WinogradConv, limits: WgslLimits, maxBytes: number = MAX_BYTES): WgslKernel | null {
  const { channels, columns } = conv.weights;
  if (channels % 4 !== 0 || columns % 4 !== 0) return null;
  const layout = layoutOf(conv, maxBytes);
  const scratchBytes = 4 * layout.floats;
  if (scratchBytes > (limits.maxBindingBytes ?? PORTABLE_BYTES)) return null;
  const { batch } = conv.tiles;
  const parts = count(Math.ceil(batch / layout.images)).flatMap((part) => {
    const first = part * layout.images;
    return [
      inputPass(conv, layout, first),
      productPass(layout, limits),
      outputPass(conv, layout, first),
    ];
  });
  return { passes: [weightPass(conv, layout), ...parts], scratchBytes };
}

const scratch: Binding = { name: "scratch", type: "f32", buffer: SCRATCH };

/** Transforms the weights of all phases; neighbouring invocations read neighbours. */
function weightPass({ scheme, weights, inner, outer }: WinogradConv, layout: Layout): WgslPass {
  const { channels, columns, channelStride, columnStride, tapStrides, phaseStrides, offset } = weights;
  const { squares, depth } = layout;
  const phases = [inner[0] * outer[0], inner[1] * outer[1]] as const;
  const tap = (i: number, j: number) => `w[u32(first + ${i * tapStrides[0] + j * tapStrides[1]})]`;
  const inside = columnStride === 1
    ? ([["channel", channels], ["column", columns]] as const)
    : ([["column", columns], ["channel", channels]] as const);
  const body = [
    unravel("item", [["phase_y", phases[0]], ["phase_x", phases[1]], ...inside]),
    phaseNumbers(layout, phases[1]),
    `let first = ${offset} + i32(phase_y) * ${phaseStrides[0]} + i32(phase_x) * ${phaseStrides[1]} + ` +
    `i32(channel) * ${channelStride} + i32(column) * ${columnStride};`,
    `let to = (outer * ${squares}u * ${depth}u + inner * ${channels}u + channel) * ${columns}u + column;`,
    ...transformSquare(scheme.weights, scheme.taps, tap, (k, value) => (
      `scratch[to + ${k * depth * columns}u] = ${value};`
    )),
  ].join("\n");
  const items = phases[0] * phases[1] * channels * columns;
  return shaderPass([{ name: "w", type: "f32", buffer: WEIGHTS }, scratch], { items, body });
}

/** Statements that name the phases of input and output; one of them is the only one. */
function phaseNumbers({ inner, outer }: Layout, across: number): string {
  const phase = `phase_y * ${across}u + phase_x`;
  return `let inner = ${inner === 1 ? "0u" : phase}; let outer = ${outer === 1 ? "0u" : phase};`;
}

/** Statement that names the first position of a tile along an axis. */
function begin(name: "y" | "x", { tileStep, origin, phaseStep }: PatchAxis): string {
  return `let ${name}0 = i32(tile_${name}) * ${tileStep} + i32(phase_${name}) * ${phaseStep} + ${origin};`;
}

/** Which of the positions of a tile are there: `<name>_i`, and `<name>_there_i`. */
function positions(name: "y" | "x", { step, extent }: PatchAxis, side: number): readonly string[] {
  return count(side).map((i) =>
    `let ${name}_${i} = u32(${name}0 + ${i * step}); let ${name}_there_${i} = ${name}_${i} < ${extent}u;`
  );
}

/** Digits of an item: phases, tile, then `last`. */
function tileDigits(
  { tiles, inner, outer }: WinogradConv,
  images: number,
  last: readonly [string, number],
): Parameters<typeof unravel>[1] {
  const [down, across] = [inner[0] * outer[0], inner[1] * outer[1]];
  return [["phase_y", down], ["phase_x", across], ["image", images], ["tile_y", tiles.y], ["tile_x", tiles.x], last];
}

const TILE = (tiles: WinogradConv["tiles"]) => `let tile = (image * ${tiles.y}u + tile_y) * ${tiles.x}u + tile_x;`;

/** Transforms the tiles of the images from `first` on: those beyond the last are zero. */
function inputPass(conv: WinogradConv, layout: Layout, first: number): WgslPass {
  const { scheme, tiles, input: { y, x, pixel }, weights: { channels }, inner, outer } = conv;
  const { squares, depth, images, tiles: all, left } = layout;
  const row = (i: number) => `(line + y_${i}) * ${x.extent}u`;
  const element = (i: number, j: number) =>
    `select(vec4f(), image_in[((${
      row(i)
    } + x_${j}) * ${pixel}u + channel) / 4u], there && y_there_${i} && x_there_${j})`;
  const body = [
    unravel("item", tileDigits(conv, images, ["part", channels / 4])),
    "let channel = part * 4u;",
    phaseNumbers(layout, inner[1] * outer[1]),
    TILE(tiles),
    `let there = ${first}u + image < ${tiles.batch}u;`,
    `let line = (${first}u + image) * ${y.extent}u;`,
    begin("y", y),
    begin("x", x),
    ...positions("y", y, scheme.size),
    ...positions("x", x, scheme.size),
    `let to = ${left}u + (outer * ${squares * all}u + tile) * ${depth}u + inner * ${channels}u + channel;`,
    ...transformSquare(
      scheme.input,
      scheme.size,
      element,
      (k, value) => `scratch[(to + ${k * all * depth}u) / 4u] = ${value};`,
    ),
  ].join("\n");
  const items = layout.inner * layout.outer * all * channels / 4;
  return shaderPass([{ name: "image_in", type: "vec4f", buffer: INPUT }, { ...scratch, type: "vec4f" }], {
    items,
    body,
  });
}

/** Multiplies, for each phase of the output and each of the squares, tiles with weights. All of it lies in the scratch. */
function productPass({ squares, outer, depth, columns, tiles, left, products }: Layout, limits: WgslLimits): WgslPass {
  return rowProduct({
    batches: outer * squares,
    rows: tiles,
    columns,
    depth,
    left: {
      name: "scratch",
      buffer: SCRATCH,
      aligned: true,
      guarded: false,
      row: (i) => `let from_${i} = ${left}u + (batch * ${tiles}u + row_${i}) * ${depth}u;`,
      tap: () => "",
    },
    right: {
      name: "scratch",
      buffer: SCRATCH,
      transposed: false,
      from: `batch * ${depth * columns}u`,
      stride: columns,
      aligned: true,
    },
    taps: { open: "", close: "", count: 1 },
    result: {
      name: "scratch",
      buffer: SCRATCH,
      aligned: true,
      at: (i) => `${products}u + (batch * ${tiles}u + row_${i}) * ${columns}u`,
    },
  }, limits);
}

/** Transforms the products of each tile to its part of the result. */
function outputPass(conv: WinogradConv, layout: Layout, first: number): WgslPass {
  const { scheme, tiles, output: { y, x, pixel }, weights: { columns }, inner, outer } = conv;
  const { squares, images, tiles: all, products } = layout;
  const side = scheme.outputs;
  const element = (i: number, j: number) => `scratch[(first + ${(i * scheme.size + j) * all * columns}u) / 4u]`;
  const store = (k: number, value: string) => {
    const [i, j] = [Math.floor(k / side), k % side];
    const at = `((line + y_${i}) * ${x.extent}u + x_${j}) * ${pixel}u + column`;
    return `if (y_there_${i} && x_there_${j}) { image_out[(${at}) / 4u] = ${value}; }`;
  };
  const own = { ...conv, inner: [1, 1] as const };
  const body = [
    unravel("item", tileDigits(own, images, ["part", columns / 4])),
    "let column = part * 4u;",
    `if (${first}u + image >= ${tiles.batch}u) { return; }`,
    phaseNumbers({ ...layout, inner: 1 }, outer[1]),
    TILE(tiles),
    `let line = (${first}u + image) * ${y.extent}u;`,
    begin("y", y),
    begin("x", x),
    ...positions("y", y, side),
    ...positions("x", x, side),
    `let first = ${products}u + (outer * ${squares * all}u + tile) * ${columns}u + column;`,
    ...transformSquare(scheme.output, scheme.size, element, store),
  ].join("\n");
  const items = layout.outer * all * columns / 4;
  return shaderPass([{ ...scratch, type: "vec4f" }, { name: "image_out", type: "vec4f", buffer: RESULT }], {
    items,
    body,
  });
}
