import { mergeAxes } from "../../../compiler/axes.ts";
import type { Reduced, ReduceKernel } from "../../../compiler/kernel.ts";
import type { WatKernel, WatPass } from "../../../compiler/kernel_text.ts";
import { type Scalar, visitScalars } from "../../../compiler/scalar.ts";
import type { TensorSpec } from "../../../spec.ts";
import { loopWhile, needsScalar, runFunction } from "./loops.ts";
import { stored } from "./operations.ts";
import { reduceAlongKept } from "./reduce_along_kept.ts";
import { reduceAlongReduced } from "./reduce_along_reduced.ts";
import { buffersOf, combine, identityOf, type ReducePlan, rootsOf } from "./reduce_plan.ts";

/** Additions to one lane of an accumulator in one slab. Short, so that float32 sums stay close. */
const SLAB = 256;
/** Bound of the results of all slabs, in elements. */
const MAX_PARTIALS = 1 << 22;

/**
 * Writes fused reductions. Lanes run along the innermost reduced axis, or along the innermost kept axis where that is
 * what memory runs along. The longest reduced axis is cut into slabs that depend on the shape alone; their partial
 * results are combined in order by a second pass. So the result does not depend on the number of threads.
 *
 * @param kernel The kernel.
 * @param inputs Specs of the buffers it reads.
 * @returns One pass, or two if there are slabs.
 */
export function emitReduceWat(kernel: ReduceKernel, inputs: readonly TensorSpec[]): WatKernel {
  const plan = planOf(kernel, inputs.length);
  const { pass, localBytes } = plan.lanesAlongKept ? reduceAlongKept(plan) : reduceAlongReduced(plan);
  if (plan.slabs === 1) return { passes: [pass], scratchBytes: 0, localBytes };
  const scratchBytes = 4 * plan.slabs * plan.results.length * plan.keptCount;
  return { passes: [pass, combinePass(plan)], scratchBytes, localBytes };
}

function planOf({ shape, reduceShape, results, stores }: ReduceKernel, inputs: number): ReducePlan {
  // Axes merge only where what is stored steps through them as through one, too.
  const places = stores.map(({ value: { dtype }, strides }): Scalar => ({
    ...{ kind: "load", dtype, access: { buffer: -1, strides, offset: 0 } },
  }));
  const merged = mergeAxes([shape, reduceShape], [...rootsOf({ results, stores }), ...places]);
  const { sizes, leading, values } = merged;
  const [kept, reduced] = [sizes.slice(0, leading), sizes.slice(leading)];
  const product = (list: readonly number[]) => list.reduce((a, b) => a * b, 1);
  const keptCount = product(kept);
  const lanesAlongKept = places.every((_, i) => strideOf(values.at(-1 - i)!, leading - 1) === 1) &&
    runsAlongKept(values, kept, reduced);
  const longest = Math.max(...reduced, 1);
  const wanted = Math.ceil(product(reduced) / (lanesAlongKept ? SLAB : 16 * SLAB));
  const slabs = Math.max(1, Math.min(wanted, longest, Math.floor(MAX_PARTIALS / Math.max(keptCount, 1))));
  return {
    results: results.map((result, k) => ({ ...result, value: values[k]! })),
    stores: stores.map((_, i) => ({
      value: values[results.length + i]!,
      strides: (values[results.length + stores.length + i] as Scalar & { kind: "load" }).access.strides,
    })),
    ...{ kept, reduced, keptCount, lanesAlongKept, slabs, slabAxis: Math.max(0, reduced.indexOf(longest)), inputs },
  };
}

/** Step of a load along an axis. */
function strideOf(x: Scalar, axis: number): number | undefined {
  return x.kind === "load" ? x.access.strides[axis] : undefined;
}

/** Memory runs along the kept axis if more loads step by one there than along the reduced axis. */
function runsAlongKept(roots: readonly Scalar[], kept: readonly number[], reduced: readonly number[]): boolean {
  if (kept.length === 0 || needsScalar(roots, kept.length - 1)) return false;
  if (reduced.length === 0) return true;
  let [keptSteps, reducedSteps] = [0, 0];
  visitScalars(roots, (x) => {
    if (x.kind !== "load" && x.kind !== "gather") return;
    keptSteps += Number(x.access.strides[kept.length - 1] === 1);
    reducedSteps += Number(x.access.strides.at(-1) === 1);
  });
  return keptSteps > reducedSteps;
}

/** Text that combines `$next` into `$acc`; sums of floats keep what rounding loses (Kahan 1965). */
function accumulate({ op, value: { dtype } }: Reduced, next: string): string {
  if (op !== "sum" || dtype !== "float32") return `(local.set $acc ${combine(op, dtype, "(local.get $acc)", next)})`;
  return `(local.set $next (f32x4.sub ${next} (local.get $lost)))
(local.set $sum (f32x4.add (local.get $acc) (local.get $next)))
(local.set $lost (f32x4.sub (f32x4.sub (local.get $sum) (local.get $acc)) (local.get $next)))
(local.set $acc (local.get $sum))`;
}

/** Combines the partial results of the slabs in order; an item is 64 places of each result. */
function combinePass(plan: ReducePlan): WatPass {
  const { keptCount, slabs, results } = plan;
  const locals = ["(local $j i32)", "(local $to i32)", "(local $slab i32)"];
  locals.push(...["$acc", "$next", "$sum", "$lost"].map((name) => `(local ${name} v128)`));
  const row = (k: number) => `(i32.add (i32.mul (local.get $slab) (i32.const ${results.length})) (i32.const ${k}))`;
  const at = (k: number) => {
    const element = `(i32.add (i32.mul ${row(k)} (i32.const ${keptCount})) (local.get $j))`;
    return `(i32.add (local.get $scratch) (i32.shl ${element} (i32.const 2)))`;
  };
  const one = (result: Reduced, k: number, load: string, store: string) =>
    `(local.set $acc ${identityOf(result)}) (local.set $lost (v128.const i32x4 0 0 0 0))
(local.set $slab (i32.const 0))
${loopWhile("$slab", 1, `(i32.const ${slabs})`, accumulate(result, `(${load} ${at(k)})`))}
(${store} (i32.add (local.get $out${k}) (i32.shl (local.get $j) (i32.const 2))) ${
      stored(result.value.dtype, "(local.get $acc)")
    })`;
  const body = (load: string, store: string) => results.map((result, k) => one(result, k, load, store)).join("\n");
  const end = "(i32.mul (local.get $end) (i32.const 64))";
  const run = `(local.set $j (i32.mul (local.get $begin) (i32.const 64)))
(local.set $to (select ${end} (i32.const ${keptCount}) (i32.lt_u ${end} (i32.const ${keptCount}))))
${loopWhile("$j", 4, "(local.get $to)", body("v128.load", "v128.store"))}
${loopWhile("$j", 1, "(local.get $to)", body("v128.load32_splat", "v128.store32_lane 0"))}`;
  const { inputs, outputs } = buffersOf(plan);
  const code = runFunction(inputs, outputs, locals, run);
  return { code, items: Math.ceil(keptCount / 64), itemCost: slabs * results.length * Math.min(keptCount, 64) + 10 };
}
