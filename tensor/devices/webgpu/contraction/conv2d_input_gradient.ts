import type { ConvInputGradientParams } from "../../../contraction/conv_params.ts";
import type { WgslKernel, WgslLimits, WgslPass } from "../../../compiler/kernel.ts";
import { sizeOf, type TensorSpec } from "../../../spec.ts";
import { adjointConv } from "../../../contraction/geometry.ts";
import { depthwise } from "../depthwise/depthwise.ts";
import { type RowProduct, rowProduct } from "./row_product.ts";
import { tapLoops, type WindowAxis, windowRows } from "./window_rows.ts";
import { chooseWinograd, winogradWgsl } from "../winograd/winograd.ts";

/** Pixels `first, first + stride, …` along one axis: all see the same taps, `tap, tap + tapStep, …`. */
interface Phase {
  readonly first: number;
  readonly stride: number;
  readonly tap: number;
  readonly tapStep: number;
  readonly axis: WindowAxis;
}

/** The phases of one axis: with stride s, pixel i sees tap k only if s divides `i + padding - k·dilation`. */
function phasesOf(
  size: number,
  outputs: number,
  taps: number,
  { stride, padding, dilation }: { readonly stride: number; readonly padding: number; readonly dilation: number },
): readonly Phase[] {
  return [...Array(Math.min(stride, size)).keys()].map((first) => {
    const seen = [...Array(taps).keys()].filter((k) => (first + padding - k * dilation) % stride === 0);
    const [tap = 0, next = tap + 1] = seen;
    const tapStep = next - tap;
    const axis: WindowAxis = {
      rows: Math.ceil((size - first) / stride),
      size: outputs,
      stride: 1,
      offset: (first + padding - tap * dilation) / stride,
      step: -tapStep * dilation / stride,
      taps: seen.length,
    };
    return { first, stride, tap, tapStep, axis: seen.length > 1 ? axis : { ...axis, step: 1 } };
  });
}

/**
 * Input gradient of a convolution, `dy [B, Ho, Wo, Cout]`. Pixels that lie at the same place between strides form a phase:
 * a convolution of stride one with some of the taps, so that nothing is multiplied by a zero between outputs. 3×3 kernels may
 * go by Winograd's method.
 */
export function conv2dInputGradientWgsl(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  params: ConvInputGradientParams,
  limits: WgslLimits,
): WgslKernel {
  if (sizeOf(output.shape) === 0) return { passes: [], scratchBytes: 0 };
  const fast = chooseWinograd([output.shape, inputs[1]!.shape, inputs[0]!.shape], params, limits);
  const transformed = fast && winogradWgsl(adjointConv(fast.conv, fast.scheme), limits);
  if (transformed) return transformed;
  const [, Ho, Wo] = inputs[0]!.shape as [number, number, number, number];
  const [kh, kw] = inputs[1]!.shape as [number, number, number, number];
  const settings = (i: 0 | 1) => ({
    stride: params.stride[i],
    padding: params.padding[i][0],
    dilation: params.dilation[i],
  });
  const rows = phasesOf(output.shape[1]!, Ho, kh, settings(0));
  const columns = phasesOf(output.shape[2]!, Wo, kw, settings(1));
  const passes = rows.flatMap((y) =>
    columns.map((x) => phasePass(inputs, output, { groups: params.groups, y, x }, limits))
  );
  return { passes, scratchBytes: 0 };
}

/** One phase, and how to name what it reads and writes. */
interface PhaseTexts {
  readonly y: Phase;
  readonly x: Phase;
  readonly groups: number;
}

/** Element of the weights of a tap, at channels zero over their count. */
function tapAt({ y, x }: PhaseTexts, kw: number, jy: string, jx: string): string {
  return `((${y.tap}u + ${jy} * ${y.tapStep}u) * ${kw}u + ${x.tap}u + ${jx} * ${x.tapStep}u)`;
}

/** Element of a pixel of the phase at channel zero. */
function pixelAt({ y, x }: PhaseTexts, { shape }: TensorSpec, image: string, py: string, px: string): string {
  const [, H, W, C] = shape as [number, number, number, number];
  return `((${image} * ${H}u + ${py} * ${y.stride}u + ${y.first}u) * ${W}u + ${px} * ${x.stride}u + ${x.first}u) * ${C}u`;
}

function phasePass(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  phase: PhaseTexts,
  limits: WgslLimits,
): WgslPass {
  const { y, x, groups } = phase;
  const [, kw, cin, cout] = inputs[1]!.shape as [number, number, number, number];
  const [B] = output.shape as [number];
  const depth = cout / groups;
  const axes = { y: y.axis, x: x.axis };
  if (cin === 1 && depth === 1 && groups > 1) return channelPhase(inputs, output, phase, limits);
  const aligned = depth % 4 === 0;
  const channel = groups === 1 ? "0u" : `batch * ${depth}u`;
  const at = (m: number) => `${pixelAt(phase, output, `image_${m}`, `y_${m}`, `x_${m}`)} + batch * ${cin}u`;
  const product: RowProduct = {
    batches: groups,
    rows: B * y.axis.rows * x.axis.rows,
    columns: cin,
    depth,
    left: windowRows({ name: "dy", buffer: 0, ...axes, channels: cout, channel, aligned }),
    right: {
      name: "w",
      buffer: 1,
      transposed: true,
      from: `${tapAt(phase, kw, "u32(jy)", "u32(jx)")} * ${cin * cout}u + ${channel}`,
      stride: cout,
      aligned,
    },
    taps: tapLoops(axes),
    result: { name: "dx", buffer: 2, aligned: cin % 4 === 0, at },
  };
  return rowProduct(product, limits);
}

function channelPhase(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  phase: PhaseTexts,
  limits: WgslLimits,
): WgslPass {
  const [images, , , channels] = output.shape as [number, number, number, number];
  return depthwise({
    images,
    channels,
    y: phase.y.axis,
    x: phase.x.axis,
    image: { name: "dy", buffer: 0 },
    weight: { buffer: 1, at: (jy, jx) => `${tapAt(phase, inputs[1]!.shape[1]!, jy, jx)} * ${channels}u` },
    result: { buffer: 2, at: (image, y, x) => pixelAt(phase, output, image, y, x) },
  }, limits);
}
