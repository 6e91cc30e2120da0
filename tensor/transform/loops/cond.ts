/** @file Choices between functions that are made while a program runs. */
import { requireFunction, ShapeError, shown } from "../../errors.ts";
import { clip } from "../../primitives/arithmetic.ts";
import { cast } from "../../primitives/cast.ts";
import { equal, notEqual } from "../../primitives/comparison.ts";
import { constant } from "../../primitives/constant.ts";
import { logicalNot } from "../../primitives/logic.ts";
import { where } from "../../primitives/where.ts";
import { DTYPES, sameShape } from "../../spec.ts";
import { nextSequence, Tensor } from "../../tensor.ts";
import { treeFlattenAll } from "../../tree.ts";
import { runInside } from "../running.ts";
import { bindBranch } from "./branch.ts";
import { fromRow, toRow } from "./rows.ts";
import { type Flat, flatten, requireTensorLeaf, unflatten } from "./traced_body.ts";

/** A function that may be chosen. */
interface Choice {
  /** What messages call it. */
  readonly name: string;
  /** Bool scalar. */
  readonly taken: Tensor;
  readonly f: (...operands: readonly unknown[]) => unknown;
}

/** What a function made of the operands. */
interface Traced extends Choice {
  readonly since: number;
  readonly value: unknown;
  readonly flat: Flat;
}

function traced(operation: string, choice: Choice, operands: readonly unknown[]): Traced {
  requireFunction(operation, choice.name, choice.f);
  const since = nextSequence();
  const value = runInside([], () => choice.f(...operands));
  const flat = flatten(`the result of ${choice.name}`, value, requireTensorLeaf(operation, "results"));
  return { ...choice, since, value, flat };
}

function checkForms(operation: string, all: readonly Traced[]): void {
  treeFlattenAll(operation, all.map(({ name, value }) => [`the result of ${name}`, value]));
  const { flat } = all[0]!;
  const text = (x: Tensor | undefined) => x ? `${x.dtype} [${x.shape}]` : "null";
  for (const { flat: other } of all) {
    const at = [...flat.isTensor.keys()].find((i) => flat.isTensor[i] !== other.isTensor[i]);
    if (at !== undefined) {
      throw new TypeError(
        `Cannot ${operation} as all branches must return null at the same places: current leaf ${at} of the results is ` +
          "null of some only",
      );
    }
    const bad = flat.tensors.findIndex((x, i) => {
      const y = other.tensors[i]!;
      return x.dtype !== y.dtype || !sameShape(x.shape, y.shape);
    });
    if (bad < 0) continue;
    throw new TypeError(
      `Cannot ${operation} as all branches must return one shape and dtype, ${text(flat.tensors[bad])} of ${
        flat.names[bad]!()
      }: current ${other.names[bad]!()} is ${text(other.tensors[bad])}`,
    );
  }
}

function choose(operation: string, choices: readonly Choice[], operands: readonly unknown[]): unknown {
  const flags = choices.map(({ taken }) => cast(taken, "int32"));
  const all = choices.map((choice) => traced(operation, choice, operands));
  checkForms(operation, all);
  const results = all.map(({ flat, since }, i) =>
    bindBranch({ taken: flags[i]!, outputs: flat.tensors.map(toRow), since, outside: new Set() })
  );
  const chosen = results.reduceRight((rest, rows, i) => rows.map((row, k) => where(choices[i]!.taken, row, rest[k]!)));
  const { flat } = all[0]!;
  return unflatten(flat, chosen.map((row, k) => fromRow(row, flat.tensors[k]!.shape)));
}

function requireScalar(operation: string, name: string, x: Tensor): void {
  if (x.shape.length > 0) throw new ShapeError(operation, `${name} must be a scalar; vmap maps over many`, [x.shape]);
}

function predicateOf(predicate: unknown): Tensor {
  if (typeof predicate === "boolean") return constant([], predicate ? 1 : 0, "bool");
  if (!(predicate instanceof Tensor)) {
    throw new TypeError(
      `Cannot cond as predicate must be a tensor or a boolean: current predicate is ${shown(predicate)}`,
    );
  }
  requireScalar("cond", "predicate", predicate);
  return predicate.dtype === "bool" ? predicate : notEqual(predicate, 0);
}

