import type { Progress } from "./progress.ts";

/** Whether the user wants the run to end. */
export interface Interrupt {
  /** True after the first Ctrl-C. */
  requested(): boolean;
  /** Stops listening. */
  close(): void;
}

/** Exit code of a run that Ctrl-C ended: 128 and the number of the signal, as shells have it. */
export const INTERRUPTED = 130;

/**
 * Listens for Ctrl-C, and for SIGTERM where there is one: the first asks for an orderly end, the second exits at once.
 *
 * @param onRequest Called once, to tell the user.
 * @returns The request.
 */
export function listenForInterrupt(onRequest: () => void): Interrupt {
  const state = { requested: false };
  const handler = () => {
    if (state.requested) Deno.exit(INTERRUPTED);
    state.requested = true;
    onRequest();
  };
  const signals: readonly Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  signals.forEach((signal) => Deno.addSignalListener(signal, handler));
  return {
    requested: () => state.requested,
    close: () => signals.forEach((signal) => Deno.removeSignalListener(signal, handler)),
  };
}

/**
 * Runs a function that may ask whether the user pressed Ctrl-C.
 *
 * @param progress Display, which is ended afterwards.
 * @param run The function.
 * @returns Its result.
 */
export async function interruptible<T>(
  progress: Progress,
  run: (interrupted: () => boolean) => Promise<T>,
): Promise<T> {
  const interrupt = listenForInterrupt(() => progress.note("Ends after this step; Ctrl-C again exits at once"));
  try {
    return await run(interrupt.requested);
  } finally {
    progress.end();
    interrupt.close();
  }
}
