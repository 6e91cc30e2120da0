/** @file A map at one index, or at four neighbours at once, as statements of a function of a shader. */
import type { FunctionName } from "../../../compiler/expansions/expanded.ts";
import { type Scalar, visitScalars } from "../../../compiler/scalar.ts";
import type { DType } from "../../../spec.ts";
import type { WgslMemory } from "../../../compiler/kernel_text.ts";
import { affine, decode, LANES, type Load, stored, ValueWriter } from "./values.ts";

/** Nodes of expressions up to which four elements are written out: beyond, shaders take longer to compile than they save. */
const MAX_NODES = 96;

/** How expressions are computed inside a shader. */
export interface Neighbours {
  readonly values: readonly Scalar[];
  /** True if four elements that follow one another along an axis are computed at once. */
  readonly four: boolean;
  /** That axis, the last by default. */
  readonly axis?: number;
  /** How the buffers are read. */
  readonly load: Load;
  /** Buffers that hold vec4, as of `wideBuffers`. */
  readonly wide: ReadonlySet<number>;
  /** Position of a buffer whose element at hand is there already, under the name `own`. */
  readonly own?: number;
}

/** A map over all elements of a tensor. */
export interface Elements extends Neighbours {
  /** Sizes of its axes. */
  readonly sizes: readonly number[];
}

/** Statements and, for each element, the results of all expressions. */
export interface Computed {
  readonly lines: readonly string[];
  readonly results: readonly (readonly string[])[];
}

/**
 * True if elements that follow one another along an axis lie so in memory, and four of them in one vec4.
 *
 * @param strides Elements to step for each axis.
 * @param axis The axis.
 * @returns True if so, where the index along the axis is a multiple of four.
 */
export function isWide(strides: readonly number[], axis: number): boolean {
  return strides[axis] === 1 && strides.every((step, i) => i === axis || step % 4 === 0);
}

/**
 * Buffers whose loads at four neighbours are always one vec4 in memory.
 *
 * @param values Expressions.
 * @param axis Along which the neighbours lie, the last by default.
 * @returns Their positions.
 */
export function wideBuffers(values: readonly Scalar[], axis = -1): ReadonlySet<number> {
  const [wide, narrow] = [new Set<number>(), new Set<number>()];
  visitScalars(values, (x) => {
    if (x.kind !== "load") return;
    const { buffer, strides, offset } = x.access;
    const whole = x.dtype === "float32" && isWide(strides, axis < 0 ? strides.length + axis : axis) && offset % 4 === 0;
    (whole ? wide : narrow).add(buffer);
  });
  return wide.difference(narrow);
}

/**
 * True if expressions are worth writing out for four neighbours: they are few, and all their loads may be made.
 *
 * @param values Expressions.
 * @returns True if so.
 */
export function isShort(values: readonly Scalar[]): boolean {
  let [nodes, bounded] = [0, false];
  visitScalars(values, (x) => {
    nodes++;
    bounded ||= x.kind === "guard" || x.kind === "gather";
  });
  return nodes <= MAX_NODES && !bounded;
}

/**
 * Writes the values of a map at element `at` (i32), or at four elements from `at` on.
 *
 * @param map The map.
 * @param needs Takes the names of functions that the statements call.
 * @returns Statements, and the names of the values.
 */
export function writeElements(map: Elements, needs: Set<FunctionName>): Computed {
  const names = map.sizes.map((_, axis) => `i${axis}`);
  const { lines, results } = writeNeighbours(map, names, needs);
  return { lines: [decode("at", map.sizes, names), ...lines], results };
}

/**
 * Writes the values of expressions at some indices, or at four neighbours from there on.
 *
 * @param map The expressions.
 * @param names i32 expressions of the indices.
 * @param needs Takes the names of functions that the statements call.
 * @returns Statements, and the names of the values.
 */
export function writeNeighbours(map: Neighbours, names: readonly string[], needs: Set<FunctionName>): Computed {
  const { values, four, load, axis = names.length - 1 } = map;
  const shared = { needs, count: 0 };
  const loads = wideLoads(map, names);
  const once = new Map<Scalar, string>();
  const before = new ValueWriter(names, load, shared, once);
  if (four) sameForNeighbours(map, axis).forEach((x) => before.value(x));
  const lanes = (four ? LANES : [null]).map((part, lane) => {
    const indices = lane === 0 ? names : names.with(axis, `(${names[axis]} + ${lane})`);
    const known = new Map(once);
    visitScalars(values, (x) => {
      const name = isOwn(map, x) ? "own" : loads.names.get(x);
      if (name) known.set(x, part ? `${name}.${part}` : name);
    });
    const writer = new ValueWriter(indices, load, shared, known);
    const results = values.map((value) => writer.value(value));
    return { lines: writer.lines, results };
  });
  return {
    lines: [...loads.lines, ...before.lines, ...lanes.flatMap(({ lines }) => lines)],
    results: lanes.map(({ results }) => results),
  };
}

function isOwn({ own }: Neighbours, x: Scalar): boolean {
  return x.kind === "load" && x.access.buffer === own;
}

/** Loads of vec4, and the name of each. */
function wideLoads({ values, four, wide, own, load }: Neighbours, indices: readonly string[]) {
  const lines: string[] = [];
  const names = new Map<Scalar, string>();
  visitScalars(values, (x) => {
    if (!four || x.kind !== "load" || !wide.has(x.access.buffer) || x.access.buffer === own) return;
    const { buffer, strides, offset } = x.access;
    const name = `four_${lines.length}`;
    lines.push(`let ${name} = ${load(buffer, `(${affine(indices, strides, offset)}) / 4`)};`);
    names.set(x, name);
  });
  return { lines, names };
}

/** Expressions that are the same for four neighbours: they do not depend on the axis. */
function sameForNeighbours(map: Neighbours, axis: number): readonly Scalar[] {
  const found = new Set<Scalar>();
  visitScalars(map.values, (x) => {
    const same = x.kind === "op"
      ? x.args.every((arg) => arg.kind === "const" || found.has(arg))
      : x.kind === "load"
      ? !isOwn(map, x) && x.access.strides[axis] === 0
      : x.kind === "index" && x.coefficients[axis] === 0;
    if (same) found.add(x);
  });
  return [...found];
}

/**
 * Writes values of neighbours at element `at` (i32): as one vec4 where there are four numbers, else one by one.
 *
 * @param memory How it is written.
 * @param output The buffer; with four float32 it holds vec4.
 * @param values Name of the value of each neighbour.
 * @returns Statements.
 */
export function storeNeighbours(
  { store }: WgslMemory,
  { name, dtype }: { readonly name: string; readonly dtype: DType },
  values: readonly string[],
): readonly string[] {
  const made = values.map((value) => stored(dtype, value));
  if (made.length === 4 && dtype === "float32") return [store(name, "at / 4", `vec4f(${made.join(", ")})`)];
  return made.map((value, lane) => store(name, `at + ${lane}`, value));
}
