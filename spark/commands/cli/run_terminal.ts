/** @file The terminal of a run: its progress, and Ctrl-C. */
import { listenForInterrupt } from "../../train/interrupt.ts";
import { print, printRaw } from "./print.ts";
import { openProgress, type Progress } from "../../train/progress.ts";

/** Opens the display of a run on stdout. */
export function terminalProgress(): Progress {
  const output = {
    isTerminal: Deno.stdout.isTerminal(),
    columns: () => Deno.consoleSize().columns || 80, // some terminals do not know
    line: print,
    raw: printRaw,
  };
  return openProgress(output, () => performance.now());
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
