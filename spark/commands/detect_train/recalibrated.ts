import { detector } from "../../../nn/mod.ts";
import type { DetectionState } from "../../detection.ts";
import { printOf } from "../cli/print.ts";
import type { Detecting } from "./detecting.ts";
import type { DetectOptions } from "./detect_options.ts";
import { statisticsAnew, type StatisticsRun } from "./statistics_anew.ts";

/**
 * The state in which a run starts: with `--backbone-norm recalibrated` the running statistics of the backbone are those of
 * dense images, as those of sparse pre-training are of visible patches alone.
 *
 * @param training What is trained.
 * @param options Options of the run.
 * @param run What to take them from.
 * @returns The state before the first step.
 */
export async function recalibrated(
  { initial, model }: Detecting,
  options: DetectOptions,
  run: StatisticsRun,
): Promise<DetectionState> {
  const { backboneNorm, precise } = options;
  if (backboneNorm !== "recalibrated") return initial;
  const count = precise === 0 ? 200 : precise;
  printOf(run.collective)(`Takes the running statistics of the backbone anew, from ${count} batches`);
  const { strides: _, ...settings } = model.settings;
  const live = detector({ ...settings, backboneNorm: "live", freezeAt: 0 });
  const { backbone } = await statisticsAnew(live, options, run)(initial, count);
  return { ...initial, state: { ...initial.state, backbone } };
}
