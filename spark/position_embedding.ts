import { requireOptions } from "../tensor/kernel.ts";
import {
  arange,
  broadcastTo,
  cast,
  concat,
  cos,
  type DType,
  exp,
  mul,
  reshape,
  sin,
  type Tensor,
} from "../tensor/mod.ts";

/** Sines and cosines of the places along one axis, `[count, 2 · frequencies]`. */
function waves(count: number, frequencies: number, dtype: DType): Tensor {
  const places = cast(reshape(arange(count), [count, 1]), dtype);
  const exponents = cast(reshape(arange(frequencies), [1, frequencies]), dtype);
  const angles = mul(places, exp(mul(exponents, -Math.log(10_000) / frequencies))); // [count, frequencies]
  return concat([sin(angles), cos(angles)], { axis: 1 });
}

/**
 * The fixed position embedding of MAE: half of the channels tell the row, half the column, each by sines and cosines of
 * wavelengths from 2π to 10,000 · 2π.
 *
 * @param shape Height H, width W and channels C, a multiple of 4.
 * @param options Dtype; float32 if not given.
 * @returns `[H, W, C]`.
 * @throws {RangeError} If the channels are no multiple of 4.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { positionEmbedding } from "@tessera/tessera/spark";
 *
 * deepStrictEqual(await positionEmbedding([1, 1, 4]).data(), new Float32Array([0, 1, 0, 1]));
 * ```
 */
export function positionEmbedding(
  [height, width, channels]: readonly [number, number, number],
  options: { readonly dtype?: DType } = {},
): Tensor {
  requireOptions("positionEmbedding", options, { dtype: true });
  const { dtype = "float32" } = options;
  if (channels % 4 !== 0 || channels < 4) {
    throw new RangeError(
      `Cannot embed positions as the channels must be a multiple of 4: current number is ${channels}`,
    );
  }
  const [half, frequencies] = [channels / 2, channels / 4];
  const rows = reshape(waves(height, frequencies, dtype), [height, 1, half]);
  const columns = reshape(waves(width, frequencies, dtype), [1, width, half]);
  return concat([rows, columns].map((part) => broadcastTo(part, [height, width, half])), { axis: 2 });
}
