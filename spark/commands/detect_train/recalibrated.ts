import type { Device } from "../../../tensor/mod.ts";
import { type DetectionBatch, detector } from "../../../nn/mod.ts";
import type { DetectionState } from "../../detection.ts";
import { preciseStatistics } from "../../train/detection/precise_statistics.ts";
import { print } from "../cli/print.ts";
import type { Detecting } from "./detecting.ts";
import type { DetectOptions } from "./detect_options.ts";

/**
 * The state in which a run starts: with `--backbone-norm recalibrated` the running statistics of the backbone are those of
 * dense images, as those of sparse pre-training are of visible patches alone.
 *
 * @param training What is trained.
 * @param options Options of the run.
 * @param settings Batches to take them from, and where to compute.
 * @returns The state before the first step.
 */
export async function recalibrated(
  { initial, model }: Detecting,
  { backboneNorm, precise }: DetectOptions,
  { batches, device }: { readonly batches: (steps: number) => AsyncIterable<DetectionBatch>; readonly device: Device },
): Promise<DetectionState> {
  if (backboneNorm !== "recalibrated") return initial;
  const count = precise === 0 ? 200 : precise;
  print(`Takes the running statistics of the backbone anew, from ${count} batches`);
  const { strides: _, ...settings } = model.settings;
  const live = detector({ ...settings, backboneNorm: "live", freezeAt: 0 });
  const { backbone } = await preciseStatistics(live, { device })(initial, batches(count));
  return { ...initial, state: { ...initial.state, backbone } };
}
