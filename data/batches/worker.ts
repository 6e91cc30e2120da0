/** @file Entry point of the threads that make samples: takes requests in order, answers each with its number. */
import { parentPort, workerData } from "node:worker_threads";
import type { Dataset, DatasetSource } from "../sets/dataset.ts";
import type { Fields, SampleRequest } from "./fields.ts";
import { makeSample, type SampleResult } from "./sample.ts";

/** What a thread is started with. */
export interface WorkerStart {
  /** How to make the data set. */
  readonly source: DatasetSource;
  /** How to make what all samples have in common. */
  readonly fields: DatasetSource;
  /** Seed of the run. */
  readonly seed: number;
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

async function made<T>(what: string, { module, factory, args }: DatasetSource): Promise<T> {
  const exported = (await import(module))[factory];
  if (typeof exported !== "function") {
    throw new TypeError(
      `Cannot open ${what} as ${module} must export its factory: current ${factory} is no function`,
    );
  }
  return await exported(...args);
}

/** What samples are made of. */
interface Opened {
  readonly dataset: Dataset;
  readonly fields: Fields;
}

async function answer(opened: Promise<Opened>, id: number, request: SampleRequest): Promise<void> {
  try {
    const { dataset, fields } = await opened;
    const result = await makeSample(dataset, fields, start.seed, request);
    parentPort?.postMessage(
      { id, result },
      "values" in result ? Object.values(result.values).map(({ buffer }) => buffer) : [],
    );
  } catch (error) {
    parentPort?.postMessage({ id, error: error instanceof Error ? error.message : String(error) });
  }
}

async function openAll({ source, fields }: WorkerStart): Promise<Opened> {
  const [dataset, how] = await Promise.all([made<Dataset>("a data set", source), made<Fields>("fields", fields)]);
  return { dataset, fields: how };
}

const start = workerData as WorkerStart;
const opened = openAll(start);
opened.catch(() => {}); // every answer reports it
const queue = { last: Promise.resolve() };
parentPort?.on("message", ({ id, request }: { id: number; request: SampleRequest }) => {
  queue.last = queue.last.then(() => answer(opened, id, request));
});
