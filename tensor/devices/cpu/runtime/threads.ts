/** What the device does with a worker of either kind. */
export interface Thread {
  postMessage(message: unknown): void;
  terminate(): unknown;
}

/** The part of `node:worker_threads` that is used. */
interface NodeThreads {
  readonly Worker: new (url: URL) => Thread & { unref(): void };
  readonly parentPort: { on(event: "message", handler: (data: unknown) => void): void } | null;
}

/**
 * Finds the worker threads of Deno, whose workers can be told not to keep the process alive: web workers cannot.
 *
 * @returns The module; `undefined` in a browser.
 */
export function nodeThreads(): NodeThreads | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?(name: string): unknown } };
  return process?.getBuiltinModule?.("node:worker_threads") as NodeThreads | undefined;
}
