import type { Collective } from "../collective.ts";
import { requireOptions } from "../errors.ts";
import { cast } from "../primitives/cast.ts";
import { div } from "../primitives/division.ts";
import { max } from "../primitives/extremum.ts";
import { DTYPES } from "../spec.ts";
import { Tensor } from "../tensor.ts";
import { type Tree, treeFlatten, treeUnflatten } from "../tree.ts";
import { allGather } from "./all_gather.ts";
import { requireCollective, sumOverAll } from "./exchange.ts";

/** Options of `allReduce`. */
export interface AllReduceOptions {
  /** How what the processes have becomes one; `sum` if not given. */
  readonly op?: "sum" | "mean" | "max";
  /**
   * Leaves whose sum is larger, in bytes, are exchanged in parts of about this size, each as soon as it is made, while a compiled
   * program computes the others; the first part is of 1 MiB at most. 25 MiB if not given; `Infinity` waits for all leaves.
   */
  readonly bucketBytes?: number;
}

/** Bytes of the parts of a sum. */
const BUCKET = 25 * 2 ** 20;
/** Bytes of its first part: small, so that the exchange begins soon. */
const FIRST_BUCKET = 2 ** 20;

/**
 * Combines the tensors of all processes elementwise; each gets the result, to the bit the same. JAX's `psum`, `pmean` and
 * `pmax` of one axis. The leaves of a tree go together, which takes one exchange instead of many.
 *
 * Each process differentiates a loss of its own, and the gradient is that of the sum of these losses over all processes: so the
 * cotangents of all processes are summed in turn, and every process must take part in the backward pass as well.
 *
 * @param x A tensor or a tree of tensors, of the same shapes and dtypes on every process; numbers, not bools.
 * @param collective The processes. Of one process nothing is computed: the result is `x`.
 * @param options `op`: `sum`, `mean` (of integers: float32) or `max` (NaN wins; ties share the cotangent equally); `bucketBytes`.
 * @returns A tree of the same form and shapes.
 * @throws {TypeError} If a leaf is no tensor, or one of bools.
 * @throws {RangeError} If `bucketBytes` is not above 0.
 * @throws {CollectiveError} When it is computed, if a process does not take part.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { allReduce, alone, tensor } from "@tessera/tessera/tensor";
 *
 * const gradients = { w: tensor([1, 2]), b: tensor(3) };
 * const mean = allReduce(gradients, alone(), { op: "mean" }); // of one process
 * deepStrictEqual(await mean.w.data(), new Float32Array([1, 2]));
 * ```
 */
export function allReduce<T extends Tree>(x: T, collective: Collective, options: AllReduceOptions = {}): T {
  requireOptions("allReduce", options, { op: true, bucketBytes: true });
  requireCollective("allReduce", collective);
  const { op = "sum", bucketBytes = BUCKET } = options;
  if (!["sum", "mean", "max"].includes(op)) {
    throw new TypeError(`Cannot allReduce as op must be one of sum, mean, max: current op is ${op}`);
  }
  if (!(bucketBytes > 0)) {
    throw new RangeError(
      `Cannot allReduce as bucketBytes must be above 0: current bucketBytes is ${bucketBytes}; Infinity makes one part of all`,
    );
  }
  const { leaves, structure } = treeFlatten(x);
  const tensors = leaves.map((leaf) => requireNumbers(leaf, op));
  if (collective.size === 1 || tensors.length === 0) return treeUnflatten(structure, tensors) as T;
  return treeUnflatten(structure, combined(tensors, collective, { op, bucketBytes })) as T;
}

function combined(
  tensors: readonly Tensor[],
  collective: Collective,
  { op, bucketBytes }: Required<AllReduceOptions>,
): readonly Tensor[] {
  if (op === "max") return tensors.map((x) => max(allGather(x, collective), { axis: 0 }));
  const isWhole = bucketBytes === Infinity;
  const sums = sumOverAll(tensors, isWhole ? { collective } : { collective, buckets: bucketsOf(bucketBytes) });
  return op === "sum" ? sums : sums.map((x) => div(x, collective.size));
}

function bucketsOf(bytes: number): readonly [number, number] {
  return [Math.min(FIRST_BUCKET, bytes), bytes];
}

function requireNumbers(x: unknown, op: string): Tensor {
  if (!(x instanceof Tensor) || x.dtype === "bool") {
    throw new TypeError(
      `Cannot allReduce as leaves must be tensors of numbers: current leaf is ${x}; cast bools to int32 first`,
    );
  }
  return op === "mean" && !DTYPES[x.dtype].floating ? cast(x, "float32") : x;
}
