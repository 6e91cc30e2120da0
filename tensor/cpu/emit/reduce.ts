import type { ReduceKernel, WatKernel, WatPass } from "../../compiler/kernel.ts";
import { type Scalar, visitScalars } from "../../compiler/scalar.ts";
import type { TensorSpec } from "../../spec.ts";
import { mergeAxes } from "../../compiler/axes.ts";
import { loopWhile, needsScalar, runFunction } from "./loops.ts";
import { reduceAlongKept } from "./reduce_along_kept.ts";
import { reduceAlongReduced } from "./reduce_along_reduced.ts";
import { combine, identityOf, type ReducePlan } from "./reduce_plan.ts";
import { stored } from "./operations.ts";

/** Additions to one accumulator in one slab. Short, so that float32 sums stay close. */
const SLAB = 1024;
/** Bound of the results of all slabs, in elements. */
const MAX_PARTIALS = 1 << 22;

/**
 * Writes a fused reduction. Lanes run along the innermost reduced axis, or along the innermost kept axis where that is
 * what memory runs along. The longest reduced axis is cut into slabs that depend on the shape alone; their partial
 * results are combined in order by a second pass. So the result does not depend on the number of threads.
 *
 * @param kernel The kernel.
 * @param inputs Specs of the buffers it reads.
 * @returns One pass, or two if there are slabs.
 */
export function emitReduceWat(kernel: ReduceKernel, inputs: readonly TensorSpec[]): WatKernel {
  const plan = planOf(kernel, inputs.length);
  const main = plan.lanesAlongKept ? reduceAlongKept(plan) : reduceAlongReduced(plan);
  if (plan.slabs === 1) return { passes: [main], scratchBytes: 0, localBytes: 0 };
  return { passes: [main, combinePass(plan)], scratchBytes: 4 * plan.slabs * plan.keptCount, localBytes: 0 };
}

function planOf(kernel: ReduceKernel, inputs: number): ReducePlan {
  const { sizes, leading, values } = mergeAxes([kernel.shape, kernel.reduceShape], [kernel.value]);
  const value = values[0]!;
  const [kept, reduced] = [sizes.slice(0, leading), sizes.slice(leading)];
  const product = (list: readonly number[]) => list.reduce((a, b) => a * b, 1);
  const keptCount = product(kept);
  const lanesAlongKept = runsAlongKept(value, kept, reduced);
  const longest = Math.max(...reduced, 1);
  const wanted = Math.ceil(product(reduced) / (lanesAlongKept ? SLAB : 4 * SLAB));
  const slabs = Math.max(1, Math.min(wanted, longest, Math.floor(MAX_PARTIALS / Math.max(keptCount, 1))));
  const slabAxis = Math.max(0, reduced.indexOf(longest));
  const { op, value: { dtype } } = kernel;
  return { op, dtype, value, kept, reduced, keptCount, lanesAlongKept, slabs, slabAxis, inputs };
}

/** Memory runs along the kept axis if more loads step by one there than along the reduced axis. */
function runsAlongKept(value: Scalar, kept: readonly number[], reduced: readonly number[]): boolean {
  if (kept.length === 0 || needsScalar([value], kept.length - 1)) return false;
  if (reduced.length === 0) return true;
  let [keptSteps, reducedSteps] = [0, 0];
  visitScalars([value], (x) => {
    if (x.kind !== "load" && x.kind !== "gather") return;
    keptSteps += Number(x.access.strides[kept.length - 1] === 1);
    reducedSteps += Number(x.access.strides.at(-1) === 1);
  });
  return keptSteps > reducedSteps;
}

/** Text that combines `$next` into `$acc`; sums of floats keep what rounding loses (Kahan 1965). */
function accumulate({ op, dtype }: ReducePlan, next: string): string {
  if (op !== "sum" || dtype !== "float32") return `(local.set $acc ${combine(op, dtype, "(local.get $acc)", next)})`;
  return `(local.set $next (f32x4.sub ${next} (local.get $lost)))
(local.set $sum (f32x4.add (local.get $acc) (local.get $next)))
(local.set $lost (f32x4.sub (f32x4.sub (local.get $sum) (local.get $acc)) (local.get $next)))
(local.set $acc (local.get $sum))`;
}

/** Combines the partial results of the slabs in order; an item is 256 results. */
function combinePass(plan: ReducePlan): WatPass {
  const { op, dtype, keptCount, slabs } = plan;
  const locals = ["(local $j i32)", "(local $to i32)", "(local $slab i32)"];
  locals.push(...["$acc", "$next", "$sum", "$lost"].map((name) => `(local ${name} v128)`));
  const element = `(i32.add (i32.mul (local.get $slab) (i32.const ${keptCount})) (local.get $j))`;
  const at = `(i32.add (local.get $scratch) (i32.shl ${element} (i32.const 2)))`;
  const body = (load: string, store: string) =>
    `(local.set $acc ${identityOf(op, dtype)}) (local.set $lost (v128.const i32x4 0 0 0 0))
(local.set $slab (i32.const 0))
${loopWhile("$slab", 1, `(i32.const ${slabs})`, accumulate(plan, `(${load} ${at})`))}
(${store} (i32.add (local.get $out0) (i32.shl (local.get $j) (i32.const 2))) ${stored(dtype, "(local.get $acc)")})`;
  const end = "(i32.mul (local.get $end) (i32.const 256))";
  const run = `(local.set $j (i32.mul (local.get $begin) (i32.const 256)))
(local.set $to (select ${end} (i32.const ${keptCount}) (i32.lt_u ${end} (i32.const ${keptCount}))))
${loopWhile("$j", 4, "(local.get $to)", body("v128.load", "v128.store"))}
${loopWhile("$j", 1, "(local.get $to)", body("v128.load32_splat", "v128.store32_lane 0"))}`;
  const code = runFunction(plan.inputs, 1, locals, run);
  return { code, items: Math.ceil(keptCount / 256), itemCost: slabs * Math.min(keptCount, 256) + 10 };
}
