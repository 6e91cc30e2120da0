/** @file Greedy non-maximum suppression of sorted boxes. */
import type { SuppressParams } from "../../compiler/kernel_forms.ts";
import { SUPPRESS_FORM } from "../../kernels/suppress.ts";
import { requireOptions, ShapeError } from "../../errors.ts";
import type { Primitive } from "../../primitive.ts";
import { sizeOf } from "../../spec.ts";
import { bind, type Tensor } from "../../tensor.ts";
import { requireTensor } from "../../require_tensor.ts";
import { spread } from "../batching/spread.ts";
import { cast } from "../cast.ts";

const SUPPRESS: Primitive<SuppressParams> = {
  name: "suppress",
  shapeRule: ([_boxes, valid]) => ({ shape: valid!.shape, dtype: "int32" }),
  reference: ([boxes, valid, kind], { threshold }, { shape }) => {
    const keep = new Float64Array(sizeOf(shape));
    const length = shape.at(-1)!;
    for (let start = 0; start < keep.length; start += length) {
      const kept: number[] = [];
      for (let j = start; j < start + length; j++) {
        const same = (i: number) => !kind || kind.data[i] === kind.data[j];
        if (valid!.data[j] === 0 || kept.some((i) => same(i) && overlapsMore(boxes!.data, i, j, threshold))) continue;
        kept.push(j);
        keep[j] = 1;
      }
    }
    return keep;
  },
  vjpRule: (_cotangent, { inputs }) => inputs.map(() => null),
  batchRule: (batch, params) => bind(SUPPRESS, spread(batch), params), // examples are groups
  lowering: { kind: "kernel", form: SUPPRESS_FORM },
};

/** True if two boxes share more than a part of their union: a product, not a quotient, so that no device rounds it otherwise. */
function overlapsMore(boxes: ArrayLike<number>, i: number, j: number, threshold: number): boolean {
  const [a, b] = [4 * i, 4 * j];
  const side = (axis: number) =>
    Math.max(0, Math.min(boxes[a + axis + 2]!, boxes[b + axis + 2]!) - Math.max(boxes[a + axis]!, boxes[b + axis]!));
  const area = (at: number) => (boxes[at + 2]! - boxes[at]!) * (boxes[at + 3]! - boxes[at + 1]!);
  const shared = side(0) * side(1);
  return shared > 0 && shared > threshold * (area(a) + area(b) - shared);
}

/** Options of `suppress`. */
export interface SuppressOptions {
  /** Intersection over union above which a box suppresses those after it, from 0 to 1. */
  readonly threshold: number;
  /** int32 `[..., N]`: boxes of different kinds do not see each other. */
  readonly kind?: Tensor;
}

/**
 * Greedy non-maximum suppression: walks boxes from the best on and keeps each that no kept one overlaps by **more** than a
 * threshold (intersection over union; equal is kept). No gradient flows.
 *
 * @param boxes `[..., N, 4]`, left, top, right, bottom, the best first. A row with a number that is not one overlaps nothing.
 * @param valid bool or int32 `[..., N]`: rows that count; others are not kept and suppress none.
 * @param options `threshold`, from 0 to 1; `kind`: int32 `[..., N]`, boxes of different kinds do not see each other.
 * @returns int32 `[..., N]`: 1 where a box is kept, 0 else. Leading axes are groups that do not see each other.
 * @throws {ShapeError} If shapes do not fit.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { suppress } from "@tessera/tessera/nn";
 * import { ones, tensor } from "@tessera/tessera/tensor";
 *
 * const boxes = tensor([[0, 0, 2, 2], [0, 0, 2, 1.5], [4, 4, 5, 5]]);
 * const keep = suppress(boxes, ones([3], { dtype: "int32" }), { threshold: 0.5 });
 * deepStrictEqual(await keep.data(), new Int32Array([1, 0, 1]));
 * ```
 */
export function suppress(boxes: Tensor, valid: Tensor, options: SuppressOptions): Tensor {
  requireOptions("suppress", options, { threshold: true, kind: true });
  requireTensor("suppress", "boxes", boxes);
  requireTensor("suppress", "valid", valid);
  const { threshold, kind } = options;
  if (!(threshold >= 0 && threshold <= 1)) {
    throw new RangeError(`Cannot suppress as threshold must be from 0 to 1: current threshold is ${threshold}`);
  }
  const [leading, corners] = [boxes.shape.slice(0, -1).join(), boxes.shape.at(-1)];
  if (corners !== 4 || boxes.shape.length === 1 || leading !== valid.shape.join()) {
    throw new ShapeError("suppress", "boxes must be [..., N, 4] and valid [..., N]", [boxes.shape, valid.shape]);
  }
  if (kind && (kind.dtype !== "int32" || kind.shape.join() !== leading)) {
    throw new ShapeError("suppress", `kind must be int32 [${leading}], not ${kind.dtype}`, [kind.shape]);
  }
  const counts = valid.dtype === "int32" ? valid : cast(valid, "int32");
  return bind(SUPPRESS, kind ? [boxes, counts, kind] : [boxes, counts], { threshold });
}
