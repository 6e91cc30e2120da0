import type { Collective } from "../collective.ts";

const DONE = { poll: () => true, wait: () => {} };

const ALONE: Collective = Object.freeze({
  name: "alone",
  rank: 0,
  size: 1,
  allReduce: () => DONE,
  allGather: (values: ArrayLike<number>, all: { set(values: ArrayLike<number>): void }) => all.set(values),
  broadcast: () => {},
  barrier: () => {},
  close: () => {},
});

/**
 * The group of one process. Programs that are given it are those of no group at all: nothing is added to them.
 *
 * @returns Size 1, rank 0.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { allReduce, alone, tensor } from "@tessera/tessera/tensor";
 *
 * const x = tensor([1, 2]);
 * equal(allReduce(x, alone()), x);
 * ```
 */
export function alone(): Collective {
  return ALONE;
}
