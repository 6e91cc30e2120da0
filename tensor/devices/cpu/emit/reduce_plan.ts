import type { Reduced, ReduceKernel, Store } from "../../../compiler/kernel.ts";
import type { Scalar } from "../../../compiler/scalar.ts";
import type { DType } from "../../../spec.ts";
import { loopWhile } from "./loops.ts";
import { splat, stored } from "./operations.ts";
import type { SideBySide } from "./side_by_side.ts";
import type { SharedText } from "./place.ts";

type Operation = Reduced["op"];

/** A reduction over merged axes: what both layouts of the loops need to know. */
export interface ReducePlan {
  readonly results: ReduceKernel["results"];
  readonly stores: readonly Store[];
  /** Sizes of the axes that stay. */
  readonly kept: readonly number[];
  /** Sizes of the axes that go. */
  readonly reduced: readonly number[];
  readonly keptCount: number;
  /** True if lanes run along the innermost kept axis, false if along the innermost reduced one. */
  readonly lanesAlongKept: boolean;
  /** In how many parts `slabAxis` is cut. */
  readonly slabs: number;
  /** The longest reduced axis; 0 if there is none. */
  readonly slabAxis: number;
  /** Number of buffers it reads. */
  readonly inputs: number;
}

/** How many buffers the code takes. */
export function buffersOf(plan: ReducePlan): { readonly inputs: number; readonly outputs: number } {
  return { inputs: plan.inputs, outputs: plan.results.length + plan.stores.length };
}

/** Everything that is evaluated at each index. */
export function rootsOf({ results, stores }: Pick<ReducePlan, "results" | "stores">): readonly Scalar[] {
  return [...results, ...stores].map(({ value }) => value);
}

/** Text of one combination of four lanes. */
export function combine(op: Operation, dtype: DType, a: string, b: string): string {
  if (dtype === "float32") return `(f32x4.${op === "sum" ? "add" : op} ${a} ${b})`;
  if (op === "sum") return `(i32x4.add ${a} ${b})`;
  return `(i32x4.${op}_${dtype === "int32" ? "s" : "u"} ${a} ${b})`;
}

/** What a reduction over nothing gives. */
export function identityOf({ op, value: { dtype } }: Reduced): string {
  if (op === "sum") return "(v128.const i32x4 0 0 0 0)";
  if (dtype === "float32") return splat(op === "max" ? -Infinity : Infinity, dtype);
  const lowest = dtype === "int32" ? -2147483648 : 0;
  const highest = dtype === "int32" ? 2147483647 : -1;
  return `(i32x4.splat (i32.const ${op === "max" ? lowest : highest}))`;
}

/** Locals of every reduction, and names of the indices. */
export interface ReduceFrame {
  readonly keptNames: readonly string[];
  readonly reducedNames: readonly string[];
  /** What the value writers of the function share. */
  readonly shared: SharedText;
}

/** Declares the locals. */
export function reduceFrame({ kept, reduced }: ReducePlan): ReduceFrame {
  const keptNames = kept.map((_, axis) => `$k${axis}`);
  const reducedNames = reduced.map((_, axis) => `$r${axis}`);
  const names = ["$item", "$rest", "$slab", "$from", "$to", "$j", "$until", "$place", ...keptNames, ...reducedNames];
  const locals = names.map((name) => `(local ${name} i32)`);
  return { keptNames, reducedNames, shared: { locals, calls: new Set(), ids: new Map(), constants: new Map() } };
}

/**
 * Writes what happens at the places of several vectors: values are stored, and combined into accumulators.
 *
 * @param plan The reduction.
 * @param vectors Write the values there.
 * @param accumulator Local of each result.
 * @returns Code.
 */
export function visit(
  { results, stores }: ReducePlan,
  { writers, valuesOf, around }: SideBySide,
  accumulator: (result: number, vector: number) => string,
): string {
  const values = valuesOf(rootsOf({ results, stores }));
  const combined = results.flatMap(({ op, value: { dtype } }, k) =>
    writers.map((_, u) => {
      const name = accumulator(k, u);
      return `(local.set ${name} ${combine(op, dtype, `(local.get ${name})`, values[u]![k]!)})`;
    })
  );
  const written = stores.flatMap(({ value: { dtype }, strides }, i) =>
    writers.map((writer, u) => {
      const output = results.length + i;
      return writer.store(output, strides, stored(dtype, values[u]![output]!));
    })
  );
  return around([...combined, ...written]);
}

/** Splits the number of an item into slab and place, and finds the slab's range. */
export function itemStart({ reduced, slabs, slabAxis }: ReducePlan): string {
  const size = `(i32.const ${reduced[slabAxis] ?? 1})`;
  const place = `(local.set $slab (i32.rem_u (local.get $item) (i32.const ${slabs})))
(local.set $place (i32.div_u (local.get $item) (i32.const ${slabs})))`;
  if (slabs === 1) return `${place}\n(local.set $from (i32.const 0)) (local.set $to ${size})`;
  const length = `(i32.const ${Math.ceil(reduced[slabAxis]! / slabs)})`;
  const atMost = (value: string) => `(select ${value} ${size} (i32.lt_u ${value} ${size}))`;
  return `${place}
(local.set $from ${atMost(`(i32.mul (local.get $slab) ${length})`)})
(local.set $to ${atMost(`(i32.add (local.get $from) ${length})`)})`;
}

/** First index and end along a reduced axis. */
export function rangeOf({ reduced, slabAxis }: ReducePlan, axis: number): readonly [string, string] {
  return axis === slabAxis
    ? ["(local.get $from)", "(local.get $to)"]
    : ["(i32.const 0)", `(i32.const ${reduced[axis]})`];
}

/** Loops over the outermost `count` reduced axes. */
export function reducedLoops(plan: ReducePlan, names: readonly string[], count: number, body: string): string {
  let code = body;
  for (let axis = count - 1; axis >= 0; axis--) {
    const [from, to] = rangeOf(plan, axis);
    code = `(local.set ${names[axis]} ${from})\n${loopWhile(names[axis]!, 1, to, code)}`;
  }
  return code;
}

/** Address of a result at `place` (an i32 expression): a final one, or that of a slab. */
export function resultAddress({ slabs, keptCount, results }: ReducePlan, result: number, place: string): string {
  if (slabs === 1) return `(i32.add (local.get $out${result}) (i32.shl ${place} (i32.const 2)))`;
  const row = `(i32.mul (i32.add (i32.mul (local.get $slab) (i32.const ${results.length})) (i32.const ${result})) ` +
    `(i32.const ${keptCount}))`;
  return `(i32.add (local.get $scratch) (i32.shl (i32.add ${row} ${place}) (i32.const 2)))`;
}

/** What is stored for a result. Those of slabs stay masks where they are bools. */
export function storedResult({ slabs, results }: ReducePlan, result: number, value: string): string {
  return slabs > 1 ? value : stored(results[result]!.value.dtype, value);
}
