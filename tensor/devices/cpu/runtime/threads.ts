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

/** The workers that a crew may have. */
export interface Workers {
  /** How many: 0 where the engine has none, or where they may not share memory: the caller then works alone. */
  readonly count: number;
  /** True if whoever needs them may wait until they have started, so that they need not be started before: not so in a page. */
  readonly canWait: boolean;
  /** Starts them. */
  readonly start: () => readonly Thread[];
}

/**
 * Finds out which workers a crew may have.
 *
 * @param wanted How many.
 * @returns The workers, none of which is started yet.
 */
export function workersOf(wanted: number): Workers {
  const threads = nodeThreads();
  const none = typeof SharedArrayBuffer === "undefined" || (!threads && typeof Worker === "undefined");
  const count = none ? 0 : wanted;
  return { count, canWait: threads !== undefined, start: () => startWorkers(count, threads) };
}

function startWorkers(count: number, threads: NodeThreads | undefined): readonly Thread[] {
  const text = `${crewText()}.serve(${threads ? IN_NODE : IN_PAGE});`;
  const url = threads ? "" : URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  return Array.from({ length: count }, () => {
    if (!threads) return new Worker(url);
    const worker = new threads.Worker(text, { eval: true });
    worker.unref();
    return worker;
  });
}
