/** @file Less memory for one more forward pass. */
import { readCount } from "../compiler/lowering.ts";
import { requireFunction, requireOptions } from "../errors.ts";
import { topologicalOrder } from "../order.ts";
import { backwardOf, identity, nameOf, recomputed, withBackward } from "../primitives/identity.ts";
import { sameShape } from "../spec.ts";
import { madeOf, nextSequence, remake, Tensor } from "../tensor.ts";
import { treeFlatten, treeLeaves, treeUnflatten } from "../tree.ts";
import { isDifferentiable } from "./arguments.ts";
import type { CheckpointPolicy } from "./checkpoint_policies.ts";
import { capturedBy, runInside } from "./running.ts";
import { type Made, pullBack, type Tape, tapeOf } from "./vjp.ts";

/** Options of `checkpoint`. */
export interface CheckpointOptions {
  /** Which values of the forward pass are kept: one of `checkpointPolicies`, or a predicate. Nothing by default. */
  readonly policy?: CheckpointPolicy;
}

const areTensors = (x: unknown): x is Tensor => x instanceof Tensor;

/** The program of one run: what its tensors are made of, which they forget when they are computed. */
type Run = ReadonlyMap<Tensor, Made>;

/** What was made since a number, of results. */
function runOf(outputs: readonly unknown[], since: number): Run {
  const isOlder = (x: Tensor) => x.sequence < since;
  const order = topologicalOrder(outputs.filter(areTensors), isOlder);
  return new Map(order.filter((x) => !isOlder(x)).map((x) => [x, madeOf(x)]));
}

function isKept(x: Tensor, policy: CheckpointPolicy): boolean {
  const { primitive, shape, dtype } = x;
  const { kind } = primitive.lowering;
  if (kind === "leaf") return false;
  return policy({ operation: primitive.name, isProduct: kind === "contraction", name: nameOf(x), shape, dtype });
}

/** What a policy keeps of a run. What a name was given to is one with it, and kept with it. */
function keptOf(run: Run, policy: CheckpointPolicy): readonly Tensor[] {
  const kept = [...run.keys()].filter((x) => isKept(x, policy));
  const named = kept.filter((x) => nameOf(x) !== null).flatMap((x) => run.get(x)!.inputs);
  return [...new Set([...kept, ...named.filter((x) => run.has(x))])];
}

/** The tensor of the first run for each of the second: the program is one, so both are walked side by side. */
function pairRuns(
  [first, second]: readonly [Run, Run],
  outputs: readonly [readonly unknown[], readonly unknown[]],
): ReadonlyMap<Tensor, Tensor> {
  const pairs = new Map<Tensor, Tensor>();
  const left = outputs[1].map((again, i) => [again, outputs[0][i]] as const);
  while (left.length > 0) {
    const [again, before] = left.pop()!;
    if (!areTensors(again) || !second.has(again) || pairs.has(again)) continue;
    const other = areTensors(before) ? first.get(before) : undefined;
    const same = other && (before as Tensor).primitive === again.primitive &&
      sameShape((before as Tensor).shape, again.shape);
    if (!same) {
      throw new TypeError(
        "Cannot checkpoint with a policy as the function must do the same when it is run again: " +
          `current operation is ${again.primitive.name} [${again.shape}], it was ${String(before)}`,
      );
    }
    pairs.set(again, before as Tensor);
    // What only gradients need, such as what a checkpoint inside captures, may be more the second time.
    const read = second.get(again)!.inputs.slice(0, readCount(again));
    read.forEach((input, i) => left.push([input, other.inputs[i]]));
  }
  return pairs;
}

/**
 * Lets the second run read what the first has kept: its tensors are computed from kept values, and rules are shown these.
 *
 * @param tape The way back through the second run.
 * @param pairs Its tensors, with those of the first run.
 * @param first The first run.
 * @param kept What stands for each kept tensor of the first run.
 * @returns The way back, with what is shown.
 */
