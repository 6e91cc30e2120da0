/** @file What the variants of windows of single channels have in common: the walk over the taps, and stores, as text. */
import type { WgslBuffer, WgslMemory } from "../../../compiler/kernel_text.ts";
import { heightOf, vectorOf, type WindowTile } from "./depthwise_tiles.ts";
import { count } from "../contraction/row_product_parts.ts";
import type { WindowAxis } from "../../../contraction/window_axis.ts";

/** `result[image, y, x, c] = Σ_jy Σ_jx image[…, c] · weight[jy, jx, c]`. */
export interface Depthwise {
  readonly images: number;
  readonly channels: number;
  readonly y: WindowAxis;
  readonly x: WindowAxis;
  readonly image: { readonly buffer: number };
  /** u32 expression of the element of channel zero of a tap. */
  readonly weight: { readonly buffer: number; readonly at: (jy: string, jx: string) => string };
  /** u32 expression of the element of channel zero. */
  readonly result: { readonly buffer: number; readonly at: (image: string, y: string, x: string) => string };
}

/** Results of one invocation, for one load of channels; the first is at `y`, `x` (u32). */
export interface Patch {
  readonly height: 1 | 2;
  readonly width: number;
  readonly type: "vec4f" | "f32";
  /** Channels of a load, and loads of a pixel. */
  readonly vector: number;
  readonly parts: number;
}

/** Where an invocation finds what it multiplies, as WGSL texts. */
export interface WindowTexts {
  /** Tap j of the row of taps `jy` (i32); anything where there is no such row. */
  weight(j: number): string;
  /** Statements before the pixels of the row `py` (i32) of the image. */
  readonly line: string;
  /** Statements that name `seen_n`: the pixel so far from the first that the first result sees through tap zero. */
  pixel(n: number, distance: number): string;
}

/** Widths that cut an axis evenly, as far as that goes. */
export function evenWidth(size: number, most: number): number {
  return Math.ceil(size / Math.ceil(size / most));
}

/** What one invocation holds of a tile. */
export function patchOf(windows: Depthwise, { rows, columns }: Pick<WindowTile, "rows" | "columns">): Patch {
  const vector = vectorOf(windows);
  const type = vector === 4 ? "vec4f" : "f32";
  return { height: heightOf(windows.y, rows), width: columns, type, vector, parts: windows.channels / vector };
}

/** The buffers; without taps only the result. */
export function bindingsOf({ y, x, image, weight, result }: Depthwise, { type }: Patch): readonly WgslBuffer[] {
  const written: WgslBuffer = { name: "out", type, buffer: result.buffer };
  if (y.taps * x.taps === 0) return [written];
  return [{ name: "image_in", type, buffer: image.buffer }, { name: "w", type, buffer: weight.buffer }, written];
}

/** Pairs of result and tap by the pixel that they share, relative to the first window; in the order of the pixels. */
export function sharedPixels(
  width: number,
  { stride, step, taps }: Pick<WindowAxis, "stride" | "step" | "taps">,
): readonly (readonly [pixel: number, pairs: readonly (readonly [result: number, tap: number])[]])[] {
  const pairs = new Map<number, [number, number][]>();
  for (const t of count(width)) {
    for (const j of count(taps)) {
      const pixel = t * stride + j * step;
      pairs.set(pixel, [...pairs.get(pixel) ?? [], [t, j]]);
    }
  }
  return [...pairs].sort(([a], [b]) => a - b);
}

/**
 * Sums of a patch. The loop goes over rows of pixels: with two rows of results there is one more, which only the second
 * sees; the row that leads sees each with a row of weights that it hands on to the other.
 */
export function addWindows({ y, x }: Depthwise, { height, width, type }: Patch, texts: WindowTexts): readonly string[] {
  const lead = height === 2 && y.step < 0 ? 1 : 0;
  const bounded = (j: number) =>
    height === 1 ? texts.weight(j) : `select(${type}(), ${texts.weight(j)}, jy < ${y.taps})`;
  const added = (t: number, j: number, n: number) => [
    `sum_${lead}_${t} = fma(seen_${n}, weight_${j}, sum_${lead}_${t});`,
    ...(height === 1 ? [] : [`sum_${1 - lead}_${t} = fma(seen_${n}, last_${j}, sum_${1 - lead}_${t});`]),
  ];
  const sums = count(height).flatMap((r) => count(width).map((t) => `var sum_${r}_${t} = ${type}();`));
  if (y.taps * x.taps === 0) return sums;
  return [
    ...sums,
    ...(height === 1 ? [] : count(x.taps).map((j) => `var last_${j} = ${type}();`)),
    `for (var jy = 0; jy < ${y.taps + height - 1}; jy++) {`,
    ...count(x.taps).map((j) => `let weight_${j} = ${bounded(j)};`),
    `let py = i32(y) * ${y.stride} + jy * ${y.step} + ${y.origin + lead};`,
    `if (u32(py) < ${y.extent}u) {`,
    texts.line,
    ...sharedPixels(width, x).flatMap(([pixel, pairs], n) => [
      texts.pixel(n, pixel),
      ...pairs.flatMap(([t, j]) => added(t, j, n)),
    ]),
    "}",
    ...(height === 1 ? [] : count(x.taps).map((j) => `last_${j} = weight_${j};`)),
    "}",
  ];
}

/** Writes what lies inside the result; rows and columns come in tiles of so many. */
export function storePatch(
  { store }: WgslMemory,
  { y, x, result }: Depthwise,
  { height, width, vector }: Patch,
  tile: { readonly rows: number; readonly columns: number },
): readonly string[] {
  return count(height).flatMap((r) =>
    count(width).map((t) => {
      const bounds = [
        ...(y.outputs % tile.rows === 0 ? [] : [`y + ${r}u < ${y.outputs}u`]),
        ...(x.outputs % tile.columns === 0 ? [] : [`x + ${t}u < ${x.outputs}u`]),
      ].join(" && ");
      const at = result.at("image", `(y + ${r}u)`, `(x + ${t}u)`);
      return `${bounds && `if (${bounds}) `}{ ${store("out", `(${at}) / ${vector}u + part`, `sum_${r}_${t}`)} }`;
    })
  );
}
