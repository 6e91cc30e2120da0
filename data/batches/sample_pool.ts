import type { Worker } from "node:worker_threads";
import { hostModule } from "../formats/host_module.ts";
import type { Dataset } from "../sets/dataset.ts";
import type { Fields, SampleRequest } from "./fields.ts";
import { makeSample, type SampleResult } from "./sample.ts";
import type { WorkerAnswer, WorkerStart } from "./worker.ts";

/** Makes samples, here or in threads. */
export interface SamplePool {
  /** Makes one; the order of completion is any. Fails if a thread has ended. */
  make(request: SampleRequest): Promise<SampleResult>;
  /** Waits for a promise. The threads keep the process alive in that time only. */
  wait<T>(promise: Promise<T>): Promise<T>;
  /** Ends the threads. */
  close(): Promise<void>;
}

/** What all samples of a run have in common. */
export interface PoolSettings {
  /** How they are made; must have a source if there are threads. */
  readonly fields: Fields;
  /** Seed of the run. */
  readonly seed: number;
}

/**
 * Opens a pool.
 *
 * @param dataset Where the images are; it must have a source if there are threads.
 * @param settings What all samples have in common.
 * @param workers How many threads; 0 to make samples in this one.
 * @returns The pool.
 * @throws {TypeError} If threads are asked for and the data set or its fields have no source.
 */
export function samplePool(dataset: Dataset, settings: PoolSettings, workers: number): SamplePool {
  if (workers === 0) return localPool(dataset, settings);
  const { fields, seed } = settings;
  if (dataset.source && fields.source) {
    return threadPool({ source: dataset.source, fields: fields.source, seed }, workers);
  }
  throw new TypeError(
    `Cannot load ${dataset.name} in workers as ${
      dataset.source ? "the source of its fields" : "its source"
    } must tell how they make it: current source is undefined; pass workers: 0`,
  );
}

/** One after the other, so that memory stays bounded. */
function localPool(dataset: Dataset, { fields, seed }: PoolSettings): SamplePool {
  const queue: { last: Promise<unknown> } = { last: Promise.resolve() };
  return {
    make: (request) => {
      const result = queue.last.then(() => makeSample(dataset, fields, seed, request));
      queue.last = result.catch(() => {});
      return result;
    },
    wait: (promise) => promise,
    close: () => Promise.resolve(),
  };
}

interface Pending {
  readonly resolve: (result: SampleResult) => void;
  readonly reject: (error: Error) => void;
}

function threadPool(start: WorkerStart, count: number): SamplePool {
  const pending = new Map<number, Pending>();
  const state: { next: number; failure: Error | null } = { next: 0, failure: null };
  const end = (failure: Error) => {
    state.failure ??= failure;
    for (const { reject } of pending.values()) reject(state.failure);
    pending.clear();
  };
  const threads = Array.from({ length: count }, () => startThread(start, pending, end));
  return {
    make: (request) => {
      if (state.failure) return Promise.reject(state.failure);
      const { promise, resolve, reject } = Promise.withResolvers<SampleResult>();
      const id = state.next++;
      pending.set(id, { resolve, reject });
      // Always the same thread for a sample: its decoded sprite is cached there.
      threads[request.index % count]!.postMessage({ id, request });
      return promise;
    },
    wait: async (promise) => {
      threads.forEach((thread) => thread.ref());
      try {
        return await promise;
      } finally {
        threads.forEach((thread) => thread.unref());
      }
    },
    close: async () => {
      end(new Error("Cannot load samples as the batches must go on: current iterator has ended"));
      await Promise.all(threads.map((thread) => thread.terminate()));
    },
  };
}

/** The file of the threads, which is JavaScript in a package for npm. */
function workerUrl(): URL {
  const { url } = import.meta;
  return new URL(`./worker.${url.slice(url.lastIndexOf(".") + 1)}`, url);
}

function startThread(start: WorkerStart, pending: Map<number, Pending>, end: (failure: Error) => void): Worker {
  const failed = (current: string) =>
    end(new Error(`Cannot load samples as all workers must run: current worker ${current}`));
  const { Worker } = hostModule("worker_threads");
  const thread = new Worker(workerUrl(), { workerData: start });
  thread.on("message", ({ id, result, error }: WorkerAnswer) => {
    if (result) pending.get(id)?.resolve(result);
    else pending.get(id)?.reject(new Error(error));
    pending.delete(id);
  });
  thread.on("error", (error: Error) => failed(`failed: ${error.message}`));
  thread.on("exit", (code: number) => failed(`ended with code ${code}`));
  thread.unref();
  return thread;
}
