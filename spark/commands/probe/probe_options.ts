/** @file Options of the probing command. */
import { stepsPerEpoch } from "../../../data/mod.ts";
import {
  DEADLINE_OPTION,
  DEVICE_OPTION,
  FILE_MODEL_OPTION,
  IN_CHANNELS_OPTION,
  INPUT_SIZE_OPTION,
  LABELLED_OPTIONS,
  MACHINE_OPTIONS,
  SEED_OPTION,
  WEIGHTS_OPTION,
} from "../shared/common_options.ts";

/** Options of this command alone. */
const OWN = {
  batchSize: { kind: "whole", least: 2, most: 65536, help: "images per batch", default: 64 },
  recalibrate: {
    kind: "whole",
    least: 0,
    most: 100000,
    help: [
      "batches from which batch norm takes its running statistics anew, as those of pre-training were of visible",
      "patches, at most one pass over the images; 0 keeps them",
    ],
    default: 100,
  },
  epochs: { kind: "whole", least: 1, help: "passes of the linear classifier over the features", default: 50 },
  neighbours: { kind: "whole", least: 1, help: "nearest neighbours that vote", default: 20 },
  out: { kind: "text", placeholder: "FILE", what: "a file", help: "file for the result, JSON" },
} as const;

/** The options, in the order of the help text. */
export const PROBE_OPTIONS:
  & typeof LABELLED_OPTIONS
  & typeof WEIGHTS_OPTION
  & typeof FILE_MODEL_OPTION
  & typeof INPUT_SIZE_OPTION
  & typeof IN_CHANNELS_OPTION
  & typeof SEED_OPTION
  & typeof OWN
  & typeof DEADLINE_OPTION
  & typeof DEVICE_OPTION
  & typeof MACHINE_OPTIONS = {
    ...LABELLED_OPTIONS,
    ...WEIGHTS_OPTION,
    ...FILE_MODEL_OPTION,
    ...INPUT_SIZE_OPTION,
    ...IN_CHANNELS_OPTION,
    ...SEED_OPTION,
    ...OWN,
    ...DEADLINE_OPTION,
    ...DEVICE_OPTION,
    ...MACHINE_OPTIONS,
  };

/**
 * Batches from which running statistics are taken anew: each image once tells all there is.
 *
 * @param recalibrate Value of `--recalibrate`.
 * @param images Images that there are.
 * @param batchSize Images of a batch.
 * @returns Number of batches.
 */
export function batchesForStatistics(recalibrate: number, images: number, batchSize: number): number {
  return Math.min(recalibrate, stepsPerEpoch(images, batchSize));
}
