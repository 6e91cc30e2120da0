import { openProgress } from "../../train/progress.ts";
import type { Terminal } from "../../train/run_training.ts";
import { print, printRaw } from "./print.ts";

/** The terminal of a run: stdout. */
export const TERMINAL: Terminal = {
  print,
  openProgress() {
    const output = {
      isTerminal: Deno.stdout.isTerminal(),
      columns: () => Deno.consoleSize().columns || 80, // some terminals do not know
      line: print,
      raw: printRaw,
    };
    return openProgress(output, () => performance.now());
  },
};
