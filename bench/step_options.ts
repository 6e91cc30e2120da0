/** @file Options of the programs that run a SparK training step: each stands here once. */
import type { Classifier } from "../nn/mod.ts";
import { MODEL_ENDINGS, modelEntry } from "../spark/train/model_file.ts";
import { MODEL_NAMES } from "../spark/train/model_table.ts";

/** Which step. */
export const STEP_OPTIONS = {
  model: {
    kind: "name",
    names: MODEL_NAMES as readonly string[],
    files: MODEL_ENDINGS as readonly string[],
    help: "one of {names}, or a file that exports a model",
    default: "resnet50",
  },
  batchSize: { kind: "whole", least: 1, help: "images per step", default: 8 },
  inputSize: {
    kind: "whole",
    least: 1,
    help: "height and width of the images in pixels (default: the model's recipe)",
  },
  decoderWidth: {
    kind: "whole",
    least: 1,
    help: "channels of the decoder at the coarsest scale (default: the model's recipe)",
  },
} as const;

/** A model, and the sizes of its step. */
export interface StepSizes {
  /** The model. */
  readonly model: Classifier;
  /** Height and width of the images. */
  readonly inputSize: number;
  /** Channels of the decoder at the coarsest scale. */
  readonly decoderWidth: number;
}

/**
 * Makes the model that `--model` names, and fills in the sizes of its recipe.
 *
 * @param given Options; the model was loaded.
 * @returns Model and sizes.
 */
export function stepSizes(
  { model, inputSize, decoderWidth }: {
    readonly model: string;
    readonly inputSize?: number;
    readonly decoderWidth?: number;
  },
): StepSizes {
  const { make, recipe } = modelEntry(model);
  return {
    model: make(),
    inputSize: inputSize ?? recipe.inputSize[0],
    decoderWidth: decoderWidth ?? recipe.decoderWidth,
  };
}

/** The device that does the work. */
export const BENCH_DEVICE_OPTION = {
  device: { kind: "name", names: ["cpu", "webgpu", "reference"], help: "cpu, webgpu or reference", default: "cpu" },
} as const;

/** Threads of the cpu device. */
export const THREADS_OPTION = {
  threads: { kind: "whole", least: 1, help: "threads of the cpu device (default: one a core)" },
} as const;

/** The interpreter of what is compared with. */
export const PYTHON_OPTION = {
  python: {
    kind: "text",
    placeholder: "PROGRAM",
    what: "a program",
    help: "interpreter that has PyTorch",
    default: "/usr/bin/python3",
  },
} as const;

/** How results are written. */
export const JSON_OPTION = { json: { kind: "flag", help: "end with one JSON object on one line" } } as const;
