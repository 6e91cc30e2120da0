/** @file The primitives of groups of processes: sums over all, and what all have. Linear, each the other's transpose in part. */
import { requireKind } from "../errors.ts";
import type { Collective } from "../collective.ts";
import type { Exchange, Primitive } from "../primitive.ts";
import { spread } from "../primitives/batching/spread.ts";
import { reshape, transpose } from "../primitives/layout.ts";
import { slice } from "../primitives/window.ts";
import { bind, type Tensor } from "../tensor.ts";

/** One exchange of several tensors. */
class ExchangeCall {
  readonly exchange: Exchange;
  /** Its results, once they are made. */
  members: readonly Tensor[] = [];

  constructor(exchange: Exchange) {
    this.exchange = exchange;
  }

  toString(): string {
    const { kind, collective: { name, size } } = this.exchange;
    return `${kind} of ${size} by ${name}`;
  }
}

interface ExchangeParams {
  readonly call: ExchangeCall;
  /** Which operand this is the result of. */
  readonly result: number;
}

/** Values of an operand on the reference device, which computes in float64. */
const copied = (data: ArrayLike<number>): Float64Array => Float64Array.from(data);

const SUM: Primitive<ExchangeParams> = {
  name: "allReduce",
  shapeRule: (inputs, { result }) => ({ shape: inputs[result]!.shape, dtype: inputs[result]!.dtype }),
  reference: (inputs, { call: { exchange: { collective } }, result }) => {
    const values = copied(inputs[result]!.data);
    collective.allReduce(values).wait();
    return values;
  },
  vjpRule: (cotangent, output, params) =>
    sumRule(params.call.members.map((x) => x === output ? cotangent : null), params),
  group: {
    members: ({ call }) => call.members,
    vjpRule: (cotangents, _, params) => sumRule(cotangents, params),
    batchRule: (batch, { call: { exchange } }) => sumOverAll(spread(batch), exchange),
  },
  lowering: { kind: "collective", exchange: ({ call }) => call.exchange, result: ({ result }) => result },
};

/** Losses of all processes depend on each operand alike: their cotangents are summed. */
function sumRule(cotangents: readonly (Tensor | null)[], { call: { exchange } }: ExchangeParams) {
  const there = cotangents.filter((x) => x !== null);
  const sums = [...sumOverAll(there, exchange)];
  return cotangents.map((x) => x && sums.shift()!);
}

const GATHER: Primitive<ExchangeParams> = {
  name: "allGather",
  shapeRule: ([x], { call: { exchange } }) => ({ shape: [exchange.collective.size, ...x!.shape], dtype: x!.dtype }),
  reference: ([x], { call: { exchange: { collective } } }) => {
    const values = copied(x!.data);
    const all = new Float64Array(collective.size * values.length);
    collective.allGather(values, all);
    return all;
  },
  vjpRule: (cotangent, _, { call: { exchange: { collective } } }) => {
    const [, ...shape] = cotangent.shape;
    const [all] = sumOverAll([cotangent], { collective });
    const own = slice(all!, { start: [collective.rank, ...shape.map(() => 0)], size: [1, ...shape] });
    return [reshape(own, shape)];
  },
  batchRule: ({ inputs: [x] }, { call: { exchange: { collective } } }) => {
    const all = gatherOfAll(x!, collective); // [size, batch, …]
    return transpose(all, [1, 0, ...[...all.shape.keys()].slice(2)]);
  },
  lowering: { kind: "collective", exchange: ({ call }) => call.exchange, result: ({ result }) => result },
};

/** Sums of tensors over all processes, which go together. */
export function sumOverAll(tensors: readonly Tensor[], how: Omit<Exchange, "kind">): readonly Tensor[] {
  if (tensors.length === 0) return [];
  const call = new ExchangeCall({ ...how, kind: "sum" });
  call.members = tensors.map((_, result) => bind(SUM, tensors, { call, result }));
  return call.members;
}

/** What all processes have. */
export function gatherOfAll(x: Tensor, collective: Collective): Tensor {
  return bind(GATHER, [x], { call: new ExchangeCall({ kind: "gather", collective }), result: 0 });
}

/** Refuses what is no group of processes. */
export function requireCollective(operation: string, collective: Collective): void {
  const fits = typeof collective?.size === "number";
  requireKind(operation, "collective", collective, fits, "a collective such as alone()");
}
