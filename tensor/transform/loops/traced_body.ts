/** @file Bodies of loops, run once on stand-ins. */
import { shown } from "../../errors.ts";
import { holds, sameShape, type TensorSpec } from "../../spec.ts";
import { nextSequence, placeholder, Tensor } from "../../tensor.ts";
import { treeFlattenAll, type TreeStructure, treeUnflatten } from "../../tree.ts";
import { type NamedLeaf, namedLeaves, tracedLeaf } from "../arguments.ts";
import { runInside } from "../running.ts";
import type { Body } from "./loop_call.ts";
import { fromRow, rowSpec, toRow } from "./rows.ts";

/** A body: from what is carried and a row to what is carried on and a result. */
export type Step = (carry: unknown, x: unknown) => readonly [unknown, unknown];

/** A tree of tensors and `null`. */
export interface Flat {
  readonly tensors: readonly Tensor[];
  readonly names: readonly (() => string)[];
  readonly structure: TreeStructure;
  /** True for each leaf that is a tensor. */
  readonly isTensor: readonly boolean[];
}

/** Takes a tree apart. */
export function flatten(name: string, tree: unknown, read: (leaf: NamedLeaf) => Tensor | null): Flat {
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

/** The way back from `flatten`. */
export function unflatten({ structure, isTensor }: Flat, tensors: readonly Tensor[]): unknown {
  const left = [...tensors];
  return treeUnflatten(structure, isTensor.map((is) => is ? left.shift()! : null));
}

/** Refuses leaves that are neither tensors nor `null`. */
export function requireTensorLeaf(operation: string, what: string): (leaf: NamedLeaf) => Tensor | null {
  return ({ name, value }) => {
    if (value === null || value instanceof Tensor) return value;
    throw new TypeError(`Cannot ${operation} as ${what} must be tensors or null: current ${name()} is ${shown(value)}`);
  };
}

/** A body that ran once on stand-ins. */
export interface Traced {
  readonly body: Body;
  readonly next: Flat;
  readonly ys: Flat;
  /** Of what is carried. */
  readonly specs: readonly TensorSpec[];
}

/** What is carried into the first run. */
export interface Carried extends Flat {
  /** The number that a tensor was given as, which takes the dtype that the body gives it; `null` for other tensors. */
  readonly numbers: readonly (number | null)[];
}

/** Takes what is carried apart. */
export function flattenCarried(operation: string, init: unknown): Carried {
  const numbers: (number | null)[] = [];
  const flat = flatten("init", init, (leaf) => {
    const x = tracedLeaf(operation, leaf);
    if (x) numbers.push(typeof leaf.value === "number" ? leaf.value : null);
    return x;
  });
  return { ...flat, numbers };
}

function trace(operation: string, f: Step, carry: Flat, specs: readonly TensorSpec[], xs: Flat): Traced {
  const since = nextSequence();
  const carries = specs.map((spec) => placeholder(rowSpec(spec)));
  const rows = xs.tensors.map(({ shape, dtype }) => placeholder(rowSpec({ shape: shape.slice(1), dtype })));
  const given = carries.map((row, i) => fromRow(row, specs[i]!.shape));
  const row = rows.map((row, i) => fromRow(row, xs.tensors[i]!.shape.slice(1)));
  const value = runInside([], () => f(unflatten(carry, given), unflatten(xs, row)));
  if (!Array.isArray(value) || value.length !== 2) {
    throw new TypeError(`Cannot ${operation} as the body must return [carry, y]: current value is ${shown(value)}`);
  }
  treeFlattenAll(operation, [["init", unflatten(carry, given)], ["the carry of the body", value[0]]]);
  const next = flatten("the carry of the body", value[0], requireTensorLeaf(operation, "carries"));
  const ys = flatten("y", value[1], requireTensorLeaf(operation, "results"));
  const body = {
    ...{ carries, rows, since, outside: new Set<Tensor>() },
    next: next.tensors.map(toRow),
    written: ys.tensors.map(toRow),
  };
  return { body, next, ys, specs };
}

/**
 * Runs a body once on stand-ins. What is carried stays of one form; a number takes the dtype that the body gives it, if that
 * holds it, which may change what the body gives to another: then it runs on stand-ins again.
 *
 * @param operation Name of the loop, for messages.
 * @param f The body.
 * @param carry What is carried into the first run.
 * @param xs What is read row by row.
 * @returns What it made.
 */
export function traceCarry(operation: string, f: Step, carry: Carried, xs: Flat): Traced {
  let traced = trace(operation, f, carry, carry.tensors, xs);
  for (const _ of carry.numbers) { // each round but the last settles one number or more
    const { specs, next } = traced;
    const taken = specs.map(({ shape, dtype }, i) => {
      const [x, y] = [carry.numbers[i], next.tensors[i]];
      return typeof x === "number" && y && holds(y.dtype, x) ? { shape, dtype: y.dtype } : { shape, dtype };
    });
    if (taken.every(({ dtype }, i) => dtype === specs[i]!.dtype)) break;
    traced = trace(operation, f, carry, taken, xs);
  }
  traced.specs.forEach(({ shape, dtype }, i) => {
    const y = traced.next.tensors[i];
    if (y && y.dtype === dtype && sameShape(y.shape, shape)) return;
    throw new TypeError(
      `Cannot ${operation} as what is carried must keep shape and dtype, ${dtype} [${shape}] of ${
        carry.names[i]!()
      }: current carry ` +
        `of the body is ${y ? `${y.dtype} [${y.shape}]` : "null"}`,
    );
  });
  return traced;
}
