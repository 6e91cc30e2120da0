/** @file How a reduction is divided among the invocations of a GPU. */
import { mergeAxes } from "../../../compiler/axes.ts";
import { type ReduceKernel, scalarsOf } from "../../../compiler/kernel.ts";
import type { WgslSubgroup } from "../../../compiler/kernel_text.ts";
import { type Scalar, visitScalars } from "../../../compiler/scalar.ts";
import { MAX_PARTIALS, MAX_TURNS } from "../machine.ts";
import { isShort, wideBuffers } from "./neighbours.ts";

/** Invocations of a group; where memory runs along the reduced axis, a group shares one place. */
export const GROUP = 64;
/** Reduced elements that one invocation adds up before partial results are combined. */
const RUN = 128;
/** Reduced elements up to which invocations that run together share a place, instead of a whole group: for each of them. */
const TEAM_RUN = 64;

/** A kernel over as few axes as it can be written with. */
interface Merged {
  readonly kernel: ReduceKernel;
  /** Sizes of the kept axes, which come first. */
  readonly kept: readonly number[];
  /** Sizes of the reduced axes. */
  readonly reduced: readonly number[];
}

/** How four neighbours are reduced at once: kept ones side by side, or reduced ones before all others. */
export interface Lanes {
  /** True if there are four. */
  readonly four: boolean;
  /** The axis along which they lie. */
  readonly axis: number;
  /** Inputs that hold vec4. */
  readonly wide: ReadonlySet<number>;
}

/** How reduced axes are cut: the longest, and others only where a slab would take too many turns. */
export interface Slabs {
  /** How many slabs there are. */
  readonly slabs: number;
  /** The size of a slab along each reduced axis, which is that of the axis where it is not cut. */
  readonly lengths: readonly number[];
}

/** A kernel, and who computes what of it. */
export interface ReducePlan extends Merged, Lanes, Slabs {
  /** How many indices are kept. */
  readonly places: number;
  /** Invocations that share a place: one, those that run together, or a group. */
  readonly team: number;
  /** Invocations that can read each other's registers. */
  readonly subgroup: WgslSubgroup | undefined;
}

/**
 * Divides a reduction. Slabs depend on the shape alone, not on the device.
 *
 * @param kernel The kernel.
 * @param subgroup Invocations that can read each other's registers, if there are any.
 * @returns The kernel over merged axes, and who computes what of it.
 */
export function reducePlan(kernel: ReduceKernel, subgroup: WgslSubgroup | undefined): ReducePlan {
  const merged = merge(kernel);
  const [places, count] = [productOf(merged.kept), productOf(merged.reduced)];
  const together = runsAlongReduced(merged) && (merged.reduced.at(-1) ?? 1) >= GROUP;
  const lanes = lanesOf(merged, together);
  const cut = slabsOf(merged, lanes, together);
  const short = subgroup && count <= TEAM_RUN * subgroup.size && cut.slabs === 1;
  const size = short ? Math.min(subgroup.size, GROUP) : GROUP;
  return { ...merged, ...lanes, ...cut, places, team: together ? size : 1, subgroup };
}

function productOf(list: readonly number[]): number {
  return list.reduce((a, b) => a * b, 1);
}

/** Axes merge only where what is stored steps through them as through one, too. */
function merge(kernel: ReduceKernel): Merged {
  const { shape, reduceShape, results, stores } = kernel;
  const addresses = stores.map(({ value: { dtype }, strides }): Scalar => ({
    ...{ kind: "load", dtype, access: { buffer: -1, strides, offset: 0 } },
  }));
  const { sizes, leading, values } = mergeAxes([shape, reduceShape], [...scalarsOf(kernel), ...addresses]);
  const merged: ReduceKernel = {
    ...kernel,
    results: results.map((result, k) => ({ ...result, value: values[k]! })),
    stores: stores.map((_, i) => ({
      value: values[results.length + i]!,
      strides: (values[results.length + stores.length + i] as Scalar & { kind: "load" }).access.strides,
    })),
  };
  return { kernel: merged, kept: sizes.slice(0, leading), reduced: sizes.slice(leading) };
}

/** True if loads step by one along the innermost reduced axis rather than the innermost kept one. */
function runsAlongReduced({ kernel, kept, reduced }: Merged): boolean {
  let [keptSteps, reducedSteps] = [0, 0];
  visitScalars(scalarsOf(kernel), (x) => {
    if (x.kind !== "load" && x.kind !== "gather") return;
    keptSteps += Number(kept.length > 0 && x.access.strides[kept.length - 1] === 1);
    reducedSteps += Number(reduced.length > 0 && x.access.strides.at(-1) === 1);
  });
  return reducedSteps >= keptSteps;
}

function lanesOf({ kernel, kept, reduced }: Merged, together: boolean): Lanes {
  const values = scalarsOf(kernel);
  const axis = (together ? kept.length + reduced.length : kept.length) - 1;
  const wide = wideBuffers(values, axis);
  const size = [...kept, ...reduced][axis] ?? 1;
  const four = axis >= 0 && size % 4 === 0 && wide.size > 0 && isShort(values);
  return { four, axis, wide: four ? wide : new Set() };
}

function slabsOf({ kept, reduced }: Merged, { four }: Lanes, together: boolean): Slabs {
  const team = together ? GROUP : 1;
  const whole = four && together ? 4 : 1; // vec4 do not cross slabs
  const most = Math.min(MAX_TURNS, Math.floor(MAX_PARTIALS / productOf(kept))); // those of a place are combined by one loop
  const longestFirst = reduced.map((_, axis) => axis).toSorted((a, b) => reduced[b]! - reduced[a]!);
  return longestFirst.reduce<Slabs>(({ slabs, lengths }, axis, rank) => {
    const turns = productOf(lengths) / team;
    const wanted = rank === 0 ? Math.ceil(turns / RUN) : Math.ceil(turns / MAX_TURNS);
    const [size, parts] = [reduced[axis]!, Math.max(1, Math.min(wanted, Math.floor(most / slabs)))];
    const length = whole * Math.max(1, Math.ceil(size / parts / whole));
    if (size <= length) return { slabs, lengths };
    return { slabs: slabs * Math.ceil(size / length), lengths: lengths.with(axis, length) };
  }, { slabs: 1, lengths: reduced });
}
