/** @file Windows of single channels through workgroup memory: a group loads a rectangle of pixels and the weights once. */
import type { WgslMemory, WgslPass } from "../../../compiler/kernel_text.ts";
import { addWindows, bindingsOf, type Depthwise, type Patch, patchOf, storePatch } from "./depthwise_parts.ts";
import { pixelsSeen, type WindowTile } from "./depthwise_tiles.ts";
import { count } from "../contraction/row_product_parts.ts";
import { groupPass, unravel } from "../emit/shader.ts";
import type { WindowAxis } from "../../../contraction/window_axis.ts";

/** Loads that an invocation has under way at a time, at most. */
const LOADS = 8;

/** What a group loads: `rows` by `columns` pixels, which the results of a tile see, of `depth` loads of channels each. */
interface Block {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  /** Results of a tile along each axis. */
  readonly tile: { readonly rows: number; readonly columns: number };
  /** Invocations side by side that load the same channels. */
  readonly loaders: number;
}

/**
 * Writes windows. Neighbouring invocations hold neighbouring channels, so that their loads and stores lie side by side;
 * each adds in the same order as an invocation that loads for itself.
 *
 * @param windows What they see.
 * @param tile The tile.
 * @returns The pass.
 */
export function sharedWindows(windows: Depthwise, tile: WindowTile): WgslPass {
  const { images, y, x } = windows;
  const { across, down, depth } = tile;
  const patch = patchOf(windows, tile);
  const { height, width, type, parts } = patch;
  const results = { rows: height * down, columns: width * across };
  const [rows, columns] = [pixelsSeen(y, results.rows), pixelsSeen(x, results.columns)];
  const block: Block = { rows, columns, depth, tile: results, loaders: across * down };
  const tiles = { y: Math.ceil(y.outputs / results.rows), x: Math.ceil(x.outputs / results.columns) };
  const slices = Math.ceil(parts / depth);
  const body = (memory: WgslMemory) =>
    [
      unravel("square", [["image", 0], ["tile_y", tiles.y], ["tile_x", tiles.x], ["slice", slices]]),
      `let lane = local % ${depth}u; let within = local / ${depth}u; let part = slice * ${depth}u + lane;`,
      `let y = tile_y * ${results.rows}u + within / ${across}u * ${height}u;`,
      `let x = tile_x * ${results.columns}u + within % ${across}u * ${width}u;`,
      `let top = i32(tile_y * ${results.rows}u) * ${y.stride} + ${y.origin + reachBack(y)};`,
      `let left = i32(tile_x * ${results.columns}u) * ${x.stride} + ${x.origin + reachBack(x)};`,
      ...loadPixels(memory, windows, patch, block),
      ...loadWeights(memory, windows, patch, block),
      "workgroupBarrier();",
      `if (y >= ${y.outputs}u || x >= ${x.outputs}u || part >= ${parts}u) { return; }`,
      ...addWindows(windows, patch, {
        weight: (j) => `group_taps[(u32(jy) * ${x.taps}u + ${j}u) * ${depth}u + lane]`,
        line:
          `let line = (u32(py - top) * ${columns}u + (x - tile_x * ${results.columns}u) * ${x.stride}u) * ${depth}u + lane;`,
        pixel: (n, distance) => `let seen_${n} = group_pixels[line + ${(distance - reachBack(x)) * depth}u];`,
      }),
      ...storePatch(memory, windows, patch, results),
    ].join("\n");
  const functions = [
    `var<workgroup> group_pixels: array<${type}, ${rows * columns * depth}>;`,
    `var<workgroup> group_taps: array<${type}, ${y.taps * x.taps * depth}>;`,
  ];
  const write = (memory: WgslMemory) => ({ functions, body: body(memory) });
  const workgroups = images * tiles.y * tiles.x * slices;
  return groupPass(bindingsOf(windows, patch), { workgroups, workgroupSize: across * down * depth, write });
}

/** How far taps lie before the first one: zero, or negative where they walk backwards. */
function reachBack({ taps, step }: WindowAxis): number {
  return Math.min(0, (taps - 1) * step);
}

/** Every invocation loads several pixels at a time before it stores them, as each takes long to come. */
function loadPixels(
  { load }: WgslMemory,
  { y, x }: Depthwise,
  { type, parts }: Patch,
  block: Block,
): readonly string[] {
  const { rows, columns, depth, loaders } = block;
  const cells = rows * columns;
  const each = Math.ceil(cells / loaders);
  const loads = count(Math.ceil(each / Math.ceil(each / LOADS)));
  return [
    `for (var cell = within; cell < ${cells}u; cell += ${loads.length * loaders}u) {`,
    ...loads.flatMap((i) => [
      `let cell_${i} = cell + ${i * loaders}u;`,
      `let py_${i} = top + i32(cell_${i} / ${columns}u); let px_${i} = left + i32(cell_${i} % ${columns}u);`,
      `let in_${i} = u32(py_${i}) < ${y.extent}u && u32(px_${i}) < ${x.extent}u;`,
      `let at_${i} = (image * ${y.extent}u + u32(py_${i})) * ${x.extent}u + u32(px_${i});`,
      `let pixel_${i} = select(${type}(), ${load("image_in", `at_${i} * ${parts}u + part`)}, in_${i});`,
    ]),
    ...loads.map((i) => `if (cell_${i} < ${cells}u) { group_pixels[cell_${i} * ${depth}u + lane] = pixel_${i}; }`),
    "}",
  ];
}

function loadWeights(
  { load }: WgslMemory,
  { y, x, weight }: Depthwise,
  { vector }: Patch,
  { depth, loaders }: Block,
): readonly string[] {
  const at = weight.at(`(tap / ${x.taps}u)`, `(tap % ${x.taps}u)`);
  return [
    `for (var tap = within; tap < ${y.taps * x.taps}u; tap += ${loaders}u) {`,
    `group_taps[tap * ${depth}u + lane] = ${load("w", `(${at}) / ${vector}u + part`)};`,
    "}",
  ];
}
