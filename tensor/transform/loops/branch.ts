/** @file A program that runs once or not at all: all that it makes is zero then. Its pullback runs when it does. */
import { bindCall, type LoopCall, type LoopParams, loopPrimitive, type Maybe } from "./loop_call.ts";
import type { Batch, Primitive } from "../../primitive.ts";
import { spread, spreadOne } from "../../primitives/batching/spread.ts";
import { notEqual } from "../../primitives/comparison.ts";
import { constant } from "../../primitives/constant.ts";
import { identity, stopGradient, withBackward } from "../../primitives/identity.ts";
import { reshape } from "../../primitives/layout.ts";
import { broadcastTo } from "../../primitives/sum.ts";
import { where } from "../../primitives/where.ts";
import type { Tensor } from "../../tensor.ts";
import { isDifferentiable } from "../arguments.ts";
import { follow } from "../batching/follow.ts";
import { pullBack, tapeOf } from "../vjp.ts";
import { fromRow, toRow } from "./rows.ts";

const BRANCH: Primitive<LoopParams> = loopPrimitive("branch", { vjpRule, batchRule });

/** A program that may run. */
interface Branch {
  /** int32 scalar: 0 if it does not run. */
  readonly taken: Tensor;
  /** Its results, as rows. */
  readonly outputs: readonly Tensor[];
  /** What was made before is from outside. */
  readonly since: number;
  /** Younger tensors that are from outside too. */
  readonly outside: ReadonlySet<Tensor>;
}

/** Zeros where the branch is not taken: devices that cannot leave it out compute it. */
function masked({ taken, outputs }: Branch): readonly Tensor[] {
  const runs = notEqual(taken, 0);
  return outputs.map((y) => where(runs, y, constant(y.shape, 0, y.dtype)));
}

function bindMasked({ taken, outputs, since, outside }: Branch): readonly Tensor[] {
  const body = { carries: [], rows: [], next: [], written: outputs, since, outside };
  const results = bindCall(BRANCH, body, { initial: [], stacks: [] }, { length: 1, reverse: false, stops: taken });
  return results.map((result) => reshape(result, result.shape.slice(1)));
}

/**
 * Runs a program once, or not at all.
 *
 * @param branch The program.
 * @returns Its results, as rows: zeros if it does not run. So are all cotangents then.
 */
export function bindBranch(branch: Branch): readonly Tensor[] {
  return bindMasked({ ...branch, outputs: masked(branch) });
}

/** What a pullback or a batch needs of an application: what decides, what else is from outside, and its results. */
function partsOf({ loop: { program: { inputs, outputs } }, body }: LoopCall) {
  const [taken, ...constants] = inputs as readonly [Tensor, ...Tensor[]];
  return { taken, constants, outputs, since: body.since, outside: [...body.outside, ...inputs] };
}

function vjpRule(cotangents: Maybe, _: readonly Tensor[], { call }: LoopParams): Maybe {
  const { taken, constants, outputs, since, outside } = partsOf(call);
  const tape = tapeOf(outputs, constants);
  const pairs = outputs.flatMap((y, i) => {
    const cotangent = cotangents[i];
    return cotangent && isDifferentiable(y) ? [[y, reshape(cotangent, y.shape)] as const] : [];
  });
  const found = pullBack(tape, pairs);
  const results = [...bindBranch({
    taken,
    outputs: found.filter((x) => x !== null).map(toRow),
    since,
    outside: new Set([...outside, ...pairs.map(([, cotangent]) => cotangent)]),
  })];
  return [null, ...found.map((x) => x && fromRow(results.shift()!, x.shape))];
}

function batchRule(batch: Batch, { call }: LoopParams): readonly Tensor[] {
  const { inputs, mapped, size } = batch;
  const { taken, constants, outputs, since, outside } = partsOf(call);
  const inFront = (rows: readonly Tensor[]) => rows.map((row, i) => reshape(row, [size, 1, outputs[i]!.shape[0]!]));
  if (mapped[0]) return inFront(selected(batch, call));
  const values = new Map(constants.flatMap((x, i) => mapped[i + 1] ? [[x, inputs[i + 1]!] as const] : []));
  const found = follow({ values, size, since }, outputs);
  const rows = outputs.map((y, i) => reshape(found[i] ?? spreadOne(y, size, 2), [size * y.shape[0]!]));
  return inFront(bindMasked({ taken, outputs: rows, since, outside: new Set([...outside, ...inputs]) }));
}

/**
 * Where each example decides for itself all of them are computed, and zeros take the place of what is not taken. So do those of
 * the cotangents: each example has its own of what all share, so that none of what was not taken, infinite maybe, is summed.
 */
function selected({ inputs, mapped, size }: Batch, call: LoopCall): readonly Tensor[] {
  const { taken, constants, outputs, since } = partsOf(call);
  const mappedOutputs = (operands: readonly (Tensor | null)[]) => {
    const values = new Map([[taken, inputs[0]!]]);
    constants.forEach((x, i) => operands[i] && values.set(x, operands[i]));
    return follow({ values, size, since }, outputs) as readonly Tensor[];
  };
  const operands = inputs.slice(1);
  const plain = mappedOutputs(operands.map((x, i) => mapped[i + 1] ? x : null));
  const pulled = (at: number, cotangent: Tensor) => {
    const ends = operands.map(identity);
    const each = spread({ inputs: ends, mapped: mapped.slice(1), size });
    const kept = each.map((x) =>
      isDifferentiable(x) ? where(along(notEqual(inputs[0]!, 0), x), x, stopGradient(x)) : x
    );
    const found = mappedOutputs(kept);
    return [null, ...pullBack(tapeOf(found, ends), [[found[at]!, cotangent]])];
  };
  return plain.map((y, i) => isDifferentiable(y) ? withBackward(y, inputs, (cotangent) => pulled(i, cotangent)) : y);
}

/** A value of each example for all its elements. */
function along(x: Tensor, { shape }: Tensor): Tensor {
  return broadcastTo(reshape(x, [x.shape[0]!, ...shape.slice(1).map(() => 1)]), shape);
}
