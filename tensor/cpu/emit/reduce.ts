import type { ReduceKernel, WatKernel, WatPass } from "../../compiler/kernel.ts";
import type { Scalar } from "../../compiler/scalar.ts";
import type { DType, TensorSpec } from "../../spec.ts";
import { mergeAxes, visitScalars } from "../../compiler/axes.ts";
import { costOf, decode, loopWhile, needsScalar, runFunction } from "./loops.ts";
import { mathFunctions } from "./math.ts";
import { type Place, splat, stored, ValueWriter } from "./values.ts";

/** Reduced elements of one slab. Short, so that float32 sums stay close: partial sums of slabs are added afterwards. */
const SLAB = 4096;
/** Bound of the partial results, in elements. */
const MAX_PARTIALS = 1 << 22;

type Operation = ReduceKernel["op"];

/** Text of one combination of four lanes. */
export function combine(op: Operation, dtype: DType, a: string, b: string): string {
  if (dtype === "float32") return `(f32x4.${op === "sum" ? "add" : op} ${a} ${b})`;
  if (op === "sum") return `(i32x4.add ${a} ${b})`;
  return `(i32x4.${op}_${dtype === "int32" ? "s" : "u"} ${a} ${b})`;
}

/** What a reduction over nothing gives. */
export function identityOf(op: Operation, dtype: DType): string {
  if (op === "sum") return "(v128.const i32x4 0 0 0 0)";
  if (dtype === "float32") return splat(op === "max" ? -Infinity : Infinity, dtype);
  const lowest = dtype === "int32" ? -2147483648 : 0;
  const highest = dtype === "int32" ? 2147483647 : -1;
  return `(i32x4.splat (i32.const ${op === "max" ? lowest : highest}))`;
}

/** A reduction over merged axes: what both layouts of the loops need to know. */
interface Plan {
  readonly op: Operation;
  readonly dtype: DType;
  readonly value: Scalar;
  readonly kept: readonly number[];
  readonly reduced: readonly number[];
  readonly keptCount: number;
  readonly slabs: number;
  readonly inputs: number;
  /** True if results go to scratch first, to be combined in the order of the slabs. */
  readonly partial: boolean;
}

/**
 * Writes a fused reduction. Lanes run along the innermost reduced axis, or along the innermost kept axis where that is
 * what memory runs along. The outermost reduced axis is cut into slabs that depend on the shape alone; their partial
 * results are combined in order by a second pass. So the result does not depend on the number of threads.
 *
 * @param kernel The kernel.
 * @param inputs Specs of the buffers it reads.
 * @returns One pass, or two if there are slabs.
 */
export function emitReduceWat(kernel: ReduceKernel, inputs: readonly TensorSpec[]): WatKernel {
  const { sizes, leading, values: [value] } = mergeAxes([kernel.shape, kernel.reduceShape], [kernel.value]);
  const [kept, reduced] = [sizes.slice(0, leading), sizes.slice(leading)];
  const product = (list: readonly number[]) => list.reduce((a, b) => a * b, 1);
  const [keptCount, reducedCount] = [product(kept), product(reduced)];
  const wanted = Math.min(
    Math.ceil(reducedCount / SLAB),
    reduced[0] ?? 1,
    Math.floor(MAX_PARTIALS / Math.max(keptCount, 1)),
  );
  const slabs = Math.max(1, wanted);
  const plan: Plan = {
    op: kernel.op,
    dtype: kernel.value.dtype,
    value: value!,
    kept,
    reduced,
    keptCount,
    slabs,
    inputs: inputs.length,
    partial: slabs > 1,
  };
  const main = lanesAlongKept(plan) ? alongKept(plan) : alongReduced(plan);
  if (!plan.partial) return { passes: [main], scratchBytes: 0, localBytes: 0 };
  return { passes: [main, combinePass(plan)], scratchBytes: 4 * slabs * keptCount, localBytes: 0 };
}

