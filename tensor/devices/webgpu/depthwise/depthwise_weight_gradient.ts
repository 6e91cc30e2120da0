import type { WgslBuffer, WgslKernel, WgslLimits, WgslMemory } from "../../../compiler/kernel_text.ts";
import type { OuterContraction } from "../../../contraction/contraction.ts";
import { cutSlabs } from "../../../contraction/slabs.ts";
import type { WindowAxis } from "../../../contraction/window_axis.ts";
import { planeOf } from "./depthwise.ts";
import { evenWidth, sharedPixels } from "./depthwise_parts.ts";
import { usualWidth } from "./depthwise_tiles.ts";
import { slabSum } from "../contraction/outer_product.ts";
import { count } from "../contraction/row_product_parts.ts";
import { fullInvocations, MAX_TURNS } from "../machine.ts";
import { itemPass, unravel } from "../emit/shader.ts";

/** Invocations that fill a processor. */
const FULL_PROCESSOR = 1 << 11;
/** Rows of pixels of a slab, at least. */
const MIN_ROWS = 4;

/** How the work is cut: slabs of rows of images, rows of taps one by one or in pairs. */
interface Cut {
  readonly y: WindowAxis;
  readonly x: WindowAxis;
  /** Slabs of an image, and rows of each. */
  readonly chunks: number;
  readonly length: number;
  /** Two if neighbouring rows of taps see neighbouring rows of pixels: both then share what is loaded. */
  readonly height: number;
  readonly width: number;
  readonly type: "vec4f" | "f32";
  readonly parts: number;
}

/**
 * Weight gradient of a depthwise convolution, of `x [B, H, W, C]` and `dy [B, Ho, Wo, C]`: one invocation holds a row or
 * two of taps of four channels and walks the rows of pixels of a slab; the sums of slabs are added in order.
 *
 * @param contraction The sum of outer products, over the same channels on both sides.
 * @param limits Traits of the device.
 * @returns One pass, or two if there is more than one slab; `null` if the windows do not slide over lines or images, or over
 * lines that are too long for one invocation.
 */
export function depthwiseWeightGradient(contraction: OuterContraction, limits: WgslLimits): WgslKernel | null {
  const { rows, batch: channels } = contraction;
  const plane = planeOf(rows);
  if (rows.kind !== "window" || !plane) return null;
  const { images } = rows;
  const { y, x } = plane;
  const vector = channels % 4 === 0 ? 4 : 1;
  const [parts, elements] = [channels / vector, y.taps * x.taps * channels];
  const height = y.stride === 1 && y.step === 1 && y.taps > 1 ? 2 : 1;
  const invocations = Math.ceil(y.taps / height) * parts * images;
  const full = Math.ceil(fullInvocations(limits, FULL_PROCESSOR) / invocations);
  const wanted = Math.min(full, Math.ceil(y.outputs / MIN_ROWS));
  const width = evenWidth(x.outputs || 1, usualWidth(limits));
  const longest = Math.floor(MAX_TURNS / Math.max(1, Math.ceil(x.outputs / width))) - height;
  if (longest < 1) return null;
  const { slabs: chunks, length } = cutSlabs({ rows: y.outputs, whole: 1, wanted, longest });
  const type = vector === 4 ? "vec4f" : "f32";
  const slabs = Math.max(1, images * chunks);
  const cut: Cut = { y, x, chunks, length, height, width, type, parts };
  const buffers: readonly WgslBuffer[] = [
    { name: "x", type, buffer: rows.input },
    { name: "dy", type, buffer: contraction.right.input },
    { name: "sums", type, buffer: slabs > 1 ? 3 : 2 },
  ];
  const body = (memory: WgslMemory) => slabBody(memory, cut);
  const main = itemPass(buffers, { items: slabs * Math.ceil(y.taps / height) * parts, body });
  if (slabs === 1) return { passes: [main], scratchBytes: 0 };
  const sum = slabSum({ elements, slabs, from: 3, to: 2 });
  return { passes: [main, sum], scratchBytes: 4 * slabs * elements };
}

function slabBody(memory: WgslMemory, cut: Cut): string {
  const { y: { taps: kh, outputs: rows }, x: { taps: kw, outputs: columns }, chunks, length, height } = cut;
  const { width, type, parts } = cut;
  const taps = count(height).flatMap((r) => count(kw).map((j) => [r, j] as const));
  const stores = taps.map(([r, j]) => {
    const inside = kh % height === 0 || r === 0 ? "" : `if (jy + ${r}u < ${kh}u) `;
    const at = `slab * ${kh * kw * parts}u + ((jy + ${r}u) * ${kw}u + ${j}u) * ${parts}u + part`;
    return `${inside}{ ${memory.store("sums", at, `sum_${r}_${j}`)} }`;
  });
  return [
    unravel("item", [["slab", 0], ["pair", Math.ceil(kh / height)], ["part", parts]]),
    `let jy = pair * ${height}u; let image = slab / ${chunks}u;`,
    `let begin = slab % ${chunks}u * ${length}u; let end = min(begin + ${length}u, ${rows}u);`,
    ...taps.map(([r, j]) => `var sum_${r}_${j} = ${type}();`),
    `for (var ox = 0u; ox < ${columns}u; ox += ${width}u) {`,
    ...(height === 1 ? [] : count(width).map((t) => `var last_${t} = ${type}();`)),
    // The second row of taps sees the pixels of the first with the cotangents of the row before.
    `for (var oy = begin; oy < end + ${height - 1}u; oy++) {`,
    ...addRow(memory, cut),
    ...(height === 1 ? [] : count(width).map((t) => `last_${t} = dy_${t};`)),
    "} }",
    ...stores,
  ].join("\n");
}

/** Loads a row of cotangents and the pixels that belong to it, and adds their products. */
function addRow({ load }: WgslMemory, { y, x, height, width, type, parts }: Cut): readonly string[] {
  const [rows, columns] = [y.outputs, x.outputs];
  const cotangent = (t: number) => {
    const value = load("dy", `((image * ${rows}u + oy) * ${columns}u + ox + ${t}u) * ${parts}u + part`);
    const bounds = [
      ...(height === 1 ? [] : ["oy < end"]),
      ...(columns % width === 0 ? [] : [`ox + ${t}u < ${columns}u`]),
    ];
    return bounds.length === 0 ? value : `select(${type}(), ${value}, ${bounds.join(" && ")})`;
  };
  return [
    ...count(width).map((t) => `let dy_${t} = ${cotangent(t)};`),
    // Pixels before the image are large unsigned.
    `let iy = oy * ${y.stride}u + jy * ${y.step}u - ${0 - y.origin}u;`,
    `let first = ox * ${x.stride}u - ${0 - x.origin}u;`,
    `if (iy < ${y.extent}u) {`,
    `let line = (image * ${y.extent}u + iy) * ${x.extent}u;`,
    ...sharedPixels(width, x).flatMap(([pixel, pairs], n) => [
      `let px_${n} = first + ${pixel}u;`,
      `let seen_${n} = select(${type}(), ${load("x", `(line + px_${n}) * ${parts}u + part`)}, px_${n} < ${x.extent}u);`,
      ...pairs.flatMap(([t, j]) => [
        `sum_0_${j} = fma(seen_${n}, dy_${t}, sum_0_${j});`,
        ...(height === 1 ? [] : [`sum_1_${j} = fma(seen_${n}, last_${t}, sum_1_${j});`]),
      ]),
    ]),
    "}",
  ];
}
