import { add, erf, greaterEqual, lessEqual, mul, type Tensor, where } from "../../tensor/core.ts";
import { type Features, mapFeatures, requireFeatures } from "./features.ts";

/**
 * `max(x, 0)`. Its derivative at 0 is 0, as in PyTorch; not a number stays not a number.
 *
 * @param x Any features.
 * @returns Of the shape of `x`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { relu } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await relu(tensor([-1, 2])).data(), new Float32Array([0, 2]));
 * ```
 */
export function relu<T extends Features>(x: T): T {
  requireFeatures("relu", x);
  return mapFeatures(x, (values) => where(lessEqual(values, 0), 0, values));
}

/**
 * `min(max(x, 0), 6)`. Its derivative at 0 and at 6 is 0, as in PyTorch.
 *
 * @param x Any features.
 * @returns Of the shape of `x`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { relu6 } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await relu6(tensor([-1, 2, 7])).data(), new Float32Array([0, 2, 6]));
 * ```
 */
export function relu6<T extends Features>(x: T): T {
  requireFeatures("relu6", x);
  return mapFeatures(x, (values) => where(lessEqual(values, 0), 0, where(greaterEqual(values, 6), 6, values)));
}

/**
 * `x · Φ(x)` with the exact normal distribution function Φ.
 *
 * @param x Any features.
 * @returns Of the shape of `x`.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { gelu } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * equal((await gelu(tensor(1)).item()).toFixed(5), "0.84134");
 * ```
 */
export function gelu<T extends Features>(x: T): T {
  requireFeatures("gelu", x);
  return mapFeatures(x, (values: Tensor) => mul(mul(values, 0.5), add(erf(mul(values, Math.SQRT1_2)), 1)));
}
