/** @file Loops over the examples of a batch: one loop over all of them at once. */
import type { Batch, GroupRules } from "../../primitive.ts";
import { spreadOne } from "../../primitives/batching/spread.ts";
import { reshape, transpose } from "../../primitives/layout.ts";
import { placeholder, type Tensor } from "../../tensor.ts";
import { follow } from "../batching/follow.ts";
import type { Body, LoopCall, LoopOperands, LoopParams, LoopRuns } from "./loop_call.ts";

/** `[N, T, row]` as `[T, N·row]`: the rows of all examples side by side. */
function besideRows(x: Tensor): Tensor {
  const [size, count, length] = x.shape as readonly [number, number, number];
  return reshape(transpose(x, [1, 0, 2]), [count, size * length]);
}

/** The body for all examples at once: which of its carries and rows are mapped, stand-ins for them, and its results. */
function mappedBody({ body, loop: { constants, program } }: LoopCall, { inputs, mapped, size }: Batch) {
  const isMapped = [...mapped.slice(constants)];
  const inner = [...body.carries, ...body.rows];
  for (;;) {
    const stands = inner.map((x, i) => isMapped[i] ? placeholder({ shape: [size * x.shape[0]!], dtype: x.dtype }) : x);
    const values = new Map<Tensor, Tensor>();
    program.inputs.slice(0, constants).forEach((x, i) => mapped[i] && values.set(x, inputs[i]!));
    inner.forEach((x, i) => isMapped[i] && values.set(x, reshape(stands[i]!, [size, x.shape[0]!])));
    const found = follow({ values, size, since: body.since }, program.outputs);
    // What depends on the example after a run does before the next one.
    const more = body.next.flatMap((_, i) => found[i] && !isMapped[i] ? [i] : []);
    if (more.length === 0) return { isMapped, stands, found };
    more.forEach((i) => isMapped[i] = true);
  }
}

type Bind = (body: Body, operands: LoopOperands, runs: LoopRuns) => readonly Tensor[];

/**
 * The rule of a loop over all examples at once: rows of what is mapped are those of the examples, side by side.
 *
 * @param bindLoop Makes a loop of its kind.
 * @returns The rule.
 */
export function batchRuleOf(bindLoop: Bind): GroupRules<LoopParams>["batchRule"] {
  return (batch, { call }) => batched(bindLoop, batch, call);
}

function batched(bindLoop: Bind, batch: Batch, call: LoopCall): readonly Tensor[] {
  const { inputs, mapped, size } = batch;
  const { body, loop: { constants, carries, program, length, reverse }, runs: { stops } } = call;
  const { isMapped, stands, found } = mappedBody(call, batch);
  const is = program.outputs.map((_, i) => i < carries ? isMapped[i]! : found[i] !== null);
  const outputs = program.outputs.map((y, i) =>
    is[i] ? reshape(found[i] ?? spreadOne(y, size, 2), [size * y.shape[0]!]) : y
  );
  const results = bindLoop(
    {
      ...{ carries: stands.slice(0, carries), rows: stands.slice(carries), since: body.since },
      ...{ next: outputs.slice(0, carries), written: outputs.slice(carries) },
      outside: new Set([...body.outside, ...inputs.slice(0, constants)]),
    },
    {
      initial: body.carries.map((x, i) => {
        const y = inputs[constants + i]!;
        return isMapped[i] ? reshape(mapped[constants + i] ? y : spreadOne(y, size, 2), [size * x.shape[0]!]) : y;
      }),
      stacks: inputs.slice(constants + carries).map((y, i) => isMapped[carries + i] ? besideRows(y) : y),
    },
    { length, reverse, stops: stops && stands[body.carries.indexOf(stops)]! },
  );
  return program.outputs.map((y, i) => {
    const result = results[i]!;
    if (!is[i]) return spreadOne(result, size, result.shape.length + 1);
    const row = y.shape[0]!;
    return i < carries ? reshape(result, [size, row]) : transpose(reshape(result, [length, size, row]), [1, 0, 2]);
  });
}
