/** @file Functions of an example made functions of a batch. */
import { requireFunction, requireOptions, ShapeError, shown } from "../errors.ts";
import { transpose } from "../primitives/layout.ts";
import { spreadOne } from "../primitives/batching/spread.ts";
import { nextSequence, Tensor } from "../tensor.ts";
import { treeUnflatten } from "../tree.ts";
import { type NamedLeaf, namedLeaves } from "./arguments.ts";
import { type Axes, axesOfLeaves } from "./batching/axes.ts";
import { exampleOf } from "./batching/example.ts";
import { follow, type Mapping } from "./batching/follow.ts";
import { runInside } from "./running.ts";

export type { Axes } from "./batching/axes.ts";

/** Options of `vmap`. */
export interface VmapOptions {
  /**
   * Axes of the arguments that are mapped, 0 by default. A number or `null` holds for all arguments; a list has one item an
   * argument: a number, `null` for what is the same for all examples, or a tree of such.
   */
  readonly inAxes?: number | null | readonly Axes[];
  /** Where the axis of the examples stands in the results, 0 by default; `null` for what does not depend on the example. */
  readonly outAxes?: Axes;
  /** How many examples; needed only where no argument is mapped. */
  readonly axisSize?: number;
}

/** A leaf of an argument, and which axis of it is mapped. */
interface Operand extends NamedLeaf {
  readonly axis: number | null;
}

/** An axis counted from the front. */
function checkAxis(name: string, axis: number, rank: number): number {
  if (axis >= -rank && axis < rank) return axis < 0 ? axis + rank : axis;
  const range = rank === 0 ? "null, as it is a scalar" : `in [${-rank}, ${rank})`;
  throw new RangeError(`Cannot vmap as the axis of ${name} must be ${range}: current axis is ${axis}`);
}

/** The batch of an operand with the examples in front; `null` if it is not mapped. */
function frontOf({ axis, value, name }: Operand): Tensor | null {
  if (axis === null || value === null) return null;
  if (!(value instanceof Tensor)) {
    throw new TypeError(
      `Cannot vmap as mapped leaves must be tensors: current ${name()} is ${
        shown(value)
      }; its axis may be null in inAxes`,
    );
  }
  const from = checkAxis(name(), axis, value.shape.length);
  return from === 0 ? value : transpose(value, [from, ...[...value.shape.keys()].filter((i) => i !== from)]);
}

/** How many examples there are: one number for all that is mapped. */
function sizeOfBatch(operands: readonly Operand[], fronts: readonly (Tensor | null)[], given?: number): number {
  const first = fronts.findIndex((front) => front !== null);
  const size = given ?? fronts[first]?.shape[0];
  if (size === undefined) {
    throw new TypeError(
      "Cannot vmap as an argument must be mapped, or axisSize given: current inAxes are null for every tensor",
    );
  }
  if (!Number.isInteger(size) || size < 0) {
    throw new RangeError(`Cannot vmap as axisSize must be a whole number of at least 0: current axisSize is ${size}`);
  }
  const other = fronts.findIndex((front) => front !== null && front.shape[0] !== size);
  if (other < 0) return size;
  const against = given === undefined ? `${size} of ${operands[first]!.name()}` : `${size} of axisSize`;
  throw new ShapeError(
    "vmap",
    `mapped axes must have one size, not ${against} and ${fronts[other]!.shape[0]} of ${operands[other]!.name()}`,
    operands.flatMap(({ value }, i) => fronts[i] && (i === first || i === other) ? [(value as Tensor).shape] : []),
  );
}

/** The results of all examples with their axis where it is to stand. */
function placed({ name, value }: NamedLeaf, found: Tensor | null, axis: number | null, size: number): unknown {
  if (value === null) return null;
  if (!(value instanceof Tensor)) {
    throw new TypeError(`Cannot vmap as results must be tensors or null: current ${name()} is ${shown(value)}`);
  }
  if (axis === null) {
    if (!found) return value;
    throw new TypeError(
      `Cannot vmap as a result with outAxes null must be the same for all examples: current ${name()} depends on what is mapped`,
    );
  }
  const to = checkAxis(name(), axis, value.shape.length + 1);
  const front = found ?? spreadOne(value, size, value.shape.length + 1);
  const order = [...front.shape.keys()].slice(1);
  return to === 0 ? front : transpose(front, order.toSpliced(to, 0, 0));
}

