/** @file What ranks do together while they train: end at the same step, look whether they have the same, count their waiting. */
import type { Collective, Device, Tree } from "../../../tensor/mod.ts";
import type { StepRecord } from "../metrics.ts";
import type { RunResults } from "../results/run_results.ts";
import { anyOf, compareParams } from "./agreement.ts";

/** What a loop does besides its steps. */
export interface LoopSides<State> extends RunResults<State> {
  /** True once the run is to end. */
  interrupted(): boolean;
}

/**
 * Makes what a loop does besides its steps a thing of all ranks: they end at one step wherever one of them is asked to, compare
 * their parameters before each save, and write down for how long each waited for the others.
 *
 * @param collective The ranks.
 * @param device Where the state lies.
 * @param own What this rank does.
 * @returns The same, of all; of one process what it does itself.
 */
export function sidesOfAll<State extends { readonly params: Tree }>(
  collective: Collective,
  device: Device,
  own: LoopSides<State>,
): LoopSides<State> {
  if (collective.size === 1) return own;
  const agreed = { ends: false };
  const waitedOf = waiting(collective);
  return {
    log(records) {
      const waited = waitedOf();
      own.log(records.map((record) => ({ ...record, ranks: collective.size, waited })));
      agreed.ends = anyOf(collective, own.interrupted());
    },
    async save(train, done) {
      await compareParams(collective, train.params, device, done);
      await own.save(train, done);
    },
    interrupted: () => agreed.ends,
  };
}

/** Seconds for which each rank waited since the last time. */
function waiting(collective: Collective): () => NonNullable<StepRecord["waited"]> {
  const last = { seconds: 0 };
  return () => {
    const seconds = collective.waited?.() ?? 0;
    const all = new Float32Array(collective.size);
    collective.allGather(Float32Array.of(seconds - last.seconds), all);
    last.seconds = seconds;
    return Array.from(all, (x) => Number(x.toFixed(4)));
  };
}
