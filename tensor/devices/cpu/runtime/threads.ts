/** @file Workers of either kind: threads of Deno and Node, and web workers. Their text comes with the library, not from a file. */
import { crewText, type WorkerMessage } from "./crew.ts";

/** A worker of a crew. */
export interface Thread {
  postMessage(message: WorkerMessage): void;
  terminate(): unknown;
}

/** The part of `node:worker_threads` that is used. */
interface NodeThreads {
  readonly Worker: new (text: string, options: { readonly eval: true }) => Thread & { unref(): void };
}

/** Worker threads of Deno and Node, which can be told not to keep the process alive: web workers cannot. */
function nodeThreads(): NodeThreads | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?(name: string): unknown } };
  return process?.getBuiltinModule?.("node:worker_threads") as NodeThreads | undefined;
}

const IN_NODE = `(handler) => process.getBuiltinModule("node:worker_threads").parentPort.on("message", handler)`;
const IN_PAGE = `(handler) => addEventListener("message", (event) => handler(event.data))`;

/**
 * Starts the workers of a crew.
 *
 * @param count How many.
 * @returns The workers; none where the engine has none, or where they may not share memory: the caller then works alone.
 */
export function startWorkers(count: number): readonly Thread[] {
  if (typeof SharedArrayBuffer === "undefined" || count === 0) return [];
  const threads = nodeThreads();
  if (!threads && typeof Worker === "undefined") return [];
  const text = `${crewText()}.serve(${threads ? IN_NODE : IN_PAGE});`;
  const url = threads ? "" : URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  return Array.from({ length: count }, () => {
    if (!threads) return new Worker(url);
    const worker = new threads.Worker(text, { eval: true });
    worker.unref();
    return worker;
  });
}
