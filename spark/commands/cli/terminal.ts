import { type CountProgress, openCount } from "../../train/count_progress.ts";
import { openProgress, type ProgressOutput, waitOn } from "../../train/progress.ts";
import type { Terminal } from "../../train/terminal.ts";
import { columnsOf, type OutputStream, print, printError, printRaw } from "./print.ts";

const now = () => performance.now();

const outputOf = (stream: OutputStream, line: (text: string) => void): ProgressOutput => ({
  isTerminal: Deno[stream].isTerminal(),
  columns: () => columnsOf(stream) ?? 80,
  line,
  raw: (text) => printRaw(text, stream),
});

/** The terminal of a run: stdout. */
export const TERMINAL: Terminal = {
  print,
  openProgress: () => openProgress(outputOf("stdout", print), now),
  wait: (what) => waitOn(outputOf("stdout", print), what),
};

/**
 * Opens the display of a count on stderr, so that results can go to a file or a pipe.
 *
 * @returns The display.
 */
export function countOnTerminal(): CountProgress {
  return openCount(outputOf("stderr", printError), now);
}
