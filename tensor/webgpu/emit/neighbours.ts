/** @file A map at one index, or at four neighbours at once, as statements of a function of a shader. */
import { type Scalar, visitScalars } from "../../compiler/scalar.ts";
import { affine, decode, ValueWriter } from "./values.ts";

/** Parts of a vec4. */
export const LANES = ["x", "y", "z", "w"] as const;

/** How a map is computed inside a shader. */
export interface Neighbours {
  /** Sizes of the axes of the map. */
  readonly sizes: readonly number[];
  /** Its expressions. */
  readonly values: readonly Scalar[];
  /** True if four elements that follow one another along the last axis are computed at once. */
  readonly four: boolean;
  /** Names of the buffers by their position in the loads. */
  readonly buffers: readonly string[];
  /** Buffers that hold vec4, as of `wideBuffers`. */
  readonly wide: ReadonlySet<number>;
  /** Position of a buffer whose element at hand is there already, under the name `own`. */
  readonly own?: number;
}

/** Statements and, for each element, the results of all expressions. */
export interface Computed {
  readonly lines: readonly string[];
  readonly results: readonly (readonly string[])[];
}

/**
 * Buffers whose loads at four neighbours are always one vec4 in memory.
 *
 * @param values Expressions.
 * @returns Their positions.
 */
export function wideBuffers(values: readonly Scalar[]): ReadonlySet<number> {
  const [wide, narrow] = [new Set<number>(), new Set<number>()];
  visitScalars(values, (x) => {
    if (x.kind !== "load") return;
    const { buffer, strides, offset } = x.access;
    const whole = x.dtype === "float32" && strides.at(-1) === 1 &&
      [...strides.slice(0, -1), offset].every((step) => step % 4 === 0);
    (whole ? wide : narrow).add(buffer);
  });
  return wide.difference(narrow);
}

/**
 * Writes the values of a map at element `at` (i32), or at four elements from `at` on.
 *
 * @param map The map.
 * @param needs Takes the names of functions that the statements call.
 * @returns Statements, and the names of the values.
 */
export function writeNeighbours(map: Neighbours, needs: Set<string>): Computed {
  const { sizes, values, four, buffers } = map;
  const names = sizes.map((_, axis) => `i${axis}`);
  const shared = { needs, count: 0 };
  const loads = wideLoads(map, names);
  const once = new Map<Scalar, string>();
  const before = new ValueWriter(names, buffers, shared, once);
  if (four) sameForNeighbours(map).forEach((x) => before.value(x));
  const lanes = (four ? LANES : [null]).map((part, lane) => {
    const indices = lane === 0 ? names : [...names.slice(0, -1), `(${names.at(-1)} + ${lane})`];
    const known = new Map(once);
    visitScalars(values, (x) => {
      const name = isOwn(map, x) ? "own" : loads.names.get(x);
      if (name) known.set(x, part ? `${name}.${part}` : name);
    });
    const writer = new ValueWriter(indices, buffers, shared, known);
    const results = values.map((value) => writer.value(value));
    return { lines: writer.lines, results };
  });
  return {
    lines: [
      decode("at", sizes, names),
      ...loads.lines,
      ...before.lines,
      ...lanes.flatMap(({ lines }) => lines),
    ],
    results: lanes.map(({ results }) => results),
  };
}

function isOwn({ own }: Neighbours, x: Scalar): boolean {
  return x.kind === "load" && x.access.buffer === own;
}

/** Loads of vec4, and the name of each. */
function wideLoads({ values, four, wide, own, buffers }: Neighbours, indices: readonly string[]) {
  const lines: string[] = [];
  const names = new Map<Scalar, string>();
  visitScalars(values, (x) => {
    if (!four || x.kind !== "load" || !wide.has(x.access.buffer) || x.access.buffer === own) return;
    const { buffer, strides, offset } = x.access;
    const name = `four_${lines.length}`;
    lines.push(`let ${name} = ${buffers[buffer]}[(${affine(indices, strides, offset)}) / 4];`);
    names.set(x, name);
  });
  return { lines, names };
}

/** Expressions that are the same for four neighbours: they do not depend on the last axis. */
function sameForNeighbours(map: Neighbours): readonly Scalar[] {
  const found = new Set<Scalar>();
  visitScalars(map.values, (x) => {
    const same = x.kind === "op"
      ? x.args.every((arg) => arg.kind === "const" || found.has(arg))
      : x.kind === "load"
      ? !isOwn(map, x) && x.access.strides.at(-1) === 0
      : x.kind === "index" && x.coefficients.at(-1) === 0;
    if (same) found.add(x);
  });
  return [...found];
}
