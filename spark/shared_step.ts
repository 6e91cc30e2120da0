/** @file A step that several processes share, each with a part of its images. */
import { allReduce, type Collective, DTYPES, mul, type Tensor, type Tree, treeLeaves, treeMap } from "../tensor/mod.ts";
import type { BatchStatistics } from "../nn/mod.ts";

/** How a step is shared; by nobody if nothing is given. */
export interface SharedStepOptions {
  /** The processes. What they draw, they draw for the images of the whole step: each says by `first` where its own begin. */
  readonly collective?: Collective;
  /**
   * Images of the step, of all processes together; where it is made of small batches, of each of these. As many as there are here
   * if not given.
   */
  readonly batchSize?: number;
  /** Bytes of gradients that are exchanged together while others are computed, as of `allReduce`. */
  readonly bucketBytes?: number;
  /** Over what batch normalisation takes its statistics; over the images here if not given. */
  readonly statistics?: BatchStatistics;
}

/** What a process finds for its part of a step. */
export interface StepPart<Params extends Tree, State extends Tree> {
  /** Its share of the loss. */
  readonly loss: Tensor;
  /** Its share of the gradients. */
  readonly gradients: Params;
  /** Running statistics afterwards. */
  readonly state: State;
}

/**
 * The share that a part of a step has in its loss: the loss is a mean over all images, however they are shared.
 *
 * @param images Images of the part.
 * @param options How the step is shared.
 * @returns In (0, 1]; undefined of a step that nobody shares.
 */
export function shareOf(images: number, { collective, batchSize = images }: SharedStepOptions): number | undefined {
  return collective && collective.size > 1 ? images / batchSize : undefined;
}

/**
 * Sums the shares of all processes, part after part as they are made: loss and gradients of the whole step, on each the same. Running statistics
 * that each process took over its own images become their mean.
 *
 * @param part What this process found.
 * @param options How the step is shared.
 * @returns The same of the whole step; the part itself if nobody shares it.
 */
export function together<Params extends Tree, State extends Tree>(
  part: StepPart<Params, State>,
  { collective, statistics, bucketBytes }: SharedStepOptions,
): StepPart<Params, State> {
  if (!collective || collective.size === 1) return part;
  const { loss, gradients, state } = part;
  const own = statistics?.collective ? [] : (treeLeaves(state) as readonly Tensor[]).filter(isFloating);
  const shares = { loss, gradients, own: own.map((x) => mul(x, 1 / collective.size)) };
  const sums = allReduce(shares, collective, bucketBytes === undefined ? {} : { bucketBytes });
  const means = [...sums.own];
  const mean = (x: Tensor) => means.length > 0 && isFloating(x) ? means.shift()! : x;
  return { loss: sums.loss, gradients: sums.gradients as Params, state: treeMap(mean, state as Tree) as State };
}

/**
 * Tells whether any process says so.
 *
 * @param collective The processes.
 * @param own What this one says.
 * @returns True on all if it is on one.
 */
export function anyOf(collective: Collective, own: boolean): boolean {
  const count = Int32Array.of(Number(own));
  collective.allReduce(count).wait();
  return count[0]! > 0;
}

const isFloating = ({ dtype }: Tensor) => DTYPES[dtype].floating;
