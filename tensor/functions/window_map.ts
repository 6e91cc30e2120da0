import type { ConvParams } from "../contraction/convolution.ts";
import { windowCount } from "../contraction/window_axis.ts";
import type { KernelMaps } from "../primitives/kernel_map.ts";
import { sizeOf } from "../spec.ts";
import { tensor } from "./creation.ts";

/**
 * The kernel map of windows over dense images whose rows are their pixels in order.
 *
 * @param batch Number of images B.
 * @param size Sizes of their axes, such as `[H, W]`.
 * @param kernel Window on each axis, such as `[kh, kw]`.
 * @param params Stride, padding and dilation.
 * @returns Maps between `N = B·H·W` input and `M = B·Ho·Wo` output rows, with `T = kh·kw` taps in raster order, and the sizes
 * of the output, such as `[Ho, Wo]`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { windowMap } from "@tessera/tessera/tensor/kernel";
 *
 * const geometry = { stride: [1, 1], padding: [[0, 0], [1, 0]], dilation: [1, 1] } as const;
 * const { map } = windowMap(1, [1, 2], [1, 2], geometry);
 * deepStrictEqual(await map.data(), new Int32Array([-1, 0, 0, 1]));
 * ```
 */
export function windowMap(
  batch: number,
  size: readonly number[],
  kernel: readonly number[],
  { stride, padding, dilation }: Pick<ConvParams, "stride" | "padding" | "dilation">,
): KernelMaps & { readonly outputSize: readonly number[] } {
  const outputSize = size.map((extent, axis) =>
    windowCount(extent, kernel[axis]!, { stride: stride[axis]!, padding: padding[axis]!, dilation: dilation[axis]! })
  );
  const [taps, rows, sources] = [sizeOf(kernel), batch * sizeOf(outputSize), batch * sizeOf(size)];
  const map = new Int32Array(rows * taps).fill(-1);
  const inverse = new Int32Array(sources * taps).fill(-1);
  const visit = (axis: number, source: number, tap: number, row: number): void => {
    if (axis === size.length) {
      map[row * taps + tap] = source;
      inverse[source * taps + tap] = row;
      return;
    }
    for (let output = 0; output < outputSize[axis]!; output++) {
      for (let k = 0; k < kernel[axis]!; k++) {
        const at = output * stride[axis]! - padding[axis]![0] + k * dilation[axis]!;
        if (at < 0 || at >= size[axis]!) continue;
        visit(axis + 1, source * size[axis]! + at, tap * kernel[axis]! + k, row * outputSize[axis]! + output);
      }
    }
  };
  for (let image = 0; image < batch; image++) visit(0, image, 0, image);
  const table = (values: Int32Array, length: number) => tensor(values, { shape: [length, taps] });
  return { map: table(map, rows), inverse: table(inverse, sources), outputSize };
}
