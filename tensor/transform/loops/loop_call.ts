/** @file The application of a loop: one body, and what it is run on. */
import { topologicalOrder } from "../../order.ts";
import type { GroupRules, Loop, Primitive } from "../../primitive.ts";
import type { DenseArray } from "../../spec.ts";
import { bind, bufferOf, leafSource, type Tensor } from "../../tensor.ts";
import { programText } from "../program_text.ts";
import { evaluateLoop } from "./evaluate_loop.ts";

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
export interface LoopParams {
  readonly call: LoopCall;
  readonly result: number;
}

/** How often, and in which order. */
export interface LoopRuns {
  readonly length: number;
  readonly reverse: boolean;
  /** The int32 tensor of the body that tells when further runs change nothing: of its carries, or from outside. */
  readonly stops?: Tensor | undefined;
}

/** One loop on its operands; shown in programs as its body. */
export class LoopCall {
  readonly body: Body;
  readonly loop: Loop;
  readonly runs: LoopRuns;
  /** Constants, then what is carried into the first run, then what is read by rows; set as soon as it is known. */
  operands: readonly Tensor[] = [];
  /** Its results, once they are made. */
  members: readonly Tensor[] = [];

  constructor(body: Body, runs: LoopRuns) {
    const { length, reverse, stops } = runs;
    const outputs = [...body.next, ...body.written];
    const constants = outsideOf(outputs, body, stops);
    const inputs = [...constants, ...body.carries, ...body.rows];
    this.body = body;
    this.runs = runs;
    this.loop = {
      program: { inputs, outputs, donated: new Set() },
      constants: constants.length,
      carries: body.carries.length,
      length,
      reverse,
      stops: stops && inputs.indexOf(stops),
    };
  }

  toString(): string {
    const { program: { inputs, outputs }, length, reverse, stops } = this.loop;
    const text = programText(inputs, outputs);
    if (stops === undefined) return `${length} times${reverse ? ", backwards" : ""} ${text}`;
    if (length === 1) return `if input ${stops} is not 0 ${text}`;
    return `while input ${stops} is not 0${Number.isFinite(length) ? `, ${length} times at most,` : ""} ${text}`;
  }
}

/** What a body uses from outside: operands of the loop, first what stops it. Values that a body can make itself are not among them. */
function outsideOf(
  outputs: readonly Tensor[],
  { carries, rows, since, outside }: Body,
  stops: Tensor | undefined,
): readonly Tensor[] {
  const first = stops && !carries.includes(stops) ? [stops] : [];
  const own = new Set([...carries, ...rows, ...first]);
  const isOutside = (x: Tensor) => outside.has(x) || x.sequence < since || leafSource(x) !== undefined;
  const isMade = (x: Tensor) => x.primitive.lowering.kind !== "leaf" && x.inputs.length === 0 && !bufferOf(x);
  const found = topologicalOrder(outputs, (x) => own.has(x) || isOutside(x));
  return [...first, ...found.filter((x) => !own.has(x) && isOutside(x) && !isMade(x))];
}

/** A tensor where there is one. */
export type Maybe = readonly (Tensor | null)[];

/**
 * Makes the record of a kind of loops.
 *
 * @param name Of the operation.
 * @param rules Its pullback, and itself on a batch.
 * @returns The record of one result.
 */
export function loopPrimitive(
  name: string,
  { vjpRule, batchRule }: Pick<GroupRules<LoopParams>, "vjpRule" | "batchRule">,
): Primitive<LoopParams> {
  return {
    name,
    shapeRule: (_, { call: { loop }, result }) => {
      const { shape, dtype } = loop.program.outputs[result]!;
      return { shape: result < loop.carries ? shape : [loop.length, ...shape], dtype };
    },
    reference: (inputs, { call: { loop }, result }) =>
      evaluateLoop(loop, inputs as readonly DenseArray[])[result]!.data,
    vjpRule: (cotangent, output, params) => {
      const { members } = params.call;
      return vjpRule(members.map((member) => member === output ? cotangent : null), members, params);
    },
    group: { members: ({ call }) => call.members, vjpRule, batchRule },
    lowering: { kind: "program", loop: ({ call }) => call.loop, result: ({ result }) => result },
  };
}

/** Operands of a loop beside those that its body uses from outside. */
export interface LoopOperands {
  /** What is carried into the first run, as rows. */
  readonly initial: readonly Tensor[];
  /** What is read row by row, `[length, row]`. */
  readonly stacks: readonly Tensor[];
}

/**
 * Runs a body again and again.
 *
 * @param primitive The kind of loop.
 * @param body What is run.
 * @param operands What it is run on.
 * @param runs How often, and in which order.
 * @returns What is carried out of the last run, then all rows that were written.
 */
export function bindCall(
  primitive: Primitive<LoopParams>,
  body: Body,
  { initial, stacks }: LoopOperands,
  runs: LoopRuns,
): readonly Tensor[] {
  const call = new LoopCall(body, runs);
  const { program, constants } = call.loop;
  const inputs = [...program.inputs.slice(0, constants), ...initial, ...stacks];
  call.operands = inputs;
  call.members = program.outputs.map((_, result) => bind(primitive, inputs, { call, result }));
  return call.members;
}
