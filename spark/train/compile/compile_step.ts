/** @file The compiled programs of a run, before its first step: what they need is told. */
import {
  alone,
  type Collective,
  type Device,
  type ExecutableStats,
  sizeOf,
  type Tensor,
  type Tree,
  treeLeaves,
} from "../../../tensor/mod.ts";
import type { Ring } from "../../../tensor/kernel.ts";
import { bytes } from "../devices.ts";
import { planBatch, withAdvice } from "../largest_batch.ts";
import type { Training } from "../training.ts";

/** What is compiled. */
export interface Compiled<State, Batch> {
  /** What is computed. */
  readonly training: Training<State, Batch>;
  /** A batch of so many images, of which only the shapes count: nothing of it is computed. */
  readonly batchOf: (size: number) => Batch;
  /** What else enlarges maps, besides the options of every training, as the end of a list. */
  readonly enlarging?: string;
  /** Other shapes that batches have, by name, and what the first is called; each is compiled. None if not given. */
  readonly buckets?: { readonly first: string; readonly others: Readonly<Record<string, (size: number) => Batch>> };
}

/** Bytes that a run takes beside its step and the next batch: pictures, evaluations, constants. */
const BESIDE = 64 * 2 ** 20;

const bytesOf = (batch: Tree): number =>
  (treeLeaves(batch) as readonly Tensor[]).reduce((sum, { shape }) => sum + 4 * sizeOf(shape), 0);

/**
 * Plans and compiles a step for each shape of its batches.
 *
 * @param compiled What is compiled; `batchOf` gives the shape that needs most memory.
 * @param run Where, images of a step, small batches of a step, ranks that share it: the line is of the one that says it.
 * @param ring The metrics that the step takes over.
 * @param note Told what is tried where memory is short.
 * @returns What each will need, a line for each shape.
 * @throws {RangeError} If a batch does not fit into memory, naming the largest that does.
 */
export async function compileStep<State, Batch>(
  { training: { step, initial }, batchOf, buckets, enlarging = "" }: Compiled<State, Batch>,
  { device, batchSize, accumulate: multiple = 1, collective = alone() }: {
    readonly device: Device;
    readonly batchSize: number;
    readonly accumulate?: number;
    readonly collective?: Collective;
  },
  ring: () => Ring,
  note: (line: string) => void,
): Promise<readonly string[]> {
  const begin = performance.now();
  const plan = (size: number) => step.stats(initial, ring(), batchOf(size));
  const beside = (size: number) => BESIDE + bytesOf(batchOf(size) as Tree);
  const first = withAdvice(() => planBatch(device, plan, batchSize, { multiple, note, beside }), {
    ...{ batchSize, multiple, enlarging },
  });
  await step.prepare(initial, ring(), batchOf(batchSize));
  const of = collective.size === 1 ? "" : ` of rank ${collective.rank}`;
  const said = (stats: ExecutableStats, since: number) => `Planned memory${of}: ${costOf(stats, since)}`;
  const lines = [`${said(first, begin)}${buckets ? ` (${buckets.first})` : ""}`];
  for (const [name, batch] of Object.entries(buckets?.others ?? {})) {
    const since = performance.now();
    lines.push(`${said(await step.prepare(initial, ring(), batch(batchSize)), since)} (${name})`);
  }
  return lines;
}

function costOf({ plannedBytes, launches }: ExecutableStats, since: number): string {
  const seconds = ((performance.now() - since) / 1000).toFixed(1);
  return `${bytes(plannedBytes)}, in ${launches} launches a step; compiled in ${seconds} s`;
}
