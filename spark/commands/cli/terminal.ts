import { type CountProgress, openCount } from "../../train/count_progress.ts";
import { openProgress, type ProgressOutput } from "../../train/progress.ts";
import type { Terminal } from "../../train/terminal.ts";
import { print, printRaw } from "./print.ts";

const now = () => performance.now();

/** Width of the terminal that stdout is; undefined where it is none. */
export function terminalColumns(): number | undefined {
  return Deno.stdout.isTerminal() ? Deno.consoleSize().columns || 80 : undefined; // some terminals do not know
}

function stdout(): ProgressOutput {
  return {
    isTerminal: Deno.stdout.isTerminal(),
    columns: () => terminalColumns() ?? 80,
    line: print,
    raw: printRaw,
  };
}

/** Stderr, for commands whose results go to stdout. */
function stderr(): ProgressOutput {
  const write = (text: string) => void Deno.stderr.writeSync(new TextEncoder().encode(text));
  return {
    isTerminal: Deno.stderr.isTerminal(),
    columns: () => Deno.consoleSize().columns || 80,
    line: (text) => write(`${text}\n`),
    raw: write,
  };
}

/** The terminal of a run: stdout. */
export const TERMINAL: Terminal = { print, openProgress: () => openProgress(stdout(), now) };

/**
 * Opens the display of a count on stderr, so that results can go to a file or a pipe.
 *
 * @returns The display.
 */
export function countOnTerminal(): CountProgress {
  return openCount(stderr(), now);
}
