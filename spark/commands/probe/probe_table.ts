/** @file The options of the probing command. */
import { FINETUNE_OPTIONS, type GivenFinetuneOptions } from "../shared/finetune_table.ts";
import { count, number, type OptionRow, text } from "../shared/option_table.ts";

/** Options that mean the same as in fine-tuning. */
type SharedName =
  | "data"
  | "val"
  | "model"
  | "init"
  | "fromScratch"
  | "labels"
  | "inputSize"
  | "seed"
  | "device"
  | "threads"
  | "workers";

/** Options as given on the command line; absent where they were not. */
export interface GivenProbeOptions extends Pick<GivenFinetuneOptions, SharedName> {
  /** Images per batch. */
  readonly batchSize?: number;
  /** Batches that statistics are taken from anew. */
  readonly recalibrate?: number;
  /** Passes of the linear classifier over the features. */
  readonly epochs?: number;
  /** Neighbours that vote. */
  readonly neighbours?: number;
  /** File of the result. */
  readonly out?: string;
}

const OWN: Readonly<Record<Exclude<keyof GivenProbeOptions, SharedName>, OptionRow>> = {
  batchSize: { placeholder: "N", help: "images per batch (default 64)", parse: number(2, 65536, { whole: true }) },
  recalibrate: {
    placeholder: "N",
    help: "batches from which batch norm takes its running statistics anew, as those of pre-training were of visible " +
      "patches (default 100; 0 keeps them)",
    parse: number(0, 100_000, { whole: true }),
  },
  epochs: { placeholder: "N", help: "passes of the linear classifier over the features (default 50)", parse: count },
  neighbours: { placeholder: "N", help: "nearest neighbours that vote (default 20)", parse: count },
  out: { placeholder: "FILE", help: "file for the result, JSON", parse: text("a file") },
};

const { data, val, model, init, fromScratch, labels, inputSize, seed, device, threads, workers } = FINETUNE_OPTIONS;

/** The options, in the order of the help text. */
export const PROBE_OPTIONS: Readonly<Record<keyof GivenProbeOptions, OptionRow>> = {
  data,
  val,
  model,
  init,
  fromScratch,
  labels,
  inputSize,
  seed,
  ...OWN,
  device,
  threads,
  workers,
};
