import type { Collective } from "../collective.ts";
import { requireTensor } from "../require_tensor.ts";
import { reshape } from "../primitives/layout.ts";
import type { Tensor } from "../tensor.ts";
import { gatherOfAll, requireCollective } from "./exchange.ts";

/**
 * Collects the tensors of all processes; each gets all of them. JAX's `all_gather`. Its gradient is that of the sum of the
 * losses of all processes, as of `allReduce`.
 *
 * @param x A tensor of numbers, of the same shape and dtype on every process.
 * @param collective The processes.
 * @returns `[size, ...x.shape]`, in the order of the ranks.
 * @throws {TypeError} If `x` is of bools.
 * @throws {CollectiveError} When it is computed, if a process does not take part.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { allGather, alone, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(allGather(tensor([1, 2]), alone()).shape, [1, 2]);
 * ```
 */
export function allGather(x: Tensor, collective: Collective): Tensor {
  requireTensor("allGather", "x", x);
  requireCollective("allGather", collective);
  if (x.dtype === "bool") {
    throw new TypeError(`Cannot allGather as x must be of numbers: current x is ${x}; cast it to int32 first`);
  }
  return collective.size === 1 ? reshape(x, [1, ...x.shape]) : gatherOfAll(x, collective);
}
