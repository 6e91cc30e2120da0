/** @file Means of bit-packed masks over the bins of boxes: what a mask head learns. */
import type { MaskAlignParams } from "../../compiler/kernel_forms.ts";
import { MASK_ALIGN_FORM } from "../../kernels/mask_align.ts";
import { requireOptions, ShapeError } from "../../errors.ts";
import type { Primitive } from "../../primitive.ts";
import { sizeOf } from "../../spec.ts";
import { bind, type Tensor } from "../../tensor.ts";
import { requireTensor } from "../../require_tensor.ts";
import { endToEnd } from "../batching/end_to_end.ts";
import { spread } from "../batching/spread.ts";
import { reshape } from "../layout.ts";
import { requireBoxes, requireSampling, type RoiAlignOptions } from "./roi_align.ts";
import { forEachSample } from "./roi_samples.ts";

const MASK_ALIGN: Primitive<MaskAlignParams> = {
  name: "maskAlign",
  shapeRule: ([_bits, boxes], { size }) => ({ shape: [boxes!.shape[0]!, ...size], dtype: boxes!.dtype }),
  reference: ([bits, boxes, mask], { width, ...sampling }, output) => {
    const [masks, height, words] = bits!.shape as [number, number, number];
    const result = new Float64Array(sizeOf(output.shape));
    const bins = sampling.size[0] * sampling.size[1];
    for (let r = 0; r < output.shape[0]!; r++) {
      const index = mask!.data[r]!;
      if (!(index >= 0 && index < masks)) continue;
      const bitAt = (y: number, x: number) => (bits!.data[(index * height + y) * words + (x >> 5)]! >> (x & 31)) & 1;
      const means = result.subarray(r * bins, (r + 1) * bins);
      let count = 1;
      // In torchvision's order, and divided at the end: a mean of just 0.5 is what masks are told from.
      forEachSample(boxes!.data.subarray(4 * r), { scale: 1, height, width }, sampling, (bin, corners, samples) => {
        means[bin]! += corners.reduce((sum, [y, x, share]) => sum + share * bitAt(y, x), 0);
        count = samples;
      });
      means.forEach((sum, bin) => means[bin] = sum / count);
    }
    return result;
  },
  vjpRule: () => [null, null, null],
  batchRule: (batch, params, output) => {
    const [bits, boxes, mask] = spread(batch);
    const joined = (x: Tensor) => reshape(x, [x.shape[0]! * x.shape[1]!, ...x.shape.slice(2)]);
    const rows = [joined(bits!), joined(boxes!), reshape(endToEnd(mask!, bits!.shape[1]!), [-1])];
    return reshape(bind(MASK_ALIGN, rows, params), [batch.size, ...output.shape]);
  },
  lowering: { kind: "kernel", form: MASK_ALIGN_FORM },
};

/** Options of `maskAlign`. */
export interface MaskAlignOptions extends Omit<RoiAlignOptions, "scales"> {
  /** Columns of the masks. */
  readonly width: number;
}

/**
 * Means of masks over the bins of boxes, as `roiAlign` of maps of 0 and 1. No gradient flows.
 *
 * @param bits int32 `[M, H, ⌈width / 32⌉]`: a word holds 32 columns, the first in its lowest bit.
 * @param boxes `[R, 4]`: left, top, right, bottom in pixels.
 * @param mask int32 `[R]`: which mask each box reads; one outside reads 0.
 * @param options Bins, samples, alignment, columns.
 * @returns `[R, rows, columns]`, from 0 to 1.
 * @throws {ShapeError} If shapes do not fit.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { maskAlign } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const bits = tensor([0b01, 0b11], { shape: [1, 2, 1], dtype: "int32" }); // the upper right pixel is not set
 * const y = maskAlign(bits, tensor([[0, 0, 2, 2]]), tensor([0], { dtype: "int32" }), { size: [2, 2], width: 2 });
 * deepStrictEqual(await y.data(), new Float32Array([1, 0, 1, 1]));
 * ```
 */
export function maskAlign(bits: Tensor, boxes: Tensor, mask: Tensor, options: MaskAlignOptions): Tensor {
  requireOptions("maskAlign", options, { width: true, size: true, sampling: true, aligned: true });
  const { size, sampling = 0, aligned = true, width } = options;
  requireTensor("maskAlign", "bits", bits);
  requireBoxes("maskAlign", boxes, { mask });
  requireSampling("maskAlign", { size, sampling, aligned });
  if (bits.dtype !== "int32") {
    throw new TypeError(`Cannot maskAlign as bits must be int32: current dtype is ${bits.dtype}`);
  }
  if (bits.shape.length !== 3 || bits.shape[1] === 0 || !(width > 0) || bits.shape[2] !== Math.ceil(width / 32)) {
    throw new ShapeError("maskAlign", `bits must be [M, H, ${Math.ceil(width / 32)}] for ${width} columns`, [
      bits.shape,
    ]);
  }
  return bind(MASK_ALIGN, [bits, boxes, mask], { size, sampling, aligned, width });
}
