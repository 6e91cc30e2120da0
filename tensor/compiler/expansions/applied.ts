import type { DType } from "../../spec.ts";
import type { ScalarOp } from "../operations.ts";
import type { ComposedOp, Expansion } from "./words.ts";

/**
 * Composed operations that expressions name, by their names. Documented cache: an operation and what it calls come in when it
 * is first applied, so that a table of all would not keep them all in every bundle.
 */
const applied = new Map<ScalarOp, ComposedOp>();

/** Makes the expansions of an operation known. */
export function know(operation: ComposedOp): void {
  if (applied.has(operation.name)) return;
  applied.set(operation.name, operation);
  operation.calls?.forEach(know);
}

/** The expansion of an operation that was applied, for operands of a dtype; `undefined` if there is none. */
export function expansionOf(name: ScalarOp, dtype: DType): Expansion | undefined {
  return applied.get(name)?.expand[dtype];
}
