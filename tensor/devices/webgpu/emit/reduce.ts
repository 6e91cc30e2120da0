/** @file Fused reductions. */
import type { ReduceKernel } from "../../../compiler/kernel.ts";
import type { WgslKernel, WgslSubgroup } from "../../../compiler/kernel_text.ts";
import type { TensorSpec } from "../../../spec.ts";
import { combinePass } from "./combine.ts";
import { reducePass } from "./reduce_pass.ts";
import { reducePlan } from "./reduce_plan.ts";

/** What matters to a reduction beside what it computes. */
export interface ReduceOptions {
  /** For an output that takes an input's place, the position of that input; one buffer is bound once. */
  readonly inPlace?: ReadonlyMap<number, number>;
  /** Invocations that can read each other's registers, if there are any. */
  readonly subgroup?: WgslSubgroup | undefined;
}

/**
 * Writes fused reductions side by side. Long reduced axes are cut into slabs that depend on the shape alone; their partial
 * results are combined in order by a second pass.
 *
 * @param kernel The kernel; its epilogue is left to others.
 * @param inputs Specs of the buffers it reads.
 * @param options What lies in one place, and subgroups.
 * @returns One pass, and a second if there are slabs; none if there is nothing to do.
 */
export function emitReduceWgsl(
  kernel: ReduceKernel,
  inputs: readonly TensorSpec[],
  { inPlace = new Map(), subgroup }: ReduceOptions = {},
): WgslKernel {
  if (kernel.shape.includes(0)) return { passes: [], scratchBytes: 0 };
  const plan = reducePlan(kernel, subgroup);
  const main = reducePass(plan, { inputs, inPlace });
  if (plan.slabs === 1) return { passes: [main], scratchBytes: 0 };
  const scratchBytes = 4 * plan.slabs * plan.places * kernel.results.length;
  return { passes: [main, combinePass(plan, inputs.length)], scratchBytes };
}
