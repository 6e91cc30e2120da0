import { countNodes } from "../../../compiler/scalar.ts";
import type { WatPass } from "../../../compiler/kernel_text.ts";
import { costOf, decode, itemPass, loopWhile } from "./loops.ts";
import { buffersOf, type ReduceFrame, reduceFrame, type ReducePlan, rootsOf, visit } from "./reduce_plan.ts";
import { identityOf, itemStart, rangeOf, reducedLoops, resultAddress, storedResult } from "./reduce_plan.ts";
import { sideBySide } from "./side_by_side.ts";
import { ValueWriter } from "./values.ts";

/** Places along the innermost kept axis of one item. */
const GROUP = 1024;
/** Rows of the innermost reduced axis that accumulators stay in registers for: memory is read in a band of rows. */
const BAND = 16;

/** Byte address of the accumulators of result `k` from place `$j` on, in the thread's own scratch. */
function partial(k: number): string {
  const element = `(i32.add (i32.sub (local.get $j) (local.get $first)) (i32.const ${k * GROUP}))`;
  return `(i32.add (local.get $thread) (i32.shl ${element} (i32.const 2)))`;
}

/** Byte address of result `k` at the place `$j`. */
function resultAt(plan: ReducePlan, k: number): string {
  const place = `(i32.add (i32.mul (local.get $place) (i32.const ${plan.kept.at(-1)})) (local.get $j))`;
  return resultAddress(plan, k, place);
}

/** Instructions on four places, or one. */
function memoryOf(scalar: boolean): { readonly load: string; readonly store: string } {
  return scalar
    ? { load: "v128.load32_splat", store: "v128.store32_lane 0" }
    : { load: "v128.load", store: "v128.store" };
}

/** Code for each of some vectors side by side, whose addresses are told from that of the first. */
function beside(address: string, vectors: number, code: (at: string, u: number) => string): string {
  const each = Array.from(
    { length: vectors },
    (_, u) => code(`${u === 0 ? "" : `offset=${16 * u} `}(local.get $at)`, u),
  );
  return `(local.set $at ${address}) ${each.join(" ")}`;
}

/** True if nothing has to wait in scratch: all that is reduced is one band. Where nothing is reduced there is none. */
function inOneBand({ reduced, slabs }: ReducePlan): boolean {
  const rows = reduced.reduce((product, size) => product * size, 1);
  return slabs === 1 && reduced.length <= 1 && rows > 0 && rows <= BAND;
}

/** Adds a band of rows to `vectors` times four places, or one, from `$j` on. */
function group(plan: ReducePlan, frame: ReduceFrame, vectors: number, scalar: boolean): string {
  const { results, kept } = plan;
  const { keptNames, reducedNames, shared } = frame;
  const lane = kept.length - 1;
  const indices = [...keptNames.slice(0, -1), "$j", ...reducedNames].map((name) => `(local.get ${name})`);
  const outer = new ValueWriter(shared, { indices, lane, scalar: true, shift: 0 }, null);
  const writers = sideBySide(shared, { indices, lane, scalar, shift: 0 }, vectors, outer);
  const step = visit(plan, writers, (k, u) => `$acc${k}_${u}`);
  const body = `${outer.lines.join("\n")}\n${step}`;
  const direct = inOneBand(plan);
  const { load, store } = memoryOf(scalar);
  const loads = results.map((result, k) =>
    direct
      ? Array.from({ length: vectors }, (_, u) => `(local.set $acc${k}_${u} ${identityOf(result)})`).join(" ")
      : beside(partial(k), vectors, (at, u) => `(local.set $acc${k}_${u} (${load} ${at}))`)
  );
  const stores = results.map((_, k) =>
    beside(direct ? resultAt(plan, k) : partial(k), vectors, (at, u) => {
      const value = `(local.get $acc${k}_${u})`;
      return `(${store} ${at} ${direct ? storedResult(plan, k, value) : value})`;
    })
  );
  const last = reducedNames.at(-1);
  const rows = last === undefined
    ? body
    : `(local.set ${last} (local.get $band))\n${loopWhile(last, 1, "(local.get $bandEnd)", body)}`;
  return `${loads.join(" ")}\n${rows}\n${stores.join("\n")}`;
}

