/** @file Less memory for one more forward pass. */
import { identity, recomputed, withBackward } from "../primitives/identity.ts";
import { DTYPES } from "../spec.ts";
import { nextSequence, Tensor } from "../tensor.ts";
import { treeFlatten, treeLeaves, treeUnflatten } from "../tree.ts";
import { capturedBy, runInside } from "./running.ts";
import { pullBack, tapeOf } from "./vjp.ts";

function isDifferentiable(x: unknown): x is Tensor {
  return x instanceof Tensor && DTYPES[x.dtype].floating;
}

/**
 * Makes a function that keeps its arguments for the backward pass instead of its intermediate values, and computes
 * those again there: less memory, one more forward pass.
 *
 * @param f A function of trees. Tensors that it uses without being given them are kept too, and get their gradient.
 * @returns The same function.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { checkpoint, exp, grad, type Tensor, tensor } from "@tessera/tessera/tensor";
 *
 * equal(await grad(checkpoint((x: Tensor) => exp(x)))(tensor(0)).item(), 1);
 * ```
 */
export function checkpoint<Args extends readonly unknown[], R>(f: (...args: Args) => R): (...args: Args) => R {
  return (...args) => {
    const since = nextSequence();
    const output = treeFlatten<unknown>(f(...args));
    const given = treeFlatten<unknown>(args);
    const operands = [...new Set(given.leaves.filter(isDifferentiable))];
    const captured = capturedBy(output.leaves.filter(isDifferentiable), operands, since);
    const rerun = once(() => {
      const again = new Map(operands.map((x) => [x, identity(recomputed(x))]));
      const standIns = given.leaves.map((x) => again.get(x as Tensor) ?? x);
      const ends = [...again.values(), ...captured];
      const value = runInside(ends, () => f(...treeUnflatten(given.structure, standIns) as Args));
      const outputs = treeLeaves<unknown>(value);
      return { outputs, tape: tapeOf(outputs.filter((x) => x instanceof Tensor), ends) };
    });
    const wrapped = output.leaves.map((leaf, i) =>
      !isDifferentiable(leaf) ? leaf : withBackward(leaf, [...operands, ...captured], (cotangent) => {
        const { outputs, tape } = rerun();
        return pullBack(tape, [[outputs[i] as Tensor, cotangent]]);
      })
    );
    return treeUnflatten(output.structure, wrapped) as R;
  };
}

/** Calls a function at the first request. */
function once<R>(f: () => R): () => R {
  const made: R[] = [];
  return () => made[0] ?? (made[0] = f());
}
