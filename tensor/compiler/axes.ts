/** @file Axes of a loop nest: sizes of 1 dropped, neighbours merged where every access steps through them as through one. */
import { type Access, type Bound, mapScalars, type Scalar, visitScalars } from "./scalar.ts";

/** Every list of per-axis numbers in an expression; they change together when axes merge. */
type Coefficients = readonly number[];

function coefficientsOf(x: Scalar): readonly Coefficients[] {
  if (x.kind === "load" || x.kind === "gather") return [x.access.strides];
  if (x.kind === "index") return [x.coefficients];
  return x.kind === "guard" ? x.bounds.map((bound) => bound.coefficients) : [];
}

/** Axes with the expressions over them. */
export interface MergedAxes {
  /** Sizes of the kept axes. */
  readonly sizes: readonly number[];
  /** How many of them come from the first group. */
  readonly leading: number;
  readonly values: readonly Scalar[];
}

/**
 * Merges the axes of expressions.
 *
 * @param groups Sizes of the axes, in groups across which nothing merges.
 * @param roots Expressions over all the axes.
 * @returns Fewer axes, and the expressions over them.
 */
export function mergeAxes(groups: readonly (readonly number[])[], roots: readonly Scalar[]): MergedAxes {
  const lists: Coefficients[] = [];
  visitScalars(roots, (x) => lists.push(...coefficientsOf(x)));
  // runs[k] holds the axes that become axis k, outermost first.
  const runs: number[][] = [];
  let axis = 0;
  let leading = 0;
  const sizes = groups.flat();
  groups.forEach((group, g) => {
    let open: number[] | null = null;
    for (const size of group) {
      const at = axis++;
      if (size === 1) continue;
      const last = open?.at(-1);
      if (open && last !== undefined && lists.every((list) => list[last] === list[at]! * size)) open.push(at);
      else runs.push(open = [at]);
    }
    if (g === 0) leading = runs.length;
  });
  const pick = (list: Coefficients) => runs.map((run) => list[run.at(-1)!]!);
  return {
    sizes: runs.map((run) => run.reduce((product, at) => product * sizes[at]!, 1)),
    leading,
    values: rewrite(roots, pick),
  };
}

/** Rebuilds expressions with other per-axis numbers; shared nodes stay shared. */
function rewrite(roots: readonly Scalar[], pick: (list: Coefficients) => Coefficients): readonly Scalar[] {
  const access = (x: Access): Access => ({ ...x, strides: pick(x.strides) });
  const bound = (x: Bound): Bound => ({ ...x, coefficients: pick(x.coefficients) });
  return mapScalars(roots, (x) => {
    if (x.kind === "load" || x.kind === "gather") return { ...x, access: access(x.access) };
    if (x.kind === "index") return { ...x, coefficients: pick(x.coefficients) };
    return x.kind === "guard" ? { ...x, bounds: x.bounds.map(bound) } : x;
  });
}
