import type { WatPass } from "../../compiler/kernel.ts";
import { type ReduceFrame, reduceFrame, type ReducePlan } from "./reduce_plan.ts";
import { combine, identityOf, itemStart, rangeOf, reducedLoops, storeResult } from "./reduce_plan.ts";
import { costOf, countNodes, decode, itemPass, loopWhile, needsScalar } from "./loops.ts";
import { ValueWriter } from "./values.ts";

/** Horizontal combination of the lanes of `$acc0`, in a fixed tree, into all lanes. */
function acrossLanes({ op, dtype }: ReducePlan): string {
  const swap = (bytes: string) => `(i8x16.shuffle ${bytes} (local.get $acc0) (local.get $acc0))`;
  return ["8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7", "4 5 6 7 0 1 2 3 12 13 14 15 8 9 10 11"]
    .map((bytes) => `(local.set $acc0 ${combine(op, dtype, "(local.get $acc0)", swap(bytes))})`).join("\n");
}

/** Loops along the innermost reduced axis: several vectors, one vector, one element at a time. */
function innermost(plan: ReducePlan, { keptNames, reducedNames, shared }: ReduceFrame, unroll: number): string {
  const { op, dtype, value, kept, reduced } = plan;
  const lane = reduced.length === 0 ? -1 : kept.length + reduced.length - 1;
  const indices = [...keptNames, ...reducedNames.slice(0, -1), ...(lane >= 0 ? ["$j"] : [])]
    .map((name) => `(local.get ${name})`);
  const outer = new ValueWriter(shared, { indices, lane, scalar: true, shift: 0 }, null);
  const step = (vectors: number, scalar: boolean) =>
    Array.from({ length: vectors }, (_, u) => {
      const writer = new ValueWriter(shared, { indices, lane, scalar, shift: 4 * u }, outer);
      const result = writer.value(value);
      const into = scalar ? "$tail" : `$acc${u}`;
      return `${writer.lines.join("\n")}\n(local.set ${into} ${combine(op, dtype, `(local.get ${into})`, result)})`;
    }).join("\n");
  const scalarOnly = lane < 0 || needsScalar([value], lane);
  const loops = [
    scalarOnly || unroll === 1 ? "" : loopWhile("$j", 4 * unroll, "(local.get $until)", step(unroll, false)),
    scalarOnly ? "" : loopWhile("$j", 4, "(local.get $until)", step(1, false)),
    loopWhile("$j", 1, "(local.get $until)", step(1, true)),
  ].join("\n");
  const [from, until] = lane < 0 ? ["(i32.const 0)", "(i32.const 1)"] : rangeOf(plan, reduced.length - 1);
  return `(local.set $j ${from}) (local.set $until ${until})\n${outer.lines.join("\n")}\n${loops}`;
}

/**
 * Writes a reduction with lanes along the innermost reduced axis.
 *
 * @param plan What is reduced.
 * @returns One pass; an item is one result of one slab.
 */
export function reduceAlongReduced(plan: ReducePlan): WatPass {
  const { op, dtype, value, kept, reduced, keptCount, slabs } = plan;
  const frame = reduceFrame(plan);
  const { keptNames, reducedNames, shared } = frame;
  const unroll = countNodes([value]) <= 8 && (reduced.at(-1) ?? 0) >= 16 ? 4 : 1;
  const accumulators = [...Array.from({ length: unroll }, (_, u) => `$acc${u}`), "$tail"];
  accumulators.forEach((name) => shared.locals.push(`(local ${name} v128)`));
  const merge = accumulators.slice(1, -1)
    .map((name) => `(local.set $acc0 ${combine(op, dtype, "(local.get $acc0)", `(local.get ${name})`)})`);
  const result = combine(op, dtype, "(local.get $acc0)", "(local.get $tail)");
  const item = `${itemStart(plan)}
${decode("(local.get $place)", kept, keptNames)}
${accumulators.map((name) => `(local.set ${name} ${identityOf(op, dtype)})`).join(" ")}
${reducedLoops(plan, reducedNames, reduced.length - 1, innermost(plan, frame, unroll))}
${merge.join("\n")}
${acrossLanes(plan)}
${storeResult(plan, "(local.get $place)", result, "v128.store32_lane 0")}`;
  const lane = kept.length + reduced.length - 1;
  const cost = costOf([value], lane) * (needsScalar([value], lane) ? 3 : 1);
  const itemCost = cost * reduced.reduce((a, b) => a * b, 1) / slabs + 10;
  return itemPass(plan.inputs, shared, item, keptCount * slabs, itemCost);
}
