/** @file Loops as primitives: one body, compiled once whatever the length, with its pullback and its batch, which are loops too. */
import { topologicalOrder } from "../../order.ts";
import type { Batch, Loop, Primitive } from "../../primitive.ts";
import { constant } from "../../primitives/constant.ts";
import { add } from "../../primitives/arithmetic.ts";
import { reshape, transpose } from "../../primitives/layout.ts";
import { spreadOne } from "../../primitives/batching/spread.ts";
import { type DenseArray, DTYPES } from "../../spec.ts";
import { bind, leafSource, placeholder, type Tensor } from "../../tensor.ts";
import { follow } from "../batching/follow.ts";
import { programText } from "../program_text.ts";
import { pullBack, tapeOf } from "../vjp.ts";
import { evaluateLoop } from "./evaluate_loop.ts";
import { fromRow, rowSpec, toRow } from "./rows.ts";

/** A body as it was traced. All tensors of it that are carried or read by rows are rows. */
export interface Body {
  /** Stand-ins of what is carried on. */
  readonly carries: readonly Tensor[];
  /** Stand-ins of the rows that are read. */
  readonly rows: readonly Tensor[];
  /** What is carried on to the next run. */
  readonly next: readonly Tensor[];
  /** Rows that are written. */
  readonly written: readonly Tensor[];
  /** What was made before is from outside. */
  readonly since: number;
  /** Younger tensors that are from outside too. */
  readonly outside: ReadonlySet<Tensor>;
}

/** Settings of one result of a loop. */
interface LoopParams {
  readonly call: LoopCall;
  readonly result: number;
}

/** How often, and in which order. */
export interface LoopRuns {
  readonly length: number;
  readonly reverse: boolean;
}

/** One loop on its operands; shown in programs as its body. */
class LoopCall {
  readonly body: Body;
  readonly loop: Loop;
  /** Constants, then what is carried into the first run, then what is read by rows; set as soon as it is known. */
  operands: readonly Tensor[] = [];
  /** Its results, once they are made. */
  members: readonly Tensor[] = [];

  constructor(body: Body, { length, reverse }: LoopRuns) {
    // The carries as they come in are written too: pullbacks begin there. What nobody reads is not written.
    const outputs = [...body.next, ...body.written, ...body.carries];
    const constants = outsideOf(outputs, body);
    const inputs = [...constants, ...body.carries, ...body.rows];
    this.body = body;
    this.loop = {
      program: { inputs, outputs, donated: new Set() },
      constants: constants.length,
      carries: body.carries.length,
      length,
      reverse,
    };
  }

  toString(): string {
    const { program: { inputs, outputs }, length, reverse } = this.loop;
    return `${length} times${reverse ? ", backwards" : ""} ${programText(inputs, outputs)}`;
  }
}

/** What a body uses from outside: operands of the loop. Values that a body can make itself are not among them. */
function outsideOf(outputs: readonly Tensor[], { carries, rows, since, outside }: Body): readonly Tensor[] {
  const own = new Set([...carries, ...rows]);
  const isOutside = (x: Tensor) => outside.has(x) || x.sequence < since || leafSource(x) !== undefined;
  const isMade = ({ primitive: { lowering }, inputs }: Tensor) => lowering.kind !== "leaf" && inputs.length === 0;
  return topologicalOrder(outputs, (x) => own.has(x) || isOutside(x)).filter((x) =>
    !own.has(x) && isOutside(x) && !isMade(x)
  );
}

const LOOP: Primitive<LoopParams> = {
  name: "loop",
  shapeRule: (_, { call: { loop }, result }) => {
    const { shape, dtype } = loop.program.outputs[result]!;
    return { shape: result < loop.carries ? shape : [loop.length, ...shape], dtype };
  },
  reference: (inputs, { call: { loop }, result }) => evaluateLoop(loop, inputs as readonly DenseArray[])[result]!.data,
  vjpRule: (cotangent, output, params) => {
    const { members } = params.call;
    return vjpRule(members.map((member) => member === output ? cotangent : null), members, params);
  },
  group: { members: ({ call }) => call.members, vjpRule, batchRule },
  lowering: { kind: "program", loop: ({ call }) => call.loop, result: ({ result }) => result },
};

