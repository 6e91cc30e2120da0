import type { WatPass } from "../../compiler/kernel.ts";
import { costOf, countNodes, decode, itemPass, loopWhile } from "./loops.ts";
import { type ReduceFrame, reduceFrame, type ReducePlan } from "./reduce_plan.ts";
import { combine, identityOf, itemStart, reducedLoops, storeResult } from "./reduce_plan.ts";
import { ValueWriter } from "./values.ts";

/** Reduces `vectors` times four results, or one, from `$j` on. */
function group(plan: ReducePlan, frame: ReduceFrame, vectors: number, scalar: boolean): string {
  const { op, dtype, value, kept, reduced } = plan;
  const { keptNames, reducedNames, shared } = frame;
  const lane = kept.length - 1;
  const indices = [...keptNames.slice(0, -1), "$j", ...reducedNames].map((name) => `(local.get ${name})`);
  const outer = new ValueWriter(shared, { indices, lane, scalar: true, shift: 0 }, null);
  const steps = Array.from({ length: vectors }, (_, u) => {
    const writer = new ValueWriter(shared, { indices, lane, scalar, shift: 4 * u }, outer);
    const result = writer.value(value);
    return `${writer.lines.join("\n")}\n(local.set $acc${u} ${combine(op, dtype, `(local.get $acc${u})`, result)})`;
  });
  const body = `${outer.lines.join("\n")}\n${steps.join("\n")}`;
  const stores = steps.map((_, u) => {
    const element = `(i32.add (i32.mul (local.get $place) (i32.const ${kept[lane]})) ` +
      `(i32.add (local.get $j) (i32.const ${4 * u})))`;
    return storeResult(plan, element, `(local.get $acc${u})`, scalar ? "v128.store32_lane 0" : "v128.store");
  });
  const clear = steps.map((_, u) => `(local.set $acc${u} ${identityOf(op, dtype)})`);
  return `${clear.join(" ")}\n${reducedLoops(plan, reducedNames, reduced.length, body)}\n${stores.join("\n")}`;
}

/**
 * Writes a reduction with lanes along the innermost kept axis, several vectors at a time.
 *
 * @param plan What is reduced.
 * @returns One pass; an item is a block of results of one slab.
 */
export function reduceAlongKept(plan: ReducePlan): WatPass {
  const { value, kept, reduced, slabs } = plan;
  const frame = reduceFrame(plan);
  const rows = kept.slice(0, -1);
  const inner = kept.at(-1)!;
  const nodes = countNodes([value]);
  const unroll = nodes <= 8 ? 8 : nodes <= 24 ? 4 : 2;
  const block = 4 * unroll;
  const blocks = Math.ceil(inner / block);
  for (let u = 0; u < unroll; u++) frame.shared.locals.push(`(local $acc${u} v128)`);
  const limit = `(i32.const ${inner})`;
  const end = `(i32.add (local.get $j) (i32.const ${block}))`;
  const item = `${itemStart(plan)}
(local.set $j (i32.mul (i32.rem_u (local.get $place) (i32.const ${blocks})) (i32.const ${block})))
(local.set $until (select ${end} ${limit} (i32.lt_u ${end} ${limit})))
(local.set $place (i32.div_u (local.get $place) (i32.const ${blocks})))
${decode("(local.get $place)", rows, frame.keptNames)}
${inner >= block ? loopWhile("$j", block, "(local.get $until)", group(plan, frame, unroll, false)) : ""}
${inner >= 4 ? loopWhile("$j", 4, "(local.get $until)", group(plan, frame, 1, false)) : ""}
${inner % 4 === 0 ? "" : loopWhile("$j", 1, "(local.get $until)", group(plan, frame, 1, true))}`;
  const elements = reduced.reduce((a, b) => a * b, 1) / slabs * Math.min(block, inner);
  const items = rows.reduce((a, b) => a * b, 1) * blocks * slabs;
  return itemPass(plan.inputs, frame.shared, item, items, elements * costOf([value], kept.length - 1) + 10);
}
