import { partOf } from "../../../spark/train/pretrain_step.ts";
import { type Tensor, type Tree, treeMap } from "../../../tensor/mod.ts";

/** What small batches move on. */
interface Moved {
  readonly state: Tree;
  readonly key: Tensor;
}

/**
 * Sums over the small batches of a batch, as the compiled steps of commands do, in one program.
 *
 * @param train State before the first.
 * @param batch All of them, one after the other.
 * @param run How many they are, the sums before the first, and what adds one.
 * @returns State and sums after the last.
 */
export function inSmallBatches<Train extends Moved, Batch extends object, Sums>(
  train: Train,
  batch: Batch,
  { count, zero, add }: {
    readonly count: number;
    readonly zero: Sums;
    readonly add: (small: Train, sums: Sums, batch: Batch) => Pick<Train, "state" | "key"> & { readonly sums: Sums };
  },
): readonly [Train, Sums] {
  let [small, sums] = [train, zero];
  for (let part = 0; part < count; part++) {
    const own = treeMap((x: Tensor) => partOf(x, part, count), batch as unknown as Tree) as unknown as Batch;
    const out = add(small, sums, own);
    [small, sums] = [{ ...small, state: out.state, key: out.key }, out.sums];
  }
  return [small, sums];
}
