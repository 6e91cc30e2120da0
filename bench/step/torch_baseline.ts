import { startLineProcess } from "../line_process.ts";

/** One step of the baseline, as `bench/baseline/spark_torch.py` reports it. */
export interface BaselineStep {
  readonly millisecondsPerStep: number;
  readonly forwardMilliseconds: number;
  readonly backwardMilliseconds: number;
  readonly optimizerMilliseconds: number;
  readonly residentBytes: number;
}

/** The PyTorch baseline in a process of its own, warmed up, waiting. */
export interface Baseline {
  /** Takes a step. */
  step(): Promise<BaselineStep>;
  /** Ends it. */
  close(): Promise<void>;
}

/** Starts the baseline: it steps when it is told to, so that its steps alternate with those of this process. */
export function startBaseline(python: string, model: string, inputSize: number, batchSize: number): Baseline {
  const script = new URL("../baseline/spark_torch.py", import.meta.url).pathname;
  const flags = ["--model", model, "--input-size", `${inputSize}`, "--batch-size", `${batchSize}`];
  const torch = startLineProcess(python, [script, ...flags, "--steps", "1000", "--on-request", "--json"]);
  return { step: async () => await torch.ask("step") as BaselineStep, close: () => torch.close() };
}
