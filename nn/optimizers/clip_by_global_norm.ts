import { requireOptions } from "../../tensor/parts.ts";
import {
  add,
  div,
  lessEqual,
  mul,
  sqrt,
  square,
  sum,
  type Tensor,
  type Tree,
  treeLeaves,
  treeMap,
  where,
  zeros,
} from "../../tensor/core.ts";
import { requireWithin } from "./schedule.ts";
import type { GradientTransformation } from "./transformation.ts";

/**
 * The L2 norm of all tensors of a tree together.
 *
 * @param tree Floating tensors.
 * @returns A scalar; 0 for an empty tree.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { globalNorm } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * equal(await globalNorm({ a: tensor([3]), b: tensor([4]) }).item(), 5);
 * ```
 */
export function globalNorm(tree: Tree): Tensor {
  const squares = (treeLeaves(tree) as readonly Tensor[]).map((x) => sum(square(x)));
  return sqrt(pairwiseSum(squares));
}

/** Adds scalars in a balanced tree: short chains, and rounding that grows with the logarithm of their number. */
function pairwiseSum(terms: readonly Tensor[]): Tensor {
  if (terms.length <= 1) return terms[0] ?? zeros([]);
  const half = terms.length >> 1;
  return add(pairwiseSum(terms.slice(0, half)), pairwiseSum(terms.slice(half)));
}

/** What PyTorch's `clip_grad_norm_` adds to the norm. */
export const TORCH_CLIP_EPSILON = 1e-6;

/**
 * Scales gradients down so that their common L2 norm is at most `maxNorm`; smaller ones are left alone. If the norm is not
 * a number, no gradient is one any more.
 *
 * @param maxNorm The largest norm, positive.
 * @param options `epsilon` is added to the norm in the quotient `maxNorm / norm`: 0 if not given, the formula of optax's
 * `clip_by_global_norm` and of timm's LAMB; `TORCH_CLIP_EPSILON`, 1e-6, for that of PyTorch's `clip_grad_norm_`.
 * @returns The transformation.
 * @throws {RangeError} If `maxNorm` is not positive.
 * @throws {TypeError} If a setting is no number of its range, or no schedule where it may be one.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { chain, clipByGlobalNorm } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const clip = chain(clipByGlobalNorm(2.5));
 * const params = [tensor([0, 0])];
 * const [[clipped]] = clip.update([tensor([3, 4])], clip.init(params), params);
 * deepStrictEqual(await clipped!.data(), new Float32Array([1.5, 2]));
 * ```
 */
export function clipByGlobalNorm(
  maxNorm: number,
  options: { readonly epsilon?: number } = {},
): GradientTransformation {
  requireOptions("clipByGlobalNorm", options, { epsilon: true });
  const { epsilon = 0 } = options;
  requireWithin("clipByGlobalNorm", { epsilon });
  if (!(typeof maxNorm === "number" && maxNorm > 0)) {
    throw new RangeError(`Cannot clip by the global norm as maxNorm must be positive: current maxNorm is ${maxNorm}`);
  }
  return {
    init: () => ({}),
    update(updates, state) {
      const norm = add(globalNorm(updates), epsilon);
      const factor = where(lessEqual(norm, maxNorm), 1, div(maxNorm, norm));
      return [treeMap((x) => mul(x, factor), updates as Tree) as typeof updates, state];
    },
  };
}
