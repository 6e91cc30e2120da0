/** @file Entry point of the threads that make samples: takes requests in order, answers each with its number. */
import { parentPort, workerData } from "node:worker_threads";
import type { Dataset, DatasetSource } from "../sets/dataset.ts";
import { makeSample, type SampleRequest, type SampleResult, type SampleSettings } from "./sample.ts";

/** What a thread is started with. */
export interface WorkerStart {
  /** How to make the data set. */
  readonly source: DatasetSource;
  /** What all samples have in common. */
  readonly settings: SampleSettings;
}

/** What a thread answers. */
export interface WorkerAnswer {
  /** Number of the request. */
  readonly id: number;
  /** The sample; absent if `error` is there. */
  readonly result?: SampleResult;
  /** What went wrong, if it was more than an image that does not decode. */
  readonly error?: string;
}

async function openDataset({ module, factory, args }: DatasetSource): Promise<Dataset> {
  const exported = (await import(module))[factory];
  if (typeof exported !== "function") {
    throw new TypeError(
      `Cannot open a data set as ${module} must export its factory: current ${factory} is no function`,
    );
  }
  return await exported(...args);
}

async function answer(dataset: Promise<Dataset>, id: number, request: SampleRequest): Promise<void> {
  try {
    const result = await makeSample(await dataset, settings, request);
    parentPort?.postMessage({ id, result }, "values" in result ? [result.values.buffer] : []);
  } catch (error) {
    parentPort?.postMessage({ id, error: error instanceof Error ? error.message : String(error) });
  }
}

const { source, settings } = workerData as WorkerStart;
const dataset = openDataset(source);
dataset.catch(() => {}); // every answer reports it
const queue = { last: Promise.resolve() };
parentPort?.on("message", ({ id, request }: { id: number; request: SampleRequest }) => {
  queue.last = queue.last.then(() => answer(dataset, id, request));
});
