/** @file Loops over the rows of tensors. */
import { requireOptions, ShapeError, shown } from "../../errors.ts";
import { cast } from "../../primitives/cast.ts";
import { constant } from "../../primitives/constant.ts";
import { sameShape, type TensorSpec } from "../../spec.ts";
import { nextSequence, placeholder, Tensor } from "../../tensor.ts";
import { treeFlattenAll, type TreeStructure, treeUnflatten } from "../../tree.ts";
import { type Given, type NamedLeaf, namedLeaves, tracedLeaf } from "../arguments.ts";
import { runInside } from "../running.ts";
import { bindLoop, type Body } from "./loop.ts";
import { fromRow, fromRows, rowSpec, toRow, toRows } from "./rows.ts";

/** Options of `scan`. */
export interface ScanOptions {
  /** How often the body runs: needed where `xs` holds no tensor, else it must be its length. */
  readonly length?: number;
  /** True to begin at the last row; results stand where their rows do. */
  readonly reverse?: boolean;
}

type Step = (carry: unknown, x: unknown) => readonly [unknown, unknown];

/** A tree of tensors and `null`. */
interface Flat {
  readonly tensors: readonly Tensor[];
  readonly names: readonly (() => string)[];
  readonly structure: TreeStructure;
  /** True for each leaf that is a tensor. */
  readonly isTensor: readonly boolean[];
}

function flatten(name: string, tree: unknown, read: (leaf: NamedLeaf) => Tensor | null): Flat {
  const { leaves, structure } = namedLeaves(name, tree);
  const found = leaves.map(read);
  const present = leaves.filter((_, i) => found[i] !== null);
  return {
    tensors: found.filter((x) => x !== null),
    names: present.map((leaf) => leaf.name),
    structure,
    isTensor: found.map((x) => x !== null),
  };
}

function unflatten({ structure, isTensor }: Flat, tensors: readonly Tensor[]): unknown {
  const left = [...tensors];
  return treeUnflatten(structure, isTensor.map((is) => is ? left.shift()! : null));
}

function requireTensorLeaf(what: string): (leaf: NamedLeaf) => Tensor | null {
  return ({ name, value }) => {
    if (value === null || value instanceof Tensor) return value;
    throw new TypeError(`Cannot scan as ${what} must be tensors or null: current ${name()} is ${shown(value)}`);
  };
}

/** Number of rows, the same of all. */
function lengthOf({ tensors, names }: Flat, given?: number): number {
  tensors.forEach((x, i) => {
    if (x.shape.length > 0) return;
    throw new ShapeError("scan", `what is read row by row must have an axis of rows, unlike ${names[i]!()}`, [x.shape]);
  });
  const length = given ?? tensors[0]?.shape[0];
  if (length === undefined || !Number.isInteger(length) || length < 0) {
    throw new RangeError(
      `Cannot scan as the length must be a whole number of at least 0, or that of a tensor of xs: current length is ${length}`,
    );
  }
  const other = tensors.findIndex((x) => x.shape[0] !== length);
  if (other < 0) return length;
  throw new ShapeError("scan", `all tensors must have ${length} rows, unlike ${names[other]!()}`, [
    tensors[other]!.shape,
  ]);
}

/** A body that ran once on stand-ins. */
interface Traced {
  readonly body: Body;
  readonly next: Flat;
  readonly ys: Flat;
}

function trace(f: Step, carry: Flat, carrySpecs: readonly TensorSpec[], xs: Flat): Traced {
  const since = nextSequence();
  const carries = carrySpecs.map((spec) => placeholder(rowSpec(spec)));
  const rows = xs.tensors.map(({ shape, dtype }) => placeholder(rowSpec({ shape: shape.slice(1), dtype })));
  const given = carries.map((row, i) => fromRow(row, carrySpecs[i]!.shape));
  const row = rows.map((row, i) => fromRow(row, xs.tensors[i]!.shape.slice(1)));
  const value = runInside([], () => f(unflatten(carry, given), unflatten(xs, row)));
  if (!Array.isArray(value) || value.length !== 2) {
    throw new TypeError(`Cannot scan as the body must return [carry, y]: current value is ${shown(value)}`);
  }
  treeFlattenAll("scan", [["init", unflatten(carry, given)], ["the carry of the body", value[0]]]);
  const next = flatten("the carry of the body", value[0], requireTensorLeaf("carries"));
  const ys = flatten("y", value[1], requireTensorLeaf("results"));
  const body = {
    ...{ carries, rows, since, outside: new Set<Tensor>() },
    next: next.tensors.map(toRow),
    written: ys.tensors.map(toRow),
  };
  return { body, next, ys };
}

