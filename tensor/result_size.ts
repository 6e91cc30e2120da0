/** @file How large results may be. */
import { ShapeError } from "./errors.ts";
import { DTYPES, sizeOf, type TensorSpec } from "./spec.ts";

/** Elements of a result that need not be in memory: positions in kernels are int32. */
const MOST_ELEMENTS = 2 ** 31 - 1;

/** Elements of a result in memory: that of WebAssembly, and buffers of GPUs, are addressed by 32 bits. */
export const MOST_STORED: number = 2 ** 32 / 4;

/** Lowerings whose results need no memory where they are fused with what reads them. */
const FUSED: ReadonlySet<string> = new Set(["expression", "view", "iota", "gather", "leaf"]);

/** Elements of a result at most, by the kind of its lowering. */
export function mostOf(kind: string): number {
  return FUSED.has(kind) ? MOST_ELEMENTS : MOST_STORED;
}

/** Refuses results that no device holds, or that have sizes which are none, before anything is computed. */
export function requireFits(operation: string, { shape, dtype }: TensorSpec, most: number): void {
  for (const size of shape) {
    if (Number.isInteger(size) && size >= 0) continue;
    throw new ShapeError(operation, "sizes of its result must be whole and not negative", [shape]);
  }
  const size = sizeOf(shape);
  if (size <= most) return;
  const bytes = `${(size * DTYPES[dtype].bytes / 1e9).toFixed(1)} GB`;
  throw new RangeError(
    `Cannot ${operation} as a result must have at most ${most} elements (${(most * 4 / 1e9).toFixed(1)} GB): current ` +
      `result is ${dtype} [${shape.join(", ")}], ${bytes}; compute it in parts`,
  );
}
