import { constant } from "../primitives/constant.ts";
import { shown } from "../errors.ts";
import { holds } from "../spec.ts";
import type { Tensor } from "../tensor.ts";
import { requireTensor } from "../require_tensor.ts";

/**
 * A tensor of the shape and dtype of another, of one value.
 *
 * @param x Any tensor; its values do not matter.
 * @param value The value.
 * @returns A lazy constant.
 * @throws {RangeError} If the dtype does not hold the value.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { fullLike, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await fullLike(tensor([1, 2]), 7).data(), new Float32Array([7, 7]));
 * ```
 */
export function fullLike(x: Tensor, value: number): Tensor {
  requireTensor("fullLike", "x", x);
  if (holds(x.dtype, value)) return constant(x.shape, value, x.dtype);
  throw new RangeError(`Cannot fill as the value must be of ${x.dtype}: current value is ${shown(value)}`);
}

/**
 * Zeros of the shape and dtype of another tensor.
 *
 * @param x Any tensor.
 * @returns A lazy constant.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { tensor, zerosLike } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await zerosLike(tensor([1, 2])).data(), new Float32Array(2));
 * ```
 */
export function zerosLike(x: Tensor): Tensor {
  return fullLike(x, 0);
}

/**
 * Ones of the shape and dtype of another tensor.
 *
 * @param x Any tensor.
 * @returns A lazy constant.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { onesLike, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await onesLike(tensor([3])).data(), new Float32Array([1]));
 * ```
 */
export function onesLike(x: Tensor): Tensor {
  return fullLike(x, 1);
}