/**
 * Chooses between two functions by a value of the program, as JAX's `cond`. On `cpu` and `reference` only the function that is
 * chosen runs, in gradients too; `webgpu` runs both, as it reads nothing back, and so does `vmap` where each example has a
 * predicate of its own. What is not chosen changes no result and no gradient, also where it is infinite or no number.
 *
 * @param predicate Bool scalar, or a number of which 0 is false.
 * @param onTrue Runs where it holds. Both functions are traced, so both must take the operands, and return trees of tensors or
 * `null` of one structure, with the same shapes and dtypes. Tensors that they use from outside get their gradient. A pullback
 * runs them again.
 * @param onFalse Runs elsewhere.
 * @param operands What both are given: trees of tensors, and what else they take.
 * @returns What the chosen function returns.
 * @throws {TypeError} If the predicate is neither tensor nor boolean, or if results differ in form, naming the leaf.
 * @throws {ShapeError} If the predicate is no scalar.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { cond, grad, greater, mul, sqrt, type Tensor, tensor } from "@tessera/tessera/tensor";
 *
 * const root = (x: Tensor) => cond(greater(x, 0), sqrt, (x: Tensor) => mul(x, 0), x);
 * equal(await root(tensor(9)).item(), 3);
 * equal(await grad(root)(tensor(0)).item(), 0); // that of sqrt would be infinite
 * ```
 */
export function cond<Operands extends readonly unknown[], R>(
  predicate: Tensor | boolean,
  onTrue: (...operands: Operands) => R,
  onFalse: (...operands: Operands) => R,
  ...operands: Operands
): R {
  const taken = predicateOf(predicate);
  const choices = [
    { name: "onTrue", taken, f: onTrue as unknown as Choice["f"] },
    { name: "onFalse", taken: logicalNot(taken), f: onFalse as unknown as Choice["f"] },
  ];
  return choose("cond", choices, operands) as R;
}

function indexOf(index: unknown, count: number): Tensor {
  const x = typeof index === "number" && Number.isInteger(index)
    ? constant([], Math.min(Math.max(index, 0), count - 1), "int32")
    : index;
  if (!(x instanceof Tensor)) {
    throw new TypeError(
      `Cannot switchCase as index must be a tensor or a whole number: current index is ${shown(index)}`,
    );
  }
  requireScalar("switchCase", "index", x);
  if (DTYPES[x.dtype].floating || x.dtype === "bool") {
    throw new TypeError(`Cannot switchCase as index must be of whole numbers: current dtype is ${x.dtype}; cast it`);
  }
  return cast(clip(x, 0, count - 1), "int32");
}

/**
 * Chooses one of some functions by a value of the program, as JAX's `switch`: see `cond`, which is the same for two.
 *
 * @param index Which function: a scalar of whole numbers. Below 0 it is the first, above the last one the last.
 * @param branches The functions, at least one.
 * @param operands What all of them are given.
 * @returns What the chosen function returns.
 * @throws {RangeError} If there is no function.
 * @throws {TypeError} If the index is no whole number, or if results differ in form, naming the leaf.
 * @throws {ShapeError} If the index is no scalar.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { cos, exp, sin, switchCase, tensor } from "@tessera/tessera/tensor";
 *
 * equal(await switchCase(tensor(2, { dtype: "int32" }), [sin, cos, exp], tensor(0)).item(), 1);
 * ```
 */
export function switchCase<Operands extends readonly unknown[], R>(
  index: Tensor | number,
  branches: readonly ((...operands: Operands) => R)[],
  ...operands: Operands
): R {
  if (!Array.isArray(branches) || branches.length === 0) {
    throw new RangeError(
      `Cannot switchCase as branches must be a list of at least one function: current branches are ${shown(branches)}`,
    );
  }
  const at = indexOf(index, branches.length);
  const choices = branches.map((f, i) => ({
    name: `branch ${i}`,
    taken: equal(at, i),
    f: f as unknown as Choice["f"],
  }));
  return choose("switchCase", choices, operands) as R;
}
