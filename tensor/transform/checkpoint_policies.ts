/** @file What `checkpoint` keeps of the forward pass, with the names of JAX's `checkpoint_policies`. */
import type { DType, Shape } from "../spec.ts";

/** What a policy is told of a value. */
export interface CheckpointValue {
  /** The operation that made it, as a printed program names it: `matmul`, `exp`, `name`. */
  readonly operation: string;
  /** True of products: of matrices, convolutions, and what else multiplies and adds along an axis. */
  readonly isProduct: boolean;
  /** What `checkpointName` called it; `null` if nothing did. */
  readonly name: string | null;
  /** Its shape. */
  readonly shape: Shape;
  /** Its dtype. */
  readonly dtype: DType;
}

/** Whether a value is kept for the backward pass. */
export type CheckpointPolicy = (value: CheckpointValue) => boolean;

function namesOf(names: readonly string[]): ReadonlySet<string> {
  const bad = names.find((name) => typeof name !== "string");
  if (bad === undefined) return new Set(names);
  throw new TypeError(`Cannot make a policy as names must be strings: current name is ${String(bad)}`);
}

/**
 * The policies of JAX. Any predicate on a `CheckpointValue` is one too.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { checkpoint, checkpointPolicies, matmul, ones, savedResiduals, tanh, type Tensor } from "@tessera/tessera/tensor";
 *
 * const layer = (w: Tensor, x: Tensor) => tanh(matmul(tanh(matmul(x, w)), w));
 * const kept = (policy: typeof checkpointPolicies.dotsSaveable) =>
 *   savedResiduals(checkpoint(layer, { policy }))(ones([4, 4]), ones([8, 4])).residuals.map(({ from }) => from);
 * deepStrictEqual(kept(checkpointPolicies.nothingSaveable), ["argument 0", "argument 1"]);
 * deepStrictEqual(kept(checkpointPolicies.dotsSaveable), [
 *   "argument 0",
 *   "argument 1",
 *   "matmul",
 *   "matmul",
 * ]);
 * ```
 */
export const checkpointPolicies: {
  /** Everything is kept, as without `checkpoint`. */
  readonly everythingSaveable: CheckpointPolicy;
  /** Nothing is kept but the arguments: the default. */
  readonly nothingSaveable: CheckpointPolicy;
  /** Results of products, which are dear to compute again, are kept. */
  readonly dotsSaveable: CheckpointPolicy;
  /** Values that `checkpointName` gave one of the names are kept. */
  readonly saveOnlyTheseNames: (...names: readonly string[]) => CheckpointPolicy;
  /** Named values are kept, but for these; what has no name is not. */
  readonly saveAnyNamesButThese: (...names: readonly string[]) => CheckpointPolicy;
  /** Everything is kept, but for these names. */
  readonly saveAnythingExceptTheseNames: (...names: readonly string[]) => CheckpointPolicy;
  /** What either keeps is kept. */
  readonly saveFromBothPolicies: (first: CheckpointPolicy, second: CheckpointPolicy) => CheckpointPolicy;
} = {
  everythingSaveable: () => true,
  nothingSaveable: () => false,
  dotsSaveable: ({ isProduct }) => isProduct,
  saveOnlyTheseNames: (...names) => {
    const saved = namesOf(names);
    return ({ name }) => name !== null && saved.has(name);
  },
  saveAnyNamesButThese: (...names) => {
    const dropped = namesOf(names);
    return ({ name }) => name !== null && !dropped.has(name);
  },
  saveAnythingExceptTheseNames: (...names) => {
    const dropped = namesOf(names);
    return ({ name }) => name === null || !dropped.has(name);
  },
  saveFromBothPolicies: (first, second) => (value) => first(value) || second(value),
};
