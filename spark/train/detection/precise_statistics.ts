/** @file Running statistics of batch norms, taken anew (PreciseBN; Wu and Johnson, "Rethinking Batch in BatchNorm", 2021). */
import { add, type Device, div, jit, mul, random, sub, type Tensor, treeMap } from "../../../tensor/mod.ts";
import {
  type DetectionBatch,
  detectionLosses,
  type DetectionLossOptions,
  type Detector,
  type DetectorState,
} from "../../../nn/mod.ts";
import { nextTurn } from "../interrupt.ts";
import type { DetectorTrees } from "./detect_images.ts";

/** Share of the statistics of a batch that a running average takes over. */
const MOMENTUM = 0.1;

/** Sums of the statistics of batches. */
type Sums = DetectorState;

const isCount = ({ dtype }: Tensor) => dtype === "int32";

/**
 * Prepares taking the running statistics of a detector anew: as the mean of those of some batches, with the weights as they
 * are, instead of an average over weights that have changed. Norms that are frozen keep theirs.
 *
 * @param model The detector.
 * @param options Where to compute; how processes share the batches, of which each is given its part.
 * @returns From weights and batches, of which all are read, to the state; the state as it is if there is no batch.
 */
export function preciseStatistics(
  model: Detector,
  { device, sharing = {} }: { readonly device: Device; readonly sharing?: Omit<DetectionLossOptions, "key"> },
): (weights: DetectorTrees, batches: AsyncIterable<DetectionBatch>) => Promise<DetectorState> {
  const more = jit((weights: DetectorTrees, sums: Sums, batch: DetectionBatch) => {
    const { state } = detectionLosses(model, weights, batch, { key: random.key(0), ...sharing });
    // new = old + (batch - old) · momentum, solved for the batch.
    return treeMap(
      (sum, now, old) => isCount(sum) ? old : add(sum, add(old, div(sub(now, old), MOMENTUM))),
      sums,
      state,
      weights.state,
    );
  }, { device });
  const mean = jit((sums: Sums, count: Tensor) => treeMap((sum) => isCount(sum) ? sum : div(sum, count), sums), {
    device,
  });
  const zeros = jit((state: DetectorState) => treeMap((x) => isCount(x) ? x : mul(x, 0), state), { device });
  return async (weights, batches) => {
    let sums: Sums | null = null;
    let count = 0;
    for await (const batch of batches) {
      await nextTurn();
      sums = more(weights, sums ?? zeros(weights.state), batch);
      count++;
    }
    return sums === null ? weights.state : mean(sums, count);
  };
}
