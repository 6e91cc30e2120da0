import type { DetectionState } from "../../detection.ts";
import type { DetectorTrees } from "../../train/detection/detect_images.ts";
import { isEvaluated } from "../../train/results/detection_results.ts";
import type { DetectOptions } from "./detect_options.ts";
import type { Detecting } from "./detecting.ts";
import { statisticsAnew, type StatisticsRun } from "./statistics_anew.ts";

/** The weights of evaluations. */
export interface EvaluatedWeights {
  /** Makes those of a state, on every rank, if it is evaluated. */
  readonly prepare: (train: DetectionState, step: number) => Promise<void>;
  /** Those of the state that was prepared last. */
  readonly weightsOf: (train: DetectionState) => DetectorTrees;
}

/**
 * Prepares the weights of evaluations: the moving average if there is one; with running statistics taken anew, if that is asked
 * for.
 *
 * @param options Of the run.
 * @param model What is trained.
 * @param run What statistics are taken from, and when it is evaluated.
 * @returns Makes them.
 */
export function evaluatedWeights(
  options: DetectOptions,
  { model }: Pick<Detecting, "model">,
  { lengths, ...run }: StatisticsRun & { readonly lengths: Parameters<typeof isEvaluated>[1] },
): EvaluatedWeights {
  const anew = statisticsAnew(model, options, run);
  const found: { state?: DetectorTrees["state"] } = {};
  return {
    async prepare(train, step) {
      if (options.precise === 0 || !isEvaluated(step, lengths)) return;
      found.state = await anew(train.average ?? train, options.precise);
    },
    weightsOf(train) {
      const { params, state } = train.average ?? train;
      return { params, state: found.state ?? state };
    },
  };
}