/** Runs code for `$j` from `$first` to `$until`: a block of vectors, one vector, one place at a time. */
function along(block: number, inner: number, code: (vectors: number, scalar: boolean) => string): string {
  return `(local.set $j (local.get $first))
${inner >= block ? loopWhile("$j", block, "(local.get $until)", code(block / 4, false)) : ""}
${inner >= 4 ? loopWhile("$j", 4, "(local.get $until)", code(1, false)) : ""}
${inner % 4 === 0 ? "" : loopWhile("$j", 1, "(local.get $until)", code(1, true))}`;
}

/** Reads the reduced axes in bands, so that what lies side by side in memory is read together. */
function bands(plan: ReducePlan, { reducedNames }: ReduceFrame, body: string): string {
  const { reduced } = plan;
  if (reduced.length === 0) return body;
  const [from, to] = rangeOf(plan, reduced.length - 1);
  const end = `(i32.add (local.get $band) (i32.const ${BAND}))`;
  const loop = `(local.set $band ${from})
(block (loop (br_if 1 (i32.ge_s (local.get $band) ${to}))
(local.set $bandEnd (select ${end} ${to} (i32.lt_s ${end} ${to})))
${body}
(local.set $band (local.get $bandEnd)) (br 0)))`;
  return reducedLoops(plan, reducedNames, reduced.length - 1, loop);
}

/**
 * Writes reductions with lanes along the innermost kept axis, several vectors at a time. Accumulators lie in scratch of
 * the thread between the bands of rows.
 *
 * @param plan What is reduced.
 * @returns One pass; an item is a group of places of one slab.
 */
export function reduceAlongKept(plan: ReducePlan): { readonly pass: WatPass; readonly localBytes: number } {
  const { results, kept, reduced, slabs } = plan;
  const frame = reduceFrame(plan);
  const { locals } = frame.shared;
  const [rows, inner] = [kept.slice(0, -1), kept.at(-1)!];
  const roots = rootsOf(plan);
  const nodes = countNodes(roots);
  const unroll = Math.max(1, (nodes <= 8 ? 8 : nodes <= 24 ? 4 : 2) / results.length >> 0);
  const groups = Math.ceil(inner / GROUP);
  for (const name of ["$first", "$band", "$bandEnd", "$at"]) locals.push(`(local ${name} i32)`);
  for (let u = 0; u < unroll; u++) results.forEach((_, k) => locals.push(`(local $acc${k}_${u} v128)`));
  const clear = (_: number, scalar: boolean) =>
    results.map((result, k) => `(${memoryOf(scalar).store} ${partial(k)} ${identityOf(result)})`).join("\n");
  const finish = (_: number, scalar: boolean) => {
    const { load, store } = memoryOf(scalar);
    const value = (k: number) => storedResult(plan, k, `(${load} ${partial(k)})`);
    return results.map((_, k) => `(${store} ${resultAt(plan, k)} ${value(k)})`).join("\n");
  };
  const direct = inOneBand(plan);
  const limit = `(i32.const ${inner})`;
  const end = `(i32.add (local.get $first) (i32.const ${GROUP}))`;
  const item = `${itemStart(plan)}
(local.set $first (i32.mul (i32.rem_u (local.get $place) (i32.const ${groups})) (i32.const ${GROUP})))
(local.set $until (select ${end} ${limit} (i32.lt_u ${end} ${limit})))
(local.set $place (i32.div_u (local.get $place) (i32.const ${groups})))
${decode("(local.get $place)", rows, frame.keptNames)}
${direct ? "" : along(4, inner, clear)}
${bands(plan, frame, along(4 * unroll, inner, (vectors, scalar) => group(plan, frame, vectors, scalar)))}
${direct ? "" : along(4, inner, finish)}`;
  const elements = reduced.reduce((a, b) => a * b, 1) / slabs * Math.min(GROUP, inner);
  const items = rows.reduce((a, b) => a * b, 1) * groups * slabs;
  const pass = itemPass(buffersOf(plan), frame.shared, item, items, elements * costOf(roots, kept.length - 1) + 10);
  return { pass, localBytes: direct ? 0 : 4 * GROUP * results.length };
}
