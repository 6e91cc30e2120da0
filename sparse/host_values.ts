import type { Tensor, TypedArray } from "../tensor/core.ts";
import { bufferOf, leafSource } from "../tensor/parts.ts";

/** The values of a tensor where the host sees them without waiting; otherwise `undefined`. */
export function hostValues(x: Tensor): TypedArray | undefined {
  const source = leafSource(x);
  return source && "host" in source ? source.host : bufferOf(x)?.peek?.();
}