/**
 * Runs a body again and again.
 *
 * @param body What is run.
 * @param initial What is carried into the first run, as rows.
 * @param stacks What is read row by row, `[length, row]`.
 * @param runs How often, and in which order.
 * @returns What is carried out of the last run, then all rows that were written, then all that was carried in.
 */
export function bindLoop(
  body: Body,
  initial: readonly Tensor[],
  stacks: readonly Tensor[],
  runs: LoopRuns,
): readonly Tensor[] {
  const call = new LoopCall(body, runs);
  const { program, constants } = call.loop;
  const inputs = [...program.inputs.slice(0, constants), ...initial, ...stacks];
  call.operands = inputs;
  call.members = program.outputs.map((_, result) => bind(LOOP, inputs, { call, result }));
  return call.members;
}

const isFloating = ({ dtype }: Tensor): boolean => DTYPES[dtype].floating;
const zeros = ({ shape, dtype }: Tensor): Tensor => constant(shape, 0, dtype);

/** A tensor where there is one. */
type Maybe = readonly (Tensor | null)[];

/** The body of a loop backwards: stand-ins of cotangents, and what a run makes of them. */
function pulledBack({ loop: { constants, carries, program: { inputs, outputs } } }: LoopCall, cotangents: Maybe) {
  const [outer, inner] = [inputs.slice(0, constants), inputs.slice(constants)];
  const tape = tapeOf(outputs, inputs);
  const flows = (x: Tensor) => isFloating(x) && tape.depends.has(x);
  const carried: Maybe = inner.slice(0, carries).map((x) => isFloating(x) ? placeholder(x) : null);
  const rows: Maybe = outputs.map((y, i) => i >= carries && cotangents[i] && flows(y) ? placeholder(y) : null);
  const summed: Maybe = outer.map((x) => flows(x) ? placeholder(rowSpec(x)) : null);
  const pairs = outputs.map((y, i) => [y, (i < carries ? carried : rows)[i]!] as const);
  const found = pullBack(tape, pairs.filter(([y]) => flows(y)));
  const isWritten = inner.slice(carries).map(isFloating);
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
    [...carried.flatMap((x, i) => x ? [cotangents[i] ?? zeros(x)] : []), ...summed.flatMap((x) => x ? [zeros(x)] : [])],
    read.map(([, stack]) => stack),
    { length, reverse: !reverse },
  );
  const left = [...results];
  const ofCarries = carried.map((x) => x && left.shift()!);
  const ofConstants = summed.map((x, i) => x && fromRow(left.shift()!, outer[i]!.shape));
  return [...ofConstants, ...ofCarries, ...isWritten.map((is) => is ? left.shift()! : null)];
}

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

/** The loop over all examples at once: rows of what is mapped are those of the examples, side by side. */
function batchRule(batch: Batch, { call }: LoopParams): readonly Tensor[] {
  const { inputs, mapped, size } = batch;
  const { body, loop: { constants, carries, program, length, reverse } } = call;
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
    body.carries.map((x, i) => {
      const y = inputs[constants + i]!;
      return isMapped[i] ? reshape(mapped[constants + i] ? y : spreadOne(y, size, 2), [size * x.shape[0]!]) : y;
    }),
    inputs.slice(constants + carries).map((y, i) => isMapped[carries + i] ? besideRows(y) : y),
    { length, reverse },
  );
  return program.outputs.map((y, i) => {
    const result = results[i]!;
    if (!is[i]) return spreadOne(result, size, result.shape.length + 1);
    const row = y.shape[0]!;
    return i < carries ? reshape(result, [size, row]) : transpose(reshape(result, [length, size, row]), [1, 0, 2]);
  });
}