type Loose = (...args: readonly unknown[]) => unknown;

/** The leaves of the arguments with their axes, and how they are put together again. */
function operandsOf(inAxes: NonNullable<VmapOptions["inAxes"]> | null, args: readonly unknown[]) {
  if (Array.isArray(inAxes) && inAxes.length !== args.length) {
    throw new RangeError(
      `Cannot vmap as inAxes must have one item for each of the ${args.length} arguments: current length is ${inAxes.length}`,
    );
  }
  const parts = args.map((arg, i) => {
    const axes = axesOfLeaves("vmap", `inAxes[${i}]`, Array.isArray(inAxes) ? inAxes[i] : inAxes as Axes, arg);
    const { leaves, structure } = namedLeaves(`argument ${i}`, arg);
    return { structure, operands: leaves.map((leaf, at): Operand => ({ ...leaf, axis: axes[at]! })) };
  });
  const rebuild = (leaves: readonly unknown[]) => {
    const left = [...leaves];
    return parts.map(({ structure, operands }) => treeUnflatten(structure, left.splice(0, operands.length)));
  };
  return { operands: parts.flatMap(({ operands }) => operands), rebuild };
}

function mapOver(f: Loose, { inAxes = 0, outAxes = 0, axisSize }: VmapOptions, args: readonly unknown[]): unknown {
  const { operands, rebuild } = operandsOf(inAxes, args);
  const fronts = operands.map(frontOf);
  const size = sizeOfBatch(operands, fronts, axisSize);
  const mapping: Mapping = { values: new Map(), size, since: nextSequence() };
  const examples = operands.map(({ value }, i) => {
    const front = fronts[i];
    if (!front) return value;
    const example = exampleOf(front, { shape: front.shape.slice(1), dtype: front.dtype });
    mapping.values.set(example, front);
    return example;
  });
  const value = runInside([], () => f(...rebuild(examples)));
  const { leaves, structure } = namedLeaves("result", value);
  const axes = axesOfLeaves("vmap", "outAxes", outAxes, value);
  const found = [...follow(mapping, leaves.map((leaf) => leaf.value).filter((x) => x instanceof Tensor))];
  const results = leaves.map((leaf, i) =>
    placed(leaf, leaf.value instanceof Tensor ? found.shift()! : null, axes[i]!, size)
  );
  return treeUnflatten(structure, results);
}

/**
 * Makes a function of an example a function of a batch, as JAX's `vmap`: the function runs once, on tensors without the
 * mapped axis, and each of its operations becomes one on all examples. Nests with every other transformation, and with itself.
 *
 * @param f A pure function of trees of tensors that returns a tree of tensors; inside it there are no values to read.
 * @param options Which axes are mapped.
 * @returns A function of the same arguments, with one more axis in what is mapped, and in the results. A kernel that has no
 * `batchRule` runs once an example.
 * @throws {RangeError} By that function, if an axis is out of range, naming the leaf.
 * @throws {ShapeError} By that function, if mapped sizes differ, naming two leaves.
 * @throws {TypeError} By that function, if nothing is mapped, if a mapped leaf or a result is no tensor, or if axes are no
 * tree like the argument.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { mul, sum, type Tensor, tensor, vmap } from "@tessera/tessera/tensor";
 *
 * const dots = vmap((x: Tensor, y: Tensor) => sum(mul(x, y)), { inAxes: [0, null] });
 * deepStrictEqual(await dots(tensor([[1, 2], [3, 4]]), tensor([1, 10])).data(), new Float32Array([21, 43]));
 * ```
 *
 * @example The gradient of each example
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { grad, mul, square, type Tensor, tensor, vmap } from "@tessera/tessera/tensor";
 *
 * const each = vmap(grad((w: Tensor, x: Tensor) => square(mul(w, x))), { inAxes: [null, 0] });
 * deepStrictEqual(await each(tensor(1), tensor([1, 2, 3])).data(), new Float32Array([2, 8, 18]));
 * ```
 */
export function vmap<Args extends readonly unknown[], R>(
  f: (...args: Args) => R,
  options: VmapOptions = {},
): (...args: Args) => R {
  requireOptions("vmap", options, { inAxes: true, outAxes: true, axisSize: true });
  requireFunction("vmap", "f", f);
  return (...args) => mapOver(f as unknown as Loose, options, args) as R;
}
