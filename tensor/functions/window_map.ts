import type { ConvParams } from "../contraction/conv_params.ts";
import { tensor } from "./creation.ts";
import type { KernelMaps } from "../primitives/kernel_map.ts";

/**
 * The kernel map of windows over dense images whose rows are their pixels in order.
 *
 * @param batch Number of images B.
 * @param size Their `[H, W]`.
 * @param kernel Window `[kh, kw]`.
 * @param params Stride, padding and dilation.
 * @returns Maps between `N = B·H·W` input and `M = B·Ho·Wo` output rows, with `T = kh·kw` taps in raster order, and `[Ho, Wo]`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { windowMap } from "@tessera/tessera/tensor";
 *
 * const geometry = { stride: [1, 1], padding: [[0, 0], [1, 0]], dilation: [1, 1] } as const;
 * const { map } = windowMap(1, [1, 2], [1, 2], geometry);
 * deepStrictEqual(await map.data(), new Int32Array([-1, 0, 0, 1]));
 * ```
 */
export function windowMap(
  batch: number,
  size: readonly [number, number],
  kernel: readonly [number, number],
  { stride, padding, dilation }: Pick<ConvParams, "stride" | "padding" | "dilation">,
): KernelMaps & { readonly outputSize: readonly [number, number] } {
  const [H, W] = size;
  const outputs = (axis: 0 | 1) =>
    Math.floor(
      (size[axis] + padding[axis][0] + padding[axis][1] - dilation[axis] * (kernel[axis] - 1) - 1) / stride[axis],
    ) + 1;
  const [Ho, Wo] = [outputs(0), outputs(1)];
  const taps = kernel[0] * kernel[1];
  const map = new Int32Array(batch * Ho * Wo * taps).fill(-1);
  const inverse = new Int32Array(batch * H * W * taps).fill(-1);
  for (let row = 0; row < batch * Ho * Wo; row++) {
    const [b, oy, ox] = [Math.floor(row / (Ho * Wo)), Math.floor(row / Wo) % Ho, row % Wo];
    for (let t = 0; t < taps; t++) {
      const iy = oy * stride[0] - padding[0][0] + Math.floor(t / kernel[1]) * dilation[0];
      const ix = ox * stride[1] - padding[1][0] + (t % kernel[1]) * dilation[1];
      if (iy < 0 || iy >= H || ix < 0 || ix >= W) continue;
      const input = (b * H + iy) * W + ix;
      map[row * taps + t] = input;
      inverse[input * taps + t] = row;
    }
  }
  const table = (values: Int32Array, rows: number) => tensor(values, { shape: [rows, taps] });
  return { map: table(map, batch * Ho * Wo), inverse: table(inverse, batch * H * W), outputSize: [Ho, Wo] };
}