/** Memory runs along the kept axis if more loads step by one there than along the reduced axis. */
function lanesAlongKept({ value, kept, reduced }: Plan): boolean {
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

/** Locals of every reduction, and names of the indices. */
function frame({ kept, reduced }: Plan) {
  const keptNames = kept.map((_, axis) => `$k${axis}`);
  const reducedNames = reduced.map((_, axis) => `$r${axis}`);
  const locals = ["$item", "$rest", "$slab", "$from", "$to", "$j", "$until", "$place", ...keptNames, ...reducedNames]
    .map((name) => `(local ${name} i32)`);
  return {
    keptNames,
    reducedNames,
    locals,
    shared: { locals, calls: new Set<string>(), ids: new Map<Scalar, number>() },
  };
}

/** Sets the range of the outermost reduced axis for a slab. */
function slabRange({ reduced, slabs }: Plan): string {
  const size = reduced[0] ?? 1;
  if (slabs === 1) return `(local.set $from (i32.const 0)) (local.set $to (i32.const ${size}))`;
  const length = Math.ceil(size / slabs);
  const end = `(i32.add (local.get $from) (i32.const ${length}))`;
  return `(local.set $from (i32.mul (local.get $slab) (i32.const ${length})))
(local.set $from (select (local.get $from) (i32.const ${size}) (i32.lt_u (local.get $from) (i32.const ${size}))))
(local.set $to (select ${end} (i32.const ${size}) (i32.lt_u ${end} (i32.const ${size}))))`;
}

/** Loops over the reduced axes but the last `inner`, the outermost within its slab. */
function reducedLoops(names: readonly string[], sizes: readonly number[], inner: number, body: string): string {
  const axes = names.length - inner;
  let code = body;
  for (let axis = axes - 1; axis >= 0; axis--) {
    const end = axis === 0 ? "(local.get $to)" : `(i32.const ${sizes[axis]})`;
    const start = axis === 0 ? "(local.get $from)" : "(i32.const 0)";
    code = `(local.set ${names[axis]} ${start})\n${loopWhile(names[axis]!, 1, end, code)}`;
  }
  return code;
}

/** Byte address of result `place` (an i32 expression), partial or final. */
function resultAddress({ keptCount, partial }: Plan, place: string): string {
  if (!partial) return `(i32.add (local.get $out0) (i32.shl ${place} (i32.const 2)))`;
  const row = `(i32.mul (local.get $slab) (i32.const ${keptCount}))`;
  return `(i32.add (local.get $scratch) (i32.shl (i32.add ${row} ${place}) (i32.const 2)))`;
}

/** What a result is stored as: partial results of bools stay masks. */
function resultValue({ dtype, partial }: Plan, value: string): string {
  return partial ? value : stored(dtype, value);
}

/** Horizontal combination of four lanes, in a fixed tree, into all lanes. */
function acrossLanes(op: Operation, dtype: DType, x: string): string {
  const swap = (v: string, bytes: string) => `(i8x16.shuffle ${bytes} ${v} ${v})`;
  const half = combine(op, dtype, x, swap(x, "8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7"));
  return `(local.set $acc ${half})\n(local.set $acc ${
    combine(op, dtype, "(local.get $acc)", swap("(local.get $acc)", "4 5 6 7 0 1 2 3 12 13 14 15 8 9 10 11"))
  })`;
}

/** Lanes along the innermost reduced axis; an item is one result of one slab. */
function alongReduced(plan: Plan): WatPass {
  const { op, dtype, value, kept, reduced, keptCount, slabs } = plan;
  const { keptNames, reducedNames, locals, shared } = frame(plan);
  locals.push("(local $acc v128)", "(local $tail v128)");
  const lane = reduced.length === 0 ? -1 : kept.length + reduced.length - 1;
  const indices = [...keptNames, ...reducedNames.slice(0, -1)].map((name) => `(local.get ${name})`);
  if (lane >= 0) indices.push("(local.get $j)");
  const place = (scalar: boolean): Place => ({ indices, lane, scalar, shift: 0 });
  const outer = new ValueWriter(shared, place(true), null);
  const body = (scalar: boolean, into: string) => {
    const writer = new ValueWriter(shared, place(scalar), outer);
    const result = writer.value(value);
    return `${writer.lines.join("\n")}\n(local.set ${into} ${combine(op, dtype, `(local.get ${into})`, result)})`;
  };
  const scalarOnly = lane < 0 || needsScalar([value], lane);
  const vector = scalarOnly ? "" : loopWhile("$j", 4, "(local.get $until)", body(false, "$acc"));
  const tail = loopWhile("$j", 1, "(local.get $until)", body(true, "$tail"));
  const single = reduced.length <= 1;
  const range = single
    ? "(local.set $j (local.get $from)) (local.set $until (local.get $to))"
    : `(local.set $j (i32.const 0)) (local.set $until (i32.const ${reduced.at(-1)}))`;
  const innermost = `${range}\n${outer.lines.join("\n")}\n${vector}\n${tail}`;
  const loops = single ? innermost : reducedLoops(reducedNames, reduced, 1, innermost);
  const identity = identityOf(op, dtype);
  const item = `(local.set $slab (i32.rem_u (local.get $item) (i32.const ${slabs})))
(local.set $place (i32.div_u (local.get $item) (i32.const ${slabs})))
${decode("(local.get $place)", kept, keptNames)}
${slabRange(plan)}
(local.set $acc ${identity}) (local.set $tail ${identity})
${loops}
${acrossLanes(op, dtype, "(local.get $acc)")}
(v128.store32_lane 0 ${resultAddress(plan, "(local.get $place)")} ${
    resultValue(plan, combine(op, dtype, "(local.get $acc)", "(local.get $tail)"))
  })`;
  const perItem = reduced.reduce((a, b) => a * b, 1) / slabs;
  return finish(
    plan,
    item,
    locals,
    shared.calls,
    keptCount * slabs,
    perItem * costOf([value], lane) * (scalarOnly ? 3 : 1),
  );
}

/** Lanes along the innermost kept axis, several vectors at a time; an item is a block of results of one slab. */
function alongKept(plan: Plan): WatPass {
  const { op, dtype, value, kept, reduced, slabs } = plan;
  const { keptNames, reducedNames, locals, shared } = frame(plan);
  const lane = kept.length - 1;
  const inner = kept[lane]!;
  let operations = 0;
  visitScalars([value], () => operations++);
  const unroll = operations <= 8 ? 8 : operations <= 24 ? 4 : 2;
  const block = 4 * unroll;
  const blocks = Math.ceil(inner / block);
  for (let u = 0; u < unroll; u++) locals.push(`(local $acc${u} v128)`);
  const indices = [...keptNames.slice(0, -1), "$j", ...reducedNames].map((name) => `(local.get ${name})`);
  const group = (vectors: number, scalar: boolean) => {
    const outer = new ValueWriter(shared, { indices, lane, scalar: true, shift: 0 }, null);
    const steps = Array.from({ length: vectors }, (_, u) => {
      const writer = new ValueWriter(shared, { indices, lane, scalar, shift: 4 * u }, outer);
      const result = writer.value(value);
      return `${writer.lines.join("\n")}\n(local.set $acc${u} ${combine(op, dtype, `(local.get $acc${u})`, result)})`;
    });
    const clear = steps.map((_, u) => `(local.set $acc${u} ${identityOf(op, dtype)})`).join(" ");
    const loops = reducedLoops(reducedNames, reduced, 0, `${outer.lines.join("\n")}\n${steps.join("\n")}`);
    const stores = steps.map((_, u) => storeVector(plan, u, scalar, inner)).join("\n");
    return `${clear}\n${loops}\n${stores}`;
  };
  const rowCount = kept.slice(0, -1).reduce((a, b) => a * b, 1);
  const limit = `(i32.const ${inner})`;
  const end = `(i32.add (local.get $j) (i32.const ${block}))`;
  const item = `(local.set $slab (i32.rem_u (local.get $item) (i32.const ${slabs})))
(local.set $place (i32.div_u (local.get $item) (i32.const ${slabs})))
(local.set $j (i32.mul (i32.rem_u (local.get $place) (i32.const ${blocks})) (i32.const ${block})))
(local.set $until (select ${end} ${limit} (i32.lt_u ${end} ${limit})))
(local.set $place (i32.div_u (local.get $place) (i32.const ${blocks})))
${decode("(local.get $place)", kept.slice(0, -1), keptNames.slice(0, -1))}
${slabRange(plan)}
${unroll > 1 && inner >= block ? loopWhile("$j", block, "(local.get $until)", group(unroll, false)) : ""}
${inner >= 4 ? loopWhile("$j", 4, "(local.get $until)", group(1, false)) : ""}
${inner % 4 === 0 ? "" : loopWhile("$j", 1, "(local.get $until)", group(1, true))}`;
  const perItem = reduced.reduce((a, b) => a * b, 1) / slabs * Math.min(block, inner);
  return finish(plan, item, locals, shared.calls, rowCount * blocks * slabs, perItem * costOf([value], lane));
}

function storeVector(plan: Plan, u: number, scalar: boolean, inner: number): string {
  const element = `(i32.add (i32.mul (local.get $place) (i32.const ${inner})) (i32.add (local.get $j) (i32.const ${
    4 * u
  })))`;
  const value = resultValue(plan, `(local.get $acc${u})`);
  return `(${scalar ? "v128.store32_lane 0" : "v128.store"} ${resultAddress(plan, element)} ${value})`;
}

function finish(
  plan: Plan,
  item: string,
  locals: readonly string[],
  calls: ReadonlySet<string>,
  items: number,
  itemCost: number,
): WatPass {
  const loop = `(local.set $item (local.get $begin))\n${loopWhile("$item", 1, "(local.get $end)", item)}`;
  return {
    code: `${mathFunctions(calls)}\n${runFunction(plan.inputs, 1, locals, loop)}`,
    items,
    itemCost: itemCost + 10,
  };
}

/** Combines the partial results of the slabs in order; an item is 256 results. */
function combinePass(plan: Plan): WatPass {
  const { op, dtype, keptCount, slabs } = plan;
  const locals = ["(local $j i32)", "(local $to i32)", "(local $slab i32)", "(local $acc v128)"];
  const at =
    `(i32.add (local.get $scratch) (i32.shl (i32.add (i32.mul (local.get $slab) (i32.const ${keptCount})) (local.get $j)) (i32.const 2)))`;
  const body = (scalar: boolean) => {
    const load = `(v128.load${scalar ? "32_splat" : ""} ${at})`;
    const address = "(i32.add (local.get $out0) (i32.shl (local.get $j) (i32.const 2)))";
    return `(local.set $acc ${identityOf(op, dtype)}) (local.set $slab (i32.const 0))
${loopWhile("$slab", 1, `(i32.const ${slabs})`, `(local.set $acc ${combine(op, dtype, "(local.get $acc)", load)})`)}
(v128.store${scalar ? "32_lane 0" : ""} ${address} ${stored(dtype, "(local.get $acc)")})`;
  };
  const end = "(i32.mul (local.get $end) (i32.const 256))";
  const run = `(local.set $j (i32.mul (local.get $begin) (i32.const 256)))
(local.set $to (select ${end} (i32.const ${keptCount}) (i32.lt_u ${end} (i32.const ${keptCount}))))
${loopWhile("$j", 4, "(local.get $to)", body(false))}
${loopWhile("$j", 1, "(local.get $to)", body(true))}`;
  return {
    code: runFunction(plan.inputs, 1, locals, run),
    items: Math.ceil(keptCount / 256),
    itemCost: slabs * 100 + 10,
  };
}
