/** @file The documented cache of what is derived from patterns: tables are computed once for all layers that share one. */
import type { Tensor } from "../tensor/core.ts";
import { textOf } from "../tensor/parts.ts";
import type { SparsePattern } from "./pattern.ts";

/** Tables by the coordinates of two patterns, then by everything else they depend on, as text. Weak in the patterns. */
const cache = new WeakMap<Tensor, WeakMap<Tensor, Map<string, unknown>>>();

/**
 * Gives the table of two patterns, made at the first request.
 *
 * @param from The pattern that is read.
 * @param to The pattern that reads; the same one where there is but one.
 * @param parameters All else that the table depends on, plain JSON.
 * @param make Makes it: a pure function of the above.
 * @returns The table.
 */
export function derived<T>(from: SparsePattern, to: SparsePattern, parameters: unknown, make: () => T): T {
  const byTarget = cache.get(from.indices) ?? new WeakMap<Tensor, Map<string, unknown>>();
  cache.set(from.indices, byTarget);
  const byKey = byTarget.get(to.indices) ?? new Map<string, unknown>();
  byTarget.set(to.indices, byKey);
  const key = textOf([from.gridShape, to.gridShape, parameters]);
  const table = byKey.has(key) ? byKey.get(key) as T : make();
  byKey.set(key, table);
  return table;
}
