/** @file Depthwise windows over images: every channel has a weight of its own. Also input gradients, phase by phase. */
import type { WgslLimits, WgslPass } from "../../compiler/kernel.ts";
import { count } from "./row_product_parts.ts";
import { type Binding, shaderPass, unravel } from "./shader.ts";
import type { WindowAxis } from "./window_rows.ts";

/** Results side by side that one invocation holds, at most: neighbours see the same pixels. */
const WIDTH = { gpu: 4, software: 14 };

/** `result[image, y, x, c] = Σ_jy Σ_jx image[…, c] · weight[jy, jx, c]`. */
export interface Depthwise {
  readonly images: number;
  readonly channels: number;
  readonly y: WindowAxis;
  readonly x: WindowAxis;
  readonly image: { readonly name: string; readonly buffer: number };
  readonly weight: { readonly buffer: number; readonly at: (jy: string, jx: number) => string };
  /** u32 expression of the element of channel zero. */
  readonly result: { readonly buffer: number; readonly at: (image: string, y: string, x: string) => string };
}

/** Widths of tiles that cut an axis evenly, as far as that goes. */
export function evenWidth(size: number, limits: WgslLimits): number {
  const most = WIDTH[limits.software ? "software" : "gpu"];
  return Math.ceil(size / Math.ceil(size / most));
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
 * Writes depthwise windows: one invocation holds a run of results along x, in two rows where their windows lie one pixel
 * apart, and walks the rows of pixels. The row that leads sees each with a row of weights that it hands on to the other.
 *
 * @param windows What they see.
 * @param limits Traits of the device.
 * @returns The pass.
 */
export function depthwise(windows: Depthwise, limits: WgslLimits): WgslPass {
  const { images, channels, y, x, image, weight, result } = windows;
  const vector = channels % 4 === 0 ? 4 : 1;
  const type = vector === 4 ? "vec4f" : "f32";
  const height = y.stride === 1 && Math.abs(y.step) === 1 && y.rows > 1 ? 2 : 1;
  const width = evenWidth(x.rows, limits);
  const [pairs, runs, parts] = [Math.ceil(y.rows / height), Math.ceil(x.rows / width), channels / vector];
  const results = count(height).flatMap((r) => count(width).map((t) => [r, t] as const));
  const inside = (r: number, t: number) => [
    ...(y.rows % height === 0 ? [] : [`y + ${r}u < ${y.rows}u`]),
    ...(x.rows % width === 0 ? [] : [`x + ${t}u < ${x.rows}u`]),
  ];
  const lines = [
    unravel("item", [["image", 0], ["pair", pairs], ["run", runs], ["part", parts]]),
    `let x = run * ${width}u; let y = pair * ${height}u;`,
    ...results.map(([r, t]) => `var sum_${r}_${t} = ${type}();`),
    ...(y.taps * x.taps === 0 ? [] : walkRows(windows, { height, width, type, parts })),
    ...results.map(([r, t]) => {
      const bounds = inside(r, t).join(" && ");
      const at = result.at("image", `(y + ${r}u)`, `(x + ${t}u)`);
      return `${bounds && `if (${bounds}) `}{ y_out[(${at}) / ${vector}u + part] = sum_${r}_${t}; }`;
    }),
  ];
  const bindings: readonly Binding[] = [
    { name: image.name, type, buffer: image.buffer },
    { name: "w", type, buffer: weight.buffer },
    { name: "y_out", type, buffer: result.buffer },
  ];
  const bound = y.taps * x.taps === 0 ? bindings.slice(-1) : bindings;
  return shaderPass(bound, { items: images * pairs * runs * parts, body: lines.join("\n") });
}

/** The loop over rows of pixels: with two rows of results there is one more, which only the second sees. */
function walkRows(
  { channels, y, x, image, weight }: Depthwise,
  { height, width, type, parts }: {
    readonly height: number;
    readonly width: number;
    readonly type: string;
    readonly parts: number;
  },
): readonly string[] {
  const lead = height === 2 && y.step < 0 ? 1 : 0;
  const load = (j: number) => `w[(${weight.at("u32(jy)", j)}) / ${channels / parts}u + part]`;
  const bounded = (j: number) => height === 1 ? load(j) : `select(${type}(), ${load(j)}, jy < ${y.taps})`;
  const added = (t: number, j: number, n: number) => [
    `sum_${lead}_${t} = fma(seen_${n}, weight_${j}, sum_${lead}_${t});`,
    ...(height === 1 ? [] : [`sum_${1 - lead}_${t} = fma(seen_${n}, last_${j}, sum_${1 - lead}_${t});`]),
  ];
  return [
    ...(height === 1 ? [] : count(x.taps).map((j) => `var last_${j} = ${type}();`)),
    `for (var jy = 0; jy < ${y.taps + height - 1}; jy++) {`,
    ...count(x.taps).map((j) => `let weight_${j} = ${bounded(j)};`),
    `let py = i32(y) * ${y.stride} + jy * ${y.step} + ${y.offset + lead};`,
    `if (u32(py) < ${y.size}u) {`,
    `let line = (image * ${y.size}u + u32(py)) * ${x.size}u;`,
    `let first = i32(x) * ${x.stride} + ${x.offset};`,
    ...sharedPixels(width, x).flatMap(([pixel, pairs], n) => [
      `let px_${n} = first + ${pixel};`,
      `let seen_${n} = select(${type}(), ${image.name}[(line + u32(px_${n})) * ${parts}u + part], u32(px_${n}) < ${x.size}u);`,
      ...pairs.flatMap(([t, j]) => added(t, j, n)),
    ]),
    "}",
    ...(height === 1 ? [] : count(x.taps).map((j) => `last_${j} = weight_${j};`)),
    "}",
  ];
}
