/** @file Depthwise windows over images: every channel has a weight of its own. Also input gradients, phase by phase. */
import type { WgslLimits, WgslPass } from "../../compiler/kernel.ts";
import { count } from "./row_product_parts.ts";
import { type Binding, shaderPass, unravel } from "./shader.ts";
import type { WindowAxis } from "./window_rows.ts";

/** Results side by side that one invocation holds, at most: neighbours see the same pixels. */
const WIDTH = { gpu: 8, software: 14 };

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
 * Writes depthwise windows: one invocation holds a run of results along x and walks the rows of taps.
 *
 * @param windows What they see.
 * @param limits Traits of the device.
 * @returns The pass.
 */
export function depthwise(windows: Depthwise, limits: WgslLimits): WgslPass {
  const { images, channels, y, x, image, weight, result } = windows;
  const vector = channels % 4 === 0 ? 4 : 1;
  const [type, zero] = vector === 4 ? ["vec4f", "vec4f()"] as const : ["f32", "0f"] as const;
  const width = evenWidth(x.rows, limits);
  const [runs, parts] = [Math.ceil(x.rows / width), channels / vector];
  const lines = [
    unravel("item", [["image", 0], ["y", y.rows], ["run", runs], ["part", parts]]),
    `let x = run * ${width}u;`,
    ...count(width).map((t) => `var sum_${t} = ${zero};`),
    `for (var jy = 0; jy < ${y.taps}; jy++) {`,
    `let py = i32(y) * ${y.stride} + jy * ${y.step} + ${y.offset};`,
    `if (u32(py) < ${y.size}u) {`,
    `let line = (image * ${y.size}u + u32(py)) * ${x.size}u;`,
    `let first = i32(x) * ${x.stride} + ${x.offset};`,
    ...count(x.taps).map((j) => `let weight_${j} = w[(${weight.at("u32(jy)", j)}) / ${vector}u + part];`),
    ...sharedPixels(width, x).flatMap(([pixel, pairs], n) => [
      `let px_${n} = first + ${pixel};`,
      `let seen_${n} = select(${zero}, ${image.name}[(line + u32(px_${n})) * ${parts}u + part], u32(px_${n}) < ${x.size}u);`,
      ...pairs.map(([t, j]) => `sum_${t} = fma(seen_${n}, weight_${j}, sum_${t});`),
    ]),
    "} }",
    ...count(width).map((t) => {
      const inside = x.rows % width === 0 ? "" : `if (x + ${t}u < ${x.rows}u) `;
      return `${inside}{ y_out[(${result.at("image", "y", `(x + ${t}u)`)}) / ${vector}u + part] = sum_${t}; }`;
    }),
  ];
  const bindings: readonly Binding[] = [
    { name: image.name, type, buffer: image.buffer },
    { name: "w", type, buffer: weight.buffer },
    { name: "y_out", type, buffer: result.buffer },
  ];
  const bound = y.taps * x.taps === 0 ? bindings.slice(-1) : bindings;
  return shaderPass(bound, { items: images * y.rows * runs * parts, body: lines.join("\n") });
}
