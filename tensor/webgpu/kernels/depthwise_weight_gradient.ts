import type { ConvWeightGradientParams } from "../../compiler/conv_params.ts";
import type { WgslKernel, WgslLimits } from "../../compiler/kernel.ts";
import { sizeOf, type TensorSpec } from "../../spec.ts";
import { evenWidth, sharedPixels } from "./depthwise.ts";
import { slabSum } from "./outer_product.ts";
import { count } from "./row_product_parts.ts";
import { type Binding, shaderPass, unravel } from "./shader.ts";

/** Invocations that fill a device; slabs of rows are made until there are as many. */
const FULL = { gpu: 1 << 14, software: 1 << 11 };
/** Rows of pixels of a slab, at least. */
const MIN_ROWS = 4;

/**
 * Weight gradient of a depthwise convolution, of `x [B, H, W, C]` and `dy [B, Ho, Wo, C]`: one invocation holds a row of
 * taps of four channels and walks the rows of pixels of a slab; the sums of slabs are added in order.
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
  const [B, Ho, , C] = inputs[1]!.shape as [number, number, number, number];
  const [kh] = output.shape as [number];
  const vector = C % 4 === 0 ? 4 : 1;
  const [rows, parts, elements] = [B * Ho, C / vector, sizeOf(output.shape)];
  const full = Math.ceil(FULL[limits.software ? "software" : "gpu"] / (kh * parts));
  const wanted = Math.max(1, Math.min(full, Math.ceil(rows / MIN_ROWS)));
  const length = Math.max(1, Math.ceil(rows / wanted));
  const slabs = Math.max(1, Math.ceil(rows / length));
  const target = slabs > 1 ? 3 : 2;
  const type = vector === 4 ? "vec4f" : "f32";
  const bindings: readonly Binding[] = [
    { name: "x", type, buffer: 0 },
    { name: "dy", type, buffer: 1 },
    { name: "sums", type, buffer: target },
  ];
  const body = slabBody(inputs, output, params, { length, width: evenWidth(inputs[1]!.shape[2]!, limits) });
  const main = shaderPass(bindings, { items: slabs * kh * parts, body });
  if (slabs === 1) return { passes: [main], scratchBytes: 0 };
  const sum = slabSum({ elements, slabs, from: 3, to: 2 });
  return { passes: [main, sum], scratchBytes: 4 * slabs * elements };
}

function slabBody(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  { stride, padding, dilation }: ConvWeightGradientParams,
  { length, width }: { readonly length: number; readonly width: number },
): string {
  const [, H, W, C] = inputs[0]!.shape as [number, number, number, number];
  const [B, Ho, Wo] = inputs[1]!.shape as [number, number, number];
  const [kh, kw] = output.shape as [number, number];
  const vector = C % 4 === 0 ? 4 : 1;
  const zero = vector === 4 ? "vec4f()" : "0f";
  const parts = C / vector;
  const cotangent = (t: number) => {
    const value = `dy[(row * ${Wo}u + ox + ${t}u) * ${parts}u + part]`;
    return Wo % width === 0 ? value : `select(${zero}, ${value}, ox + ${t}u < ${Wo}u)`;
  };
  const axis = { stride: stride[1], step: dilation[1], taps: kw };
  return [
    unravel("item", [["slab", 0], ["jy", kh], ["part", parts]]),
    ...count(kw).map((j) => `var sum_${j} = ${zero};`),
    `for (var row = slab * ${length}u; row < min(slab * ${length}u + ${length}u, ${B * Ho}u); row++) {`,
    `let iy = row % ${Ho}u * ${stride[0]}u + jy * ${dilation[0]}u - ${padding[0][0]}u;`, // negative is large unsigned
    `if (iy < ${H}u) {`,
    `let line = (row / ${Ho}u * ${H}u + iy) * ${W}u;`,
    `for (var ox = 0u; ox < ${Wo}u; ox += ${width}u) {`,
    `let first = ox * ${stride[1]}u - ${padding[1][0]}u;`,
    ...count(width).map((t) => `let dy_${t} = ${cotangent(t)};`),
    ...sharedPixels(width, axis).flatMap(([pixel, pairs], n) => [
      `let px_${n} = first + ${pixel}u;`,
      `let seen_${n} = select(${zero}, x[(line + px_${n}) * ${parts}u + part], px_${n} < ${W}u);`,
      ...pairs.map(([t, j]) => `sum_${j} = fma(seen_${n}, dy_${t}, sum_${j});`),
    ]),
    "} } }",
    ...count(kw).map((j) => `sums[slab * ${kh * kw * parts}u + (jy * ${kw}u + ${j}u) * ${parts}u + part] = sum_${j};`),
  ].join("\n");
}