/** The body of a carry that stays of one form; a number takes the dtype that the body gives it. */
function traceCarry(
  f: Step,
  carry: Flat,
  weak: readonly boolean[],
  xs: Flat,
): Traced & { readonly specs: readonly TensorSpec[] } {
  const specs: readonly TensorSpec[] = carry.tensors;
  const first = trace(f, carry, specs, xs);
  const found = first.next.tensors;
  const changed = specs.some(({ dtype }, i) => weak[i] && found[i]?.dtype !== dtype);
  const kept = changed
    ? specs.map(({ shape, dtype }, i) => ({ shape, dtype: weak[i] ? found[i]!.dtype : dtype }))
    : specs;
  const traced = changed ? trace(f, carry, kept, xs) : first;
  kept.forEach(({ shape, dtype }, i) => {
    const y = traced.next.tensors[i];
    if (y && y.dtype === dtype && sameShape(y.shape, shape)) return;
    throw new TypeError(
      `Cannot scan as what is carried must keep shape and dtype, ${dtype} [${shape}] of ${
        carry.names[i]!()
      }: current carry ` +
        `of the body is ${y ? `${y.dtype} [${y.shape}]` : "null"}`,
    );
  });
  return { ...traced, specs: kept };
}

/**
 * Runs a body once for each row, carrying values from one to the next, as JAX's `scan`: traced once, compiled once whatever
 * the length. Differentiable: a pullback keeps what was carried into each run, and computes the rest again.
 *
 * @param f The body: from what is carried and a row of `xs` to `[what is carried on, result]`. It must be pure; what is carried
 * keeps its structure, shapes and dtypes. Tensors that it uses from outside get their gradient.
 * @param init What is carried into the first run: a tree of tensors, numbers or `null`. A number takes the dtype of the body.
 * @param xs A tree of tensors `[length, ...]`, or `null` with `length`.
 * @param options Length, order.
 * @returns What the last run carried on, and the results of all, `[length, ...]`. On `webgpu` all runs are one submit and
 * nothing is read back.
 * @throws {TypeError} If the body returns no pair, or what is carried changes its form, naming the leaf.
 * @throws {ShapeError} If lengths differ, naming the leaf.
 * @throws {RangeError} If there is no length.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { add, mul, scan, type Tensor, tensor } from "@tessera/tessera/tensor";
 *
 * const body = (sum: Tensor, x: Tensor) => [add(sum, x), mul(sum, x)] as const;
 * const [total, products] = scan(body, 0, tensor([1, 2, 3]));
 * deepStrictEqual(await total.item(), 6);
 * deepStrictEqual(await products.data(), new Float32Array([0, 2, 9]));
 * ```
 */
export function scan<Carry, X, Y>(
  f: (carry: Carry, x: X) => readonly [Carry, Y],
  init: Given<NoInfer<Carry>>,
  xs: X,
  options: ScanOptions = {},
): [carry: Carry, ys: Y] {
  requireOptions("scan", options, { length: true, reverse: true });
  const { reverse = false } = options;
  const weak: boolean[] = [];
  const carry = flatten("init", init, (leaf) => {
    const x = tracedLeaf("scan", leaf);
    if (x) weak.push(typeof leaf.value === "number");
    return x;
  });
  const stacks = flatten("xs", xs, requireTensorLeaf("xs"));
  const length = lengthOf(stacks, options.length);
  const { body, ys, specs } = traceCarry(f as unknown as Step, carry, weak, stacks);
  const initial = carry.tensors.map((x, i) => cast(x, specs[i]!.dtype));
  if (length === 0) {
    const none = ys.tensors.map(({ shape, dtype }) => constant([0, ...shape], 0, dtype));
    return [unflatten(carry, initial) as Carry, unflatten(ys, none) as Y];
  }
  const results = bindLoop(body, initial.map(toRow), stacks.tensors.map(toRows), { length, reverse });
  const last = specs.map(({ shape }, i) => fromRow(results[i]!, shape));
  const all = ys.tensors.map(({ shape }, i) => fromRows(results[specs.length + i]!, shape));
  return [unflatten(carry, last) as Carry, unflatten(ys, all) as Y];
}