function throughKept(
  tape: Tape,
  pairs: ReadonlyMap<Tensor, Tensor>,
  first: Run,
  kept: ReadonlyMap<Tensor, Tensor>,
): Tape {
  const inputsOf = ({ inputs }: Made) => inputs.map((input) => kept.get(pairs.get(input)!) ?? input);
  for (const again of pairs.keys()) {
    const made = madeOf(again);
    remake(again, { inputs: inputsOf(made), params: made.params });
  }
  const nodes = tape.nodes.map(({ node, made }) => {
    const before = pairs.get(node);
    const inputs = inputsOf(made);
    const ownRule = !before || !kept.has(before) || backwardOf(node); // a pullback of its own does not read its value
    if (ownRule) return { node, made, shown: { node, made: { inputs, params: made.params } } };
    return { node, made, shown: { node: before, made: { inputs, params: first.get(before)!.params } } };
  });
  return { ...tape, nodes };
}

/**
 * Makes a function that keeps its arguments for the backward pass instead of its intermediate values, and computes
 * those again there: less memory, one more forward pass. A policy keeps some of the values, so that what is dear is not
 * computed again.
 *
 * @param f A function of trees. Tensors that it uses without being given them are kept too, and get their gradient.
 * @param options `policy`: what is kept besides. `savedResiduals` lists it.
 * @returns The same function.
 * @throws {TypeError} By the pullback, if there is a policy and `f` does something else when it is run again.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { checkpoint, exp, grad, type Tensor, tensor } from "@tessera/tessera/tensor";
 *
 * equal(await grad(checkpoint((x: Tensor) => exp(x)))(tensor(0)).item(), 1);
 * ```
 *
 * @example Products are kept, the rest is computed again
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { checkpoint, checkpointPolicies, grad, matmul, sum, tanh, type Tensor, tensor } from "@tessera/tessera/tensor";
 *
 * const layer = checkpoint((w: Tensor, x: Tensor) => tanh(matmul(x, w)), { policy: checkpointPolicies.dotsSaveable });
 * const gradient = grad((w: Tensor) => sum(layer(w, tensor([[1, 2]]))))(tensor([[0], [0]]));
 * deepStrictEqual(await gradient.data(), new Float32Array([1, 2]));
 * ```
 */
export function checkpoint<Args extends readonly unknown[], R>(
  f: (...args: Args) => R,
  options: CheckpointOptions = {},
): (...args: Args) => R {
  requireOptions("checkpoint", options, { policy: true });
  requireFunction("checkpoint", "f", f);
  const { policy } = options;
  return (...args) => {
    const given = treeFlatten<unknown>(args);
    const operands = [...new Set(given.leaves.filter(isDifferentiable))];
    const argsOf = (standIns: ReadonlyMap<unknown, Tensor>) =>
      treeUnflatten(given.structure, given.leaves.map((x) => standIns.get(x) ?? x)) as Args;
    const apart = new Map(operands.map((x) => [x, identity(x)])); // told apart from what `f` uses without being given it
    const since = nextSequence();
    const output = treeFlatten<unknown>(f(...argsOf(apart)));
    const captured = capturedBy(output.leaves.filter(isDifferentiable), [...apart.values()], since);
    const first: Run = policy ? runOf(output.leaves, since) : new Map();
    const saved = policy ? keptOf(first, policy) : [];
    const rerun = once(() => {
      const again = new Map(operands.map((x) => [x, identity(recomputed(x))]));
      const kept = new Map(saved.map((x) => [x, recomputed(x)]));
      const ends = [...again.values(), ...captured];
      const start = nextSequence();
      const outputs = treeLeaves<unknown>(runInside(ends, () => f(...argsOf(again))));
      const tape = tapeOf(outputs.filter(areTensors), ends);
      if (saved.length === 0) return { outputs, tape };
      const pairs = pairRuns([first, runOf(outputs, start)], [output.leaves, outputs]);
      return { outputs, tape: throughKept(tape, pairs, first, kept) };
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
