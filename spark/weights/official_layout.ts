/** @file The layout of the official implementation's tensors, and the way there and back. */
import type { Shape } from "../../tensor/mod.ts";
import { stridesOf } from "../../tensor/kernel.ts";

/** One tensor of the official state dict. */
export interface OfficialEntry {
  /** Its name there. */
  readonly key: string;
  /** Its shape there: convolutions `[out, in, h, w]`, transposed ones `[in, out, h, w]`, linear layers `[out, in]`. */
  readonly shape: Shape;
  /** Its type there. */
  readonly dtype: "float32" | "int64";
  /** Parameter or buffer. */
  readonly kind: "param" | "buffer";
  /** Whether weight decay applies; false for buffers. */
  readonly decays: boolean;
  /** Tree that holds it here; `null` for dead buffers, which have no counterpart. */
  readonly tree: "params" | "state" | null;
  /** Its way from the root of that tree. */
  readonly path: readonly string[];
  /** Its shape here. */
  readonly ownShape: Shape;
}

/**
 * Which of our axes each official axis is: kernels are `[h, w, i, o]` here and `[o, i, h, w]` there.
 *
 * @param rank Number of axes.
 * @returns One of our axes per official axis.
 */
export function permutationOf(rank: number): readonly number[] {
  return rank === 4 ? [3, 2, 0, 1] : rank === 2 ? [1, 0] : Array.from({ length: rank }, (_, axis) => axis);
}

/** For each official element in order, calls back with its position there and here. */
function forEachElement({ ownShape }: OfficialEntry, visit: (official: number, own: number) => void): void {
  const permutation = permutationOf(ownShape.length);
  const rest = Array.from({ length: 4 - permutation.length }, () => -1); // axes of one element before the others
  const axes = [...rest, ...permutation];
  const [d0, d1, d2, d3] = axes.map((axis) => ownShape[axis] ?? 1) as [number, number, number, number];
  const [s0, s1, s2, s3] = axes.map((axis) => stridesOf(ownShape)[axis] ?? 0) as [number, number, number, number];
  let official = 0;
  for (let a = 0; a < d0; a++) {
    for (let b = 0; b < d1; b++) {
      for (let c = 0; c < d2; c++) {
        for (let d = 0; d < d3; d++) visit(official++, a * s0 + b * s1 + c * s2 + d * s3);
      }
    }
  }
}

/**
 * Puts the numbers of one of our tensors into official order.
 *
 * @param entry Which tensor.
 * @param values Its numbers here, row-major.
 * @returns Its numbers there, row-major.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { backboneEntries, toOfficial } from "@tessera/tessera/spark";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const [entry] = backboneEntries({ params: { weight: tensor([[1, 2], [3, 4]]) }, state: {} });
 * deepStrictEqual(toOfficial(entry!, [1, 2, 3, 4]), new Float64Array([1, 3, 2, 4]));
 * ```
 */
export function toOfficial(entry: OfficialEntry, values: ArrayLike<number>): Float64Array {
  const out = new Float64Array(values.length);
  forEachElement(entry, (official, own) => out[official] = values[own]!);
  return out;
}

/**
 * Puts the numbers of an official tensor into our order.
 *
 * @param entry Which tensor.
 * @param values Its numbers there, row-major.
 * @returns Its numbers here, row-major.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { backboneEntries, fromOfficial } from "@tessera/tessera/spark";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const [entry] = backboneEntries({ params: { weight: tensor([[1, 2], [3, 4]]) }, state: {} });
 * deepStrictEqual(fromOfficial(entry!, [1, 3, 2, 4]), new Float64Array([1, 2, 3, 4]));
 * ```
 */
export function fromOfficial(entry: OfficialEntry, values: ArrayLike<number>): Float64Array {
  const out = new Float64Array(values.length);
  forEachElement(entry, (official, own) => out[own] = values[official]!);
  return out;
}
