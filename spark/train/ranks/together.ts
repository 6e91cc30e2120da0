/** @file What ranks do together while they train: end at the same step, look whether they have the same, count their waiting. */
import type { Collective, Device, Tree } from "../../../tensor/mod.ts";
import type { StepRecord } from "../metrics.ts";
import type { RunResults } from "../results/run_results.ts";
import { anyOf } from "../../shared_step.ts";
import { compareParams } from "./agreement.ts";
import { partOfRank } from "./open_ranks.ts";

/** What a loop does besides its steps. */
export interface LoopSides<State> extends RunResults<State> {
  /** Called before a state is kept, on every rank. */
  readonly beforeSave?: ((train: State, done: number) => Promise<void>) | undefined;
  /** True once the run is to end. */
  interrupted(): boolean;
}

/**
 * Makes what a loop does besides its steps a thing of all ranks: they end at one step wherever one of them is asked to, compare
 * their parameters before each save, and write down how fast each was and for how long it waited for the others.
 *
 * @param collective The ranks.
 * @param run Where the state lies; images of a step, of all ranks, and the small batches that it is made of.
 * @param own What this rank does.
 * @returns The same, of all; of one process what it does itself.
 */
export function sidesOfAll<State extends { readonly params: Tree }>(
  collective: Collective,
  { device, batchSize, accumulate = 1 }: {
    readonly device: Device;
    readonly batchSize: number;
    readonly accumulate?: number;
  },
  own: LoopSides<State>,
): LoopSides<State> {
  const save = async (train: State, done: number) => {
    await own.beforeSave?.(train, done);
    await whileFirst(collective, () => own.save(train, done));
  };
  if (collective.size === 1) return { ...own, save };
  const agreed = { ends: false };
  const clock = waiting(collective);
  return {
    log(records) {
      const waited = clock.read().map((seconds) => seconds / records.length);
      own.log(records.map((record) => ({ ...record, ...paceOf(record, waited, { batchSize, accumulate }) })));
      agreed.ends = anyOf(collective, own.interrupted());
    },
    async save(train, done) {
      await compareParams(collective, train.params, device, done);
      await save(train, done);
      clock.restart();
    },
    interrupted: () => agreed.ends,
  };
}

/** Milliseconds between two signs of life. */
const BEAT = 1000;

/**
 * Lets the first rank do what it does alone, such as to evaluate and to write, while the others wait: as long as it says that it is
 * alive, however long it takes.
 *
 * @param collective The ranks.
 * @param work What the first does.
 * @throws {Error} As `work`, on the first; {CollectiveError} on the others, if they do not hear of it within the deadline.
 */
export async function whileFirst(collective: Collective, work: () => Promise<void> | void): Promise<void> {
  if (collective.size === 1) return await work();
  const says = (done: boolean) => anyOf(collective, done);
  if (collective.rank > 0) {
    while (!says(false));
    return;
  }
  const timer = setInterval(() => says(false), BEAT);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  says(true);
}

/** Seconds for which each rank waited since the last time. */
function waiting(collective: Collective) {
  const now = () => collective.waited?.() ?? 0;
  const last = { seconds: now() };
  return {
    restart: () => void (last.seconds = now()),
    read(): readonly number[] {
      const all = new Float32Array(collective.size);
      collective.allGather(Float32Array.of(now() - last.seconds), all);
      last.seconds = now();
      return [...all];
    },
  };
}

/** What ranks add to the record of a step. */
function paceOf(
  { imagesPerSecond }: StepRecord,
  waited: readonly number[],
  { batchSize, accumulate }: { readonly batchSize: number; readonly accumulate: number },
): Required<Pick<StepRecord, "ranks" | "waited" | "rankSpeeds">> {
  const size = waited.length;
  const seconds = batchSize / imagesPerSecond;
  const speeds = waited.map((own, rank) => partOfRank(batchSize, { rank, size }, accumulate).count / (seconds - own));
  const rounded = (numbers: readonly number[], digits: number) => numbers.map((x) => Number(x.toFixed(digits)));
  return { ranks: size, waited: rounded(waited, 4), rankSpeeds: rounded(speeds, 3) };
}
