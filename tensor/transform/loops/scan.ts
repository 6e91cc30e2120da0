/** @file Loops over the rows of tensors. */
import { requireFunction, requireOptions, ShapeError } from "../../errors.ts";
import { cast } from "../../primitives/cast.ts";
import { constant } from "../../primitives/constant.ts";
import type { Given } from "../arguments.ts";
import { bindLoop } from "./loop.ts";
import { fromRow, fromRows, toRow, toRows } from "./rows.ts";
import {
  type Flat,
  flatten,
  flattenCarried,
  requireTensorLeaf,
  type Step,
  traceCarry,
  unflatten,
} from "./traced_body.ts";

/** Options of `scan`. */
export interface ScanOptions {
  /** How often the body runs: needed where `xs` holds no tensor, else it must be its length. */
  readonly length?: number;
  /** True to begin at the last row; results stand where their rows do. */
  readonly reverse?: boolean;
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
  requireFunction("scan", "f", f);
  const { reverse = false } = options;
  const carry = flattenCarried("scan", init);
  const stacks = flatten("xs", xs, requireTensorLeaf("scan", "xs"));
  const length = lengthOf(stacks, options.length);
  const { body, ys, specs } = traceCarry("scan", f as unknown as Step, carry, stacks);
  const initial = carry.tensors.map((x, i) => cast(x, specs[i]!.dtype));
  if (length === 0) {
    const none = ys.tensors.map(({ shape, dtype }) => constant([0, ...shape], 0, dtype));
    return [unflatten(carry, initial) as Carry, unflatten(ys, none) as Y];
  }
  const operands = { initial: initial.map(toRow), stacks: stacks.tensors.map(toRows) };
  const results = bindLoop(body, operands, { length, reverse });
  const last = specs.map(({ shape }, i) => fromRow(results[i]!, shape));
  const all = ys.tensors.map(({ shape }, i) => fromRows(results[specs.length + i]!, shape));
  return [unflatten(carry, last) as Carry, unflatten(ys, all) as Y];
}
