import type { Progress } from "./progress.ts";
import { OutputError } from "./terminal.ts";

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
function listenForInterrupt(onRequest: () => void): Interrupt {
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

/** A display that may lose its reader. */
export interface OutlivingProgress extends Progress {
  /** True once something could not be told. */
  readonly isLost: () => boolean;
}

/**
 * Keeps what can no longer be told from ending a run without a checkpoint: Ctrl-C ends `tee` at once, and the run after
 * its step.
 *
 * @param progress Display.
 * @returns It, which throws no `OutputError`.
 */
export function outliving(progress: Progress): OutlivingProgress {
  const state = { isLost: false };
  const attempt = (tell: () => void) => {
    try {
      if (!state.isLost) tell();
    } catch (error) {
      if (!(error instanceof OutputError)) throw error;
      state.isLost = true;
    }
  };
  return {
    show: (standing) => attempt(() => progress.show(standing)),
    note: (line) => attempt(() => progress.note(line)),
    end: () => attempt(progress.end),
    isLost: () => state.isLost,
  };
}

/**
 * Runs a function that may ask whether the user pressed Ctrl-C, or hears nothing any more.
 *
 * @param progress Display, which is ended afterwards.
 * @param run The function.
 * @returns Its result.
 */
export async function interruptible<T>(
  progress: OutlivingProgress,
  run: (interrupted: () => boolean) => Promise<T>,
): Promise<T> {
  const interrupt = listenForInterrupt(() => progress.note("Ends after this step; Ctrl-C again exits at once"));
  try {
    return await run(() => interrupt.requested() || progress.isLost());
  } finally {
    progress.end();
    interrupt.close();
  }
}

/** Lets signals and timers in, such as a rank's signs of life: a loop that only ever awaits what is ready would shut them out. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
