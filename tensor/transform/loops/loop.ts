/** @file Loops as primitives: one body, compiled once whatever the length, with its pullback and its batch, which are loops too. */
import { topologicalOrder } from "../../order.ts";
import type { Primitive } from "../../primitive.ts";
import { constant } from "../../primitives/constant.ts";
import { add } from "../../primitives/arithmetic.ts";
import { placeholder, type Tensor } from "../../tensor.ts";
import { isDifferentiable } from "../arguments.ts";
import { pullBack, tapeOf } from "../vjp.ts";
import { batchRuleOf } from "./loop_batch.ts";
import {
  bindCall,
  type Body,
  type LoopCall,
  type LoopOperands,
  type LoopParams,
  loopPrimitive,
  type LoopRuns,
  type Maybe,
} from "./loop_call.ts";
import { fromRow, rowSpec, toRow } from "./rows.ts";

const LOOP: Primitive<LoopParams> = loopPrimitive("loop", { vjpRule, batchRule: batchRuleOf(bindLoop) });

const zeros = ({ shape, dtype }: Tensor): Tensor => constant(shape, 0, dtype);

/**
 * Runs a body again and again; differentiable.
 *
 * @param body What is run.
 * @param operands What it is run on.
 * @param runs How often, and in which order.
 * @returns What is carried out of the last run, then all rows that were written, then all that was carried in: pullbacks begin
 * there, and what nobody reads is not written.
 */
export function bindLoop(body: Body, operands: LoopOperands, runs: LoopRuns): readonly Tensor[] {
  return bindCall(LOOP, { ...body, written: [...body.written, ...body.carries] }, operands, runs);
}

/** The body of a loop backwards: stand-ins of cotangents, and what a run makes of them. */
function pulledBack({ loop: { constants, carries, program: { inputs, outputs } } }: LoopCall, cotangents: Maybe) {
  const [outer, inner] = [inputs.slice(0, constants), inputs.slice(constants)];
  const tape = tapeOf(outputs, inputs);
  const flows = (x: Tensor) => isDifferentiable(x) && tape.depends.has(x);
  const carried: Maybe = inner.slice(0, carries).map((x) => isDifferentiable(x) ? placeholder(x) : null);
  const rows: Maybe = outputs.map((y, i) => i >= carries && cotangents[i] && flows(y) ? placeholder(y) : null);
  const summed: Maybe = outer.map((x) => flows(x) ? placeholder(rowSpec(x)) : null);
  const pairs = outputs.map((y, i) => [y, (i < carries ? carried : rows)[i]!] as const);
  const found = pullBack(tape, pairs.filter(([y]) => flows(y)));
  const isWritten = inner.slice(carries).map(isDifferentiable);
  return {
    ...{ outer, inner, carried, rows, summed, isWritten },
    next: [
      ...carried.flatMap((x, i) => x ? [found[constants + i] ?? zeros(x)] : []),
      ...summed.flatMap((sum, i) => sum ? [found[i] ? add(sum, toRow(found[i])) : sum] : []),
    ],
    written: inner.slice(carries).flatMap((x, i) => isWritten[i] ? [found[constants + carries + i] ?? zeros(x)] : []),
  };
}

/** The loop backwards: it carries the cotangents of what is carried, and sums those of the constants. */
function vjpRule(cotangents: Maybe, members: readonly Tensor[], { call }: LoopParams): Maybe {
  const { body, loop: { constants, carries, length, reverse }, operands } = call;
  const { outer, inner, carried, rows, summed, isWritten, next, written } = pulledBack(call, cotangents);
  const ends = new Set([...inner, ...outer]);
  const used = new Set(topologicalOrder([...next, ...written], (x) => ends.has(x) || x.sequence < body.since));
  // What was carried in stands at the end of the results; only what the pullback uses is read again.
  const stacks = [...members.slice(members.length - carries), ...operands.slice(constants + carries)];
  const again = inner.flatMap((x, i) => used.has(x) ? [[x, stacks[i]!] as const] : []);
  const given = rows.flatMap((x, i) => x ? [[x, cotangents[i]!] as const] : []);
  const read = [...again, ...given];
  const results = bindLoop(
    {
      carries: [...carried, ...summed].filter((x) => x !== null),
      rows: read.map(([x]) => x),
      ...{ next, written, since: body.since },
      outside: new Set([...body.outside, ...outer]),
    },
    {
      initial: [
        ...carried.flatMap((x, i) => x ? [cotangents[i] ?? zeros(x)] : []),
        ...summed.flatMap((x) => x ? [zeros(x)] : []),
      ],
      stacks: read.map(([, stack]) => stack),
    },
    { length, reverse: !reverse },
  );
  const left = [...results];
  const ofCarries = carried.map((x) => x && left.shift()!);
  const ofConstants = summed.map((x, i) => x && fromRow(left.shift()!, outer[i]!.shape));
  return [...ofConstants, ...ofCarries, ...isWritten.map((is) => is ? left.shift()! : null)];
}
