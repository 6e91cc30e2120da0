import type { Collective, Device } from "../../../tensor/mod.ts";
import type { BatchPart } from "../../../data/mod.ts";
import type { DetectionBatch, Detector, DetectorState } from "../../../nn/mod.ts";
import type { DetectorTrees } from "../../train/detection/detect_images.ts";
import { preciseStatistics } from "../../train/detection/precise_statistics.ts";
import { partOfRank } from "../../train/ranks/open_ranks.ts";
import { sharingOf } from "../shared/shared_run.ts";
import type { DetectOptions } from "./detect_options.ts";

/** What running statistics are taken from, and by whom. */
export interface StatisticsRun {
  /** Batches like those of the training, of other draws: so many, and which images of each are made. */
  readonly batches: (steps: number, part: BatchPart) => AsyncIterable<DetectionBatch>;
  readonly device: Device;
  /** Ranks that share each batch; its statistics are those of all of it. */
  readonly collective: Collective;
}

/**
 * Prepares taking running statistics anew, by all ranks together.
 *
 * @param model The detector.
 * @param options Of the run.
 * @param run What they are taken from.
 * @returns From weights and a number of batches to the state, on every rank the same.
 */
export function statisticsAnew(
  model: Detector,
  options: DetectOptions,
  { batches, device, collective }: StatisticsRun,
): (weights: DetectorTrees, count: number) => Promise<DetectorState> {
  const { bucketBytes: _, ...sharing } = sharingOf({ ...options, accumulate: 1, syncBn: true }, collective);
  const anew = preciseStatistics(model, { device, sharing });
  const part = partOfRank(options.batchSize, collective);
  return (weights, count) => anew(weights, batches(count, part));
}
