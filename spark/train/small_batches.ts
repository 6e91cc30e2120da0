/** @file Compiled steps of several small batches, whatever is trained. */
import { type Device, type ExecutableStats, jit, type Tensor, type Tree } from "../../tensor/mod.ts";
import type { Ring } from "../../tensor/kernel.ts";
import type { CompiledStep, StepResult } from "./training.ts";

/** Statistics and key, which a small batch moves on. */
interface After {
  /** Running statistics. */
  readonly state: Tree;
  /** Random key of the next one. */
  readonly key: Tensor;
}

/** What a step of small batches is made of. */
export interface SmallBatches<State extends After & { readonly params: Tree }, Batch, Small, Sums> {
  /** Where to compute. */
  readonly device: Device;
  /** Whether the memory of the state before may be used again. */
  readonly donate: boolean;
  /** How many small batches. */
  readonly parts: number;
  /** What a small batch needs of the state. */
  readonly smallOf: (train: State) => Small;
  /** The sums before the first. */
  readonly zero: (params: State["params"]) => Sums;
  /** Adds a small batch to the sums. */
  readonly add: (small: Small, sums: Sums, batch: Batch) => Pick<State, "state" | "key"> & { readonly sums: Sums };
  /** Ends the step. */
  readonly finish: (train: State, after: Pick<State, "state" | "key">, sums: Sums, metrics: Ring) => StepResult<State>;
  /** Takes one of the small batches. */
  readonly partOf: (batch: Batch, part: number, parts: number) => Batch;
}

/**
 * Compiles a step of several small batches, in memory for one of them and the sums.
 *
 * @param settings What it is made of.
 * @returns The step, for batches that divide by the number of parts.
 */
export function smallBatches<State extends After & { readonly params: Tree }, Batch, Small, Sums>(
  { device, donate, parts, smallOf, zero, add, finish, partOf }: SmallBatches<State, Batch, Small, Sums>,
): CompiledStep<State, Batch> {
  const begin = jit((params: Tree) => zero(params as State["params"]) as Tree, { device });
  const next = jit(
    (small: Tree, sums: Tree, batch: Tree) => add(small as Small, sums as Sums, batch as Batch) as Tree,
    {
      donate: [1],
      device,
    },
  );
  const end = jit(
    (train: Tree, after: Tree, sums: Tree, metrics: Ring) =>
      finish(train as unknown as State, after as unknown as Pick<State, "state" | "key">, sums as Sums, metrics),
    { donate: donate ? [0, 1, 2, 3] : [1, 2, 3], device },
  );
  const step = (train: State, metrics: Ring, batch: Batch): StepResult<State> => {
    let small = smallOf(train);
    let sums = begin(train.params as Tree) as Sums;
    let after: Pick<State, "state" | "key"> = train;
    for (let part = 0; part < parts; part++) {
      const out = next(small as Tree, sums as Tree, partOf(batch, part, parts) as Tree) as unknown as ReturnType<
        typeof add
      >;
      after = { state: out.state, key: out.key };
      small = { ...small, ...after };
      sums = out.sums;
    }
    return end(train as unknown as Tree, after as unknown as Tree, sums as Tree, metrics) as StepResult<State>;
  };
  const argumentsOf = (train: State, metrics: Ring, batch: Batch) => {
    const { params, state, key } = train;
    const sums = zero(params) as Tree;
    return [
      [smallOf(train) as Tree, sums, partOf(batch, 0, parts) as Tree],
      [train as unknown as Tree, { state, key } as Tree, sums, metrics],
    ] as [Parameters<typeof next>, Parameters<typeof end>];
  };
  return Object.assign(step, plansOf([next, end], argumentsOf, parts));
}

/** What is compiled ahead, and what it costs. */
interface Planned<Args extends readonly unknown[]> {
  stats(...args: Args): ExecutableStats;
  prepare(...args: Args): Promise<ExecutableStats>;
}

/** The costs of both programs of a step. */
function plansOf<Given extends readonly unknown[], A extends readonly unknown[], B extends readonly unknown[]>(
  [next, end]: readonly [Planned<A>, Planned<B>],
  argumentsOf: (...given: Given) => readonly [A, B],
  parts: number,
): Planned<Given> {
  return {
    stats(...given) {
      const [small, last] = argumentsOf(...given);
      return together(next.stats(...small), end.stats(...last), parts);
    },
    async prepare(...given) {
      const [small, last] = argumentsOf(...given);
      const plans = await Promise.all([next.prepare(...small), end.prepare(...last)]);
      return together(plans[0], plans[1], parts);
    },
  };
}

/** The costs of a step of small batches and its end. */
function together(small: ExecutableStats, end: ExecutableStats, parts: number): ExecutableStats {
  return {
    ...small,
    plannedBytes: Math.max(small.plannedBytes, end.plannedBytes),
    launches: parts * small.launches + end.launches,
  };
}
