/** @file Passes over the tiles of images: into scratch through a transform, and back through another. */
import type { WgslBuffer, WgslMemory, WgslPass } from "../../../compiler/kernel_text.ts";
import type { PatchAxis, Patches, TileGrid } from "../../../contraction/geometry.ts";
import type { Linear } from "../../../contraction/scheme.ts";
import { count } from "../contraction/row_product_parts.ts";
import { itemPass, unravel } from "../emit/shader.ts";
import { transformSquare } from "./winograd_transform.ts";

/** Position of the scratch in kernels of two inputs and one output, of whose parts every pass reads some and writes others. */
export const SCRATCH = 3;

/** Squares of pixels on one side, transformed squares in scratch on the other. */
export interface TileTransfer {
  /** The images. */
  readonly buffer: number;
  readonly patches: Patches;
  /** Those that there are, and those that this pass takes: `images` from `first` on. */
  readonly tiles: TileGrid;
  readonly first: number;
  readonly images: number;
  /** Phases `[y, x]` along the axes, each a round of its own. */
  readonly phases: readonly [number, number];
  /** Channels of a pixel: a multiple of four. */
  readonly channels: number;
  /** Numbers along a side that the transform takes, and the transform. */
  readonly side: number;
  readonly map: Linear;
  /** u32 expression of the place in scratch of number `k` of a square; `tile`, `phase` and `channel` (u32) are known. */
  at(k: number): string;
}

/** How many tiles some images have. */
export function tileCount({ y, x }: TileGrid, images: number): number {
  return images * y * x;
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

/** Statements that say which tile an invocation takes, of which four channels, and where its pixels lie. */
function place({ patches: { y, x }, tiles, first, images, phases, channels }: TileTransfer, side: number) {
  return [
    unravel("item", [
      ["phase_y", phases[0]],
      ["phase_x", phases[1]],
      ["image", images],
      ["tile_y", tiles.y],
      ["tile_x", tiles.x],
      ["part", channels / 4],
    ]),
    `let phase = phase_y * ${phases[1]}u + phase_x; let channel = part * 4u;`,
    `let tile = (image * ${tiles.y}u + tile_y) * ${tiles.x}u + tile_x;`,
    `let there = ${first}u + image < ${tiles.batch}u;`,
    `let line = (${first}u + image) * ${y.extent}u;`,
    begin("y", y),
    begin("x", x),
    ...positions("y", y, side),
    ...positions("x", x, side),
  ];
}

/** Element of four channels of pixel (i, j) of a tile. */
function pixelAt({ patches: { x, pixel } }: TileTransfer, i: number, j: number): string {
  return `(((line + y_${i}) * ${x.extent}u + x_${j}) * ${pixel}u + channel) / 4u`;
}

function transferPass(
  transfer: TileTransfer,
  name: string,
  statements: (memory: WgslMemory) => readonly string[],
): WgslPass {
  const { buffer, phases, channels, tiles, images } = transfer;
  const bindings: readonly WgslBuffer[] = [
    { name, type: "vec4f", buffer },
    { name: "scratch", type: "vec4f", buffer: SCRATCH },
  ];
  const items = phases[0] * phases[1] * tileCount(tiles, images) * channels / 4;
  return itemPass(bindings, { items, body: (memory) => statements(memory).join("\n") });
}

/**
 * Writes a pass that transforms tiles into scratch. Pixels outside the image are zero, as are tiles of images that there
 * are not.
 *
 * @param transfer From where to where.
 * @returns The pass.
 */
export function readTiles(transfer: TileTransfer): WgslPass {
  const { side, map, at } = transfer;
  return transferPass(transfer, "image_in", ({ load, store }) => [
    ...place(transfer, side),
    ...transformSquare(map, side, {
      input(i, j) {
        const pixel = load("image_in", pixelAt(transfer, i, j));
        return `select(vec4f(), ${pixel}, there && y_there_${i} && x_there_${j})`;
      },
      output: (k, value) => store("scratch", `(${at(k)}) / 4u`, value),
    }),
  ]);
}

/**
 * Writes a pass that transforms what is in scratch into tiles of the result.
 *
 * @param transfer From where to where.
 * @returns The pass.
 */
export function writeTiles(transfer: TileTransfer): WgslPass {
  const { side, map, at } = transfer;
  const across = map.outputs.length;
  return transferPass(transfer, "image_out", ({ load, store }) => [
    ...place(transfer, across),
    "if (!there) { return; }",
    ...transformSquare(map, side, {
      input: (i, j) => load("scratch", `(${at(i * side + j)}) / 4u`),
      output(k, value) {
        const [i, j] = [Math.floor(k / across), k % across];
        const pixel = store("image_out", pixelAt(transfer, i, j), value);
        return `if (y_there_${i} && x_there_${j}) { ${pixel} }`;
      },
    }),
  ]);
}
