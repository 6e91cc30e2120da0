import type { ConvInputGradientParams } from "../../compiler/conv_params.ts";
import type { WgslKernel, WgslLimits, WgslPass } from "../../compiler/kernel.ts";
import { sizeOf, type TensorSpec } from "../../spec.ts";
import { diagonalProduct } from "./diagonal_product.ts";
import { type RowProduct, rowProduct } from "./row_product.ts";
import { tapLoops, type WindowAxis, windowRows } from "./window_rows.ts";

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
 * a convolution of stride one with some of the taps, so that nothing is multiplied by a zero between outputs.
 */
export function conv2dInputGradientWgsl(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  params: ConvInputGradientParams,
  limits: WgslLimits,
): WgslKernel {
  if (sizeOf(output.shape) === 0) return { passes: [], scratchBytes: 0 };
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

function phasePass(
  inputs: readonly TensorSpec[],
  { shape }: TensorSpec,
  { groups, y, x }: { readonly groups: number; readonly y: Phase; readonly x: Phase },
  limits: WgslLimits,
): WgslPass {
  const [, kw, cin, cout] = inputs[1]!.shape as [number, number, number, number];
  const [B, H, W, C] = shape as [number, number, number, number];
  const depth = cout / groups;
  const diagonal = cin === 1 && depth === 1 && groups > 1;
  const aligned = depth % 4 === 0;
  const axes = { y: y.axis, x: x.axis };
  const channel = groups === 1 || diagonal ? "0u" : `batch * ${depth}u`;
  const tap = `((${y.tap}u + u32(jy) * ${y.tapStep}u) * ${kw}u + ${x.tap}u + u32(jx) * ${x.tapStep}u)`;
  const at = (m: number) => {
    const pixel = [`y_${m} * ${y.stride}u + ${y.first}u`, `x_${m} * ${x.stride}u + ${x.first}u`];
    return `((image_${m} * ${H}u + ${pixel[0]}) * ${W}u + ${pixel[1]}) * ${C}u + batch * ${cin}u`;
  };
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
      from: `${tap} * ${cin * cout}u + ${channel}`,
      stride: cout,
      aligned,
    },
    taps: tapLoops(axes),
    result: { name: "dx", buffer: 2, aligned: cin % 4 === 0, at },
  };
  return diagonal ? diagonalProduct(product) : rowProduct(product, limits);
}
