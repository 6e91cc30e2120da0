/** @file What the compiler asks of a lowering, whatever its kind. */
import { flopsOf, readsOf } from "../contraction/traits.ts";
import type { Lowering, Params } from "../primitive.ts";
import type { TensorSpec } from "../spec.ts";

/** True if a node becomes a kernel of its own: all that it reads is in memory first. */
export function isTemplate({ kind }: Lowering<Params>): boolean {
  return kind === "contraction" || kind === "kernel" || kind === "program" || kind === "collective";
}

/** One application of a primitive, as far as its operations can be counted. */
interface Application extends TensorSpec {
  readonly primitive: { readonly lowering: Lowering<Params> };
  readonly params: Params;
  readonly inputs: readonly TensorSpec[];
}

/** How many inputs are computed with; the others matter to gradients only. All if left out. */
export function readCount(output: Application): number | undefined {
  const { primitive: { lowering }, params, inputs } = output;
  if (lowering.kind === "view") return 1;
  if (lowering.kind === "kernel") return lowering.reads;
  return lowering.kind === "contraction" ? readsOf(lowering.contraction(params, inputs, output)) : undefined;
}

/** Floating point operations of a contraction or kernel, a multiply-add being two; 0 of anything else. */
export function templateFlops(output: Application): number {
  const { primitive: { lowering }, params, inputs } = output;
  if (lowering.kind === "contraction") return flopsOf(lowering.contraction(params, inputs, output));
  return lowering.kind === "kernel" ? lowering.flops?.(inputs, output, params) ?? 0 : 0;
}
