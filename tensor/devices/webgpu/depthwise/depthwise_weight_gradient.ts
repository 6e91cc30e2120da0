import type { ConvWeightGradientParams } from "../../../contraction/conv_params.ts";
import type { WgslBuffer, WgslKernel, WgslLimits, WgslMemory } from "../../../compiler/kernel.ts";
import { sizeOf, type TensorSpec } from "../../../spec.ts";
import { evenWidth, sharedPixels } from "./depthwise_parts.ts";
import { usualWidth } from "./depthwise_tiles.ts";
import { slabSum } from "../contraction/outer_product.ts";
import { count } from "../contraction/row_product_parts.ts";
import { itemPass, unravel } from "../emit/shader.ts";

/** Invocations that fill a device; slabs of rows are made until there are as many. */
const FULL = { gpu: 1 << 14, software: 1 << 11 };
/** Rows of pixels of a slab, at least. */
const MIN_ROWS = 4;

/** How the work is cut: slabs of rows of images, rows of taps one by one or in pairs. */
interface Cut {
  readonly images: number;
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
 * @param inputs Specs of x and dy.
 * @param output Spec of the gradient `[kh, kw, 1, C]`.
 * @param params Settings of the convolution.
 * @param limits Traits of the device.
 * @returns One pass, or two if there is more than one slab.
 */
export function depthwiseWeightGradient(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  params: ConvWeightGradientParams,
  limits: WgslLimits,
): WgslKernel {
  const [images, rows, columns, C] = inputs[1]!.shape as [number, number, number, number];
  const [kh] = output.shape as [number];
  const vector = C % 4 === 0 ? 4 : 1;
  const [parts, elements] = [C / vector, sizeOf(output.shape)];
  const height = params.stride[0] === 1 && params.dilation[0] === 1 && kh > 1 ? 2 : 1;
  const full = Math.ceil(FULL[limits.software ? "software" : "gpu"] / (Math.ceil(kh / height) * parts * images));
  const wanted = Math.max(1, Math.min(full, Math.ceil(rows / MIN_ROWS)));
  const length = Math.max(1, Math.ceil(rows / wanted));
  const chunks = Math.max(1, Math.ceil(rows / length));
  const type = vector === 4 ? "vec4f" : "f32";
  const slabs = Math.max(1, images * chunks);
  const cut: Cut = { images, chunks, length, height, width: evenWidth(columns || 1, usualWidth(limits)), type, parts };
  const bindings: readonly WgslBuffer[] = [
    { name: "x", type, buffer: 0 },
    { name: "dy", type, buffer: 1 },
    { name: "sums", type, buffer: slabs > 1 ? 3 : 2 },
  ];
  const body = (memory: WgslMemory) => slabBody(memory, inputs, output, params, cut);
  const main = itemPass(bindings, { items: slabs * Math.ceil(kh / height) * parts, body });
  if (slabs === 1) return { passes: [main], scratchBytes: 0 };
  const sum = slabSum({ elements, slabs, from: 3, to: 2 });
  return { passes: [main, sum], scratchBytes: 4 * slabs * elements };
}

function slabBody(
  memory: WgslMemory,
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  params: ConvWeightGradientParams,
  cut: Cut,
): string {
  const [, rows, columns] = inputs[1]!.shape as [number, number, number];
  const [kh, kw] = output.shape as [number, number];
  const { chunks, length, height, width, type, parts } = cut;
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
    ...addRow(memory, inputs, output, params, cut),
    ...(height === 1 ? [] : count(width).map((t) => `last_${t} = dy_${t};`)),
    "} }",
    ...stores,
  ].join("\n");
}

/** Loads a row of cotangents and the pixels that belong to it, and adds their products. */
function addRow(
  { load }: WgslMemory,
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  { stride, padding, dilation }: ConvWeightGradientParams,
  { height, width, type, parts }: Cut,
): readonly string[] {
  const [, H, W] = inputs[0]!.shape as [number, number, number];
  const [, rows, columns] = inputs[1]!.shape as [number, number, number];
  const cotangent = (t: number) => {
    const value = load("dy", `((image * ${rows}u + oy) * ${columns}u + ox + ${t}u) * ${parts}u + part`);
    const bounds = [
      ...(height === 1 ? [] : ["oy < end"]),
      ...(columns % width === 0 ? [] : [`ox + ${t}u < ${columns}u`]),
    ];
    return bounds.length === 0 ? value : `select(${type}(), ${value}, ${bounds.join(" && ")})`;
  };
  const axis = { stride: stride[1], step: dilation[1], taps: output.shape[1]! };
  return [
    ...count(width).map((t) => `let dy_${t} = ${cotangent(t)};`),
    // Pixels before the image are large unsigned.
    `let iy = oy * ${stride[0]}u + jy * ${dilation[0]}u - ${padding[0][0]}u;`,
    `let first = ox * ${stride[1]}u - ${padding[1][0]}u;`,
    `if (iy < ${H}u) {`,
    `let line = (image * ${H}u + iy) * ${W}u;`,
    ...sharedPixels(width, axis).flatMap(([pixel, pairs], n) => [
      `let px_${n} = first + ${pixel}u;`,
      `let seen_${n} = select(${type}(), ${load("x", `(line + px_${n}) * ${parts}u + part`)}, px_${n} < ${W}u);`,
      ...pairs.flatMap(([t, j]) => [
        `sum_0_${j} = fma(seen_${n}, dy_${t}, sum_0_${j});`,
        ...(height === 1 ? [] : [`sum_1_${j} = fma(seen_${n}, last_${t}, sum_1_${j});`]),
      ]),
    ]),
    "}",
  ];
}
