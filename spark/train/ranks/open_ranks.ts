import { alone, type Collective } from "../../../tensor/mod.ts";
import type { BatchPart } from "../../../data/mod.ts";
import { launched, openMpi } from "../mpi/mod.ts";

/**
 * Joins the ranks that the launcher has started, if it has, and does something with them.
 *
 * @param deadline Seconds after which a rank is given up; that of `openMpi` if not given.
 * @param run What they do; the group is that of one process where there is no launcher.
 * @returns Its result. Where it throws, the group is not left: that would wait for the others, whom the launcher ends.
 * @throws {Error} As `openMpi` and `run`.
 */
export async function amongRanks<T>(
  deadline: number | undefined,
  run: (collective: Collective) => Promise<T>,
): Promise<T> {
  const isOne = (launched()?.size ?? 1) === 1;
  const collective = isOne ? alone() : openMpi(deadline === undefined ? {} : { deadline });
  const result = await run(collective);
  collective.close();
  return result;
}

/**
 * Shares a batch among ranks.
 *
 * @param batchSize Images of the batch.
 * @param collective The ranks.
 * @param groups Small batches that it is made of, each of which is shared: what one process sums over them, ranks do. 1 if not given.
 * @returns Those of this rank: of each small batch as many as others, or one more.
 * @throws {RangeError} If a small batch has fewer images than there are ranks.
 */
export function partOfRank(
  batchSize: number,
  { rank, size }: Pick<Collective, "rank" | "size">,
  groups = 1,
): BatchPart {
  const each = batchSize / groups;
  if (each < size) {
    const small = groups === 1 ? "" : `, small batches of --accumulate are ${groups}`;
    throw new RangeError(
      `Cannot share a batch as each rank must have an image: current --batch-size is ${batchSize}${small}, number of ranks is ${size}`,
    );
  }
  const { first, count } = shareOfRank(each, { rank, size });
  return { first, count: groups * count, ...groups > 1 && { groups } };
}

/**
 * Shares any number of things among ranks.
 *
 * @param total How many; of fewer than ranks some have none.
 * @param collective The ranks.
 * @returns Those of this rank.
 */
export function shareOfRank(
  total: number,
  { rank, size }: Pick<Collective, "rank" | "size">,
): Pick<BatchPart, "first" | "count"> {
  const first = Math.floor(rank * total / size);
  return { first, count: Math.floor((rank + 1) * total / size) - first };
}

/**
 * Threads of a rank: those that run on one machine share the cores that it may use.
 *
 * @param threads Value of `--threads`, if it was given.
 * @returns It; else a part of these cores, one of a rank that the launcher has bound to a core; undefined for all where no launcher has started this process.
 */
export function threadsOfRank(threads: number | undefined): number | undefined {
  const onThisMachine = Number(Deno.env.get("OMPI_COMM_WORLD_LOCAL_SIZE") ?? 1);
  if (threads !== undefined || onThisMachine < 2) return threads;
  return Math.max(1, Math.floor(navigator.hardwareConcurrency / onThisMachine));
}
