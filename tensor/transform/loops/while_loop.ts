/** @file Loops of which a condition tells the end. */
import { requireFunction, requireOptions, shown } from "../../errors.ts";
import type { Primitive } from "../../primitive.ts";
import { cast } from "../../primitives/cast.ts";
import { notEqual } from "../../primitives/comparison.ts";
import { logicalAnd } from "../../primitives/logic.ts";
import { where } from "../../primitives/where.ts";
import { placeholder, Tensor } from "../../tensor.ts";
import type { Given } from "../arguments.ts";
import { runInside } from "../running.ts";
import { batchRuleOf } from "./loop_batch.ts";
import { bindCall, type Body, type LoopOperands, type LoopParams, loopPrimitive, type LoopRuns } from "./loop_call.ts";
import { fromRow, rowSpec, toRow } from "./rows.ts";
import { type Carried, flatten, flattenCarried, requireTensorLeaf, traceCarry, unflatten } from "./traced_body.ts";

/** Options of `whileLoop`. */
export interface WhileLoopOptions {
  /** How often the body runs at most, whatever the condition says; as often as it holds if left out. */
  readonly maxIterations?: number;
}

const WHILE: Primitive<LoopParams> = loopPrimitive("whileLoop", {
  vjpRule: () => {
    throw new TypeError(
      "Cannot differentiate whileLoop as the number of its runs must be known before it runs: current number is what its " +
        "condition will say; use foriLoop or scan, with where for what is done early, or give the function that calls it " +
        "a pullback by customVjp",
    );
  },
  batchRule: batchRuleOf(bindWhile),
});

function bindWhile(body: Body, operands: LoopOperands, runs: LoopRuns): readonly Tensor[] {
  return bindCall(WHILE, body, operands, runs);
}

type Condition = (carry: unknown) => unknown;

function holds(condition: Condition, carry: unknown): Tensor {
  const found = condition(carry);
  if (found instanceof Tensor && found.dtype === "bool" && found.shape.length === 0) return found;
  throw new TypeError(
    "Cannot whileLoop as the condition must return a bool scalar: current result is " +
      (found instanceof Tensor ? `${found.dtype} [${found.shape}]` : shown(found)),
  );
}

/** The body with a flag that tells whether it goes on: nothing changes once it is 0. */
function untilDone(condition: Condition, body: (carry: unknown) => unknown, carry: Carried) {
  const nothing = flatten("xs", null, requireTensorLeaf("whileLoop", "xs"));
  const { body: { carries, since, outside, next }, specs } = traceCarry(
    "whileLoop",
    (carry) => [body(carry), null],
    carry,
    nothing,
  );
  const flag = placeholder(rowSpec({ shape: [], dtype: "int32" }));
  const goes = notEqual(fromRow(flag, []), 0);
  const changed = next.map((row, i) => where(goes, row, carries[i]!));
  const after = unflatten(carry, changed.map((row, i) => fromRow(row, specs[i]!.shape)));
  const again = logicalAnd(goes, runInside([], () => holds(condition, after)));
  const whole: Body = {
    ...{ carries: [flag, ...carries], rows: [], written: [], since, outside },
    next: [toRow(cast(again, "int32")), ...changed],
  };
  return { whole, flag, specs };
}

/**
 * Runs a body as long as a condition holds, as JAX's `while_loop`: traced once, compiled once whatever the number of runs. On
 * `cpu` and `reference` the host reads the condition after each run. A program on `webgpu` reads nothing back while it runs, so
 * there the loop needs `maxIterations`, and costs as many runs, those after the end changing nothing: give a small bound, or
 * compute on `cpu`. Under `vmap` the body runs until the condition holds for no example, each keeping what it had at its own end.
 *
 * It is not differentiable, neither by `grad` nor by `jvp`, as the number of runs is not known before: `foriLoop` and `scan`
 * are, and `customVjp` gives the function around it a pullback.
 *
 * @param condition From what is carried to a bool scalar: whether the body runs.
 * @param body From what is carried to what is carried on, of the same structure, shapes and dtypes.
 * @param init What is carried into the first run: a tree of tensors, numbers or `null`. A number takes the dtype of the body.
 * @param options A bound. What comes back when it ends the loop is what the last run made, for which the condition still holds.
 * @returns What is carried when the condition no longer holds; `init` if it never did.
 * @throws {TypeError} If the condition gives no bool scalar, or what is carried changes its form, naming the leaf; by
 * transformations that differentiate it.
 * @throws {RangeError} If the bound is no whole number of at least 0.
 * @throws {DeviceError} When it is computed on `webgpu` without a bound.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { less, mul, type Tensor, tensor, whileLoop } from "@tessera/tessera/tensor";
 *
 * const above = (x: Tensor) => whileLoop((x: Tensor) => less(x, 100), (x) => mul(x, 2), x, { maxIterations: 200 });
 * equal(await above(tensor(3)).item(), 192);
 * ```
 */
export function whileLoop<Carry>(
  condition: (carry: Carry) => Tensor,
  body: (carry: Carry) => Carry,
  init: Given<NoInfer<Carry>>,
  options: WhileLoopOptions = {},
): Carry {
  requireOptions("whileLoop", options, { maxIterations: true });
  requireFunction("whileLoop", "condition", condition);
  requireFunction("whileLoop", "body", body);
  const { maxIterations } = options;
  if (maxIterations !== undefined && !(Number.isInteger(maxIterations) && maxIterations >= 0)) {
    throw new RangeError(
      `Cannot whileLoop as maxIterations must be a whole number of at least 0: current maxIterations is ${maxIterations}`,
    );
  }
  const carry = flattenCarried("whileLoop", init);
  const asked = condition as unknown as Condition;
  const { whole, flag, specs } = untilDone(asked, body as unknown as (carry: unknown) => unknown, carry);
  const initial = carry.tensors.map((x, i) => cast(x, specs[i]!.dtype));
  const begins = holds(asked, unflatten(carry, initial));
  if (maxIterations === 0) return unflatten(carry, initial) as Carry;
  const results = bindWhile(
    whole,
    { initial: [cast(begins, "int32"), ...initial].map(toRow), stacks: [] },
    { length: maxIterations ?? Infinity, reverse: false, stops: flag },
  );
  return unflatten(carry, specs.map(({ shape }, i) => fromRow(results[i + 1]!, shape))) as Carry;
}
