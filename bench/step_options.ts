/** @file Options of the programs that run a SparK training step: each stands here once. */
import { MODEL_NAMES } from "../spark/train/model_table.ts";

/** Which step. */
export const STEP_OPTIONS = {
  model: { kind: "name", names: MODEL_NAMES as readonly string[], help: "one of {names}", default: "resnet50" },
  batchSize: { kind: "whole", least: 1, help: "images per step", default: 8 },
  decoderWidth: {
    kind: "whole",
    least: 1,
    help: "channels of the decoder at the coarsest scale",
    default: 768,
  },
} as const;

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
