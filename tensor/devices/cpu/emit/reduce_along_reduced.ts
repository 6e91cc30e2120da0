import { countNodes } from "../../../compiler/scalar.ts";
import type { WatPass } from "../../../compiler/kernel_text.ts";
import { SHORT_NODES } from "../../../compiler/work.ts";
import { costOf, decode, itemPass, loopWhile, needsScalar } from "./loops.ts";
import { buffersOf, type ReduceFrame, reduceFrame, type ReducePlan, rootsOf, visit } from "./reduce_plan.ts";
import { combine, identityOf, itemStart, rangeOf, reducedLoops, resultAddress, storedResult } from "./reduce_plan.ts";
import { sideBySide } from "./side_by_side.ts";
import { ValueWriter } from "./values.ts";

/** Horizontal combination of the lanes of the first accumulators, in a fixed tree, into all lanes. */
function acrossLanes({ results }: ReducePlan): string {
  return results.map(({ op, value: { dtype } }, k) => {
    const acc = `(local.get $acc${k}_0)`;
    return ["8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7", "4 5 6 7 0 1 2 3 12 13 14 15 8 9 10 11"]
      .map((bytes) => `(local.set $acc${k}_0 ${combine(op, dtype, acc, `(i8x16.shuffle ${bytes} ${acc} ${acc})`)})`)
      .join("\n");
  }).join("\n");
}

/** Loops along the innermost reduced axis: several vectors, one vector, one element at a time. */
function innermost(plan: ReducePlan, { keptNames, reducedNames, shared }: ReduceFrame, unroll: number): string {
  const { kept, reduced } = plan;
  const lane = reduced.length === 0 ? -1 : kept.length + reduced.length - 1;
  const indices = [...keptNames, ...reducedNames.slice(0, -1), ...(lane >= 0 ? ["$j"] : [])]
    .map((name) => `(local.get ${name})`);
  const outer = new ValueWriter(shared, { indices, lane, scalar: true, shift: 0 }, null);
  const step = (vectors: number, scalar: boolean) => {
    const writers = sideBySide(shared, { indices, lane, scalar, shift: 0 }, vectors, outer);
    return visit(plan, writers, (k, u) => scalar ? `$tail${k}` : `$acc${k}_${u}`);
  };
  const scalarOnly = lane < 0 || needsScalar(rootsOf(plan), lane) || plan.stores.some((x) => x.strides[lane] !== 1);
  const loops = [
    scalarOnly || unroll === 1 ? "" : loopWhile("$j", 4 * unroll, "(local.get $until)", step(unroll, false)),
    scalarOnly ? "" : loopWhile("$j", 4, "(local.get $until)", step(1, false)),
    loopWhile("$j", 1, "(local.get $until)", step(1, true)),
  ].join("\n");
  const [from, until] = lane < 0 ? ["(i32.const 0)", "(i32.const 1)"] : rangeOf(plan, reduced.length - 1);
  return `(local.set $j ${from}) (local.set $until ${until})\n${outer.lines.join("\n")}\n${loops}`;
}

/**
 * Writes reductions with lanes along the innermost reduced axis.
 *
 * @param plan What is reduced.
 * @returns One pass; an item is one place of one slab.
 */
export function reduceAlongReduced(plan: ReducePlan): { readonly pass: WatPass; readonly localBytes: number } {
  const { results, kept, reduced, keptCount, slabs } = plan;
  const frame = reduceFrame(plan);
  const { keptNames, reducedNames, shared } = frame;
  const roots = rootsOf(plan);
  const unroll = countNodes(roots) <= SHORT_NODES && (reduced.at(-1) ?? 0) >= 16 ? 4 : 1;
  const accumulators = results.flatMap((result, k) =>
    [...Array.from({ length: unroll }, (_, u) => `$acc${k}_${u}`), `$tail${k}`].map((name) => ({ name, result }))
  );
  accumulators.forEach(({ name }) => shared.locals.push(`(local ${name} v128)`));
  const clear = accumulators.map(({ name, result }) => `(local.set ${name} ${identityOf(result)})`);
  const into = (k: number, text: string) =>
    combine(results[k]!.op, results[k]!.value.dtype, `(local.get $acc${k}_0)`, text);
  const merge = results.flatMap((_, k) =>
    Array.from({ length: unroll - 1 }, (_, u) => `(local.set $acc${k}_0 ${into(k, `(local.get $acc${k}_${u + 1})`)})`)
  );
  const stores = results.map((_, k) =>
    `(v128.store32_lane 0 ${resultAddress(plan, k, "(local.get $place)")} ${
      storedResult(plan, k, into(k, `(local.get $tail${k})`))
    })`
  );
  const item = `${itemStart(plan)}
${decode("(local.get $place)", kept, keptNames)}
${clear.join(" ")}
${reducedLoops(plan, reducedNames, reduced.length - 1, innermost(plan, frame, unroll))}
${merge.join("\n")}
${acrossLanes(plan)}
${stores.join("\n")}`;
  const lane = kept.length + reduced.length - 1;
  const cost = costOf(roots, lane) * (needsScalar(roots, lane) ? 3 : 1);
  const itemCost = cost * reduced.reduce((a, b) => a * b, 1) / slabs + 10;
  return { pass: itemPass(buffersOf(plan), shared, item, keptCount * slabs, itemCost), localBytes: 0 };
}
