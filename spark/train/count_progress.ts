/** @file How far a count has come, for what has no loss. */
import { CLEAR, duration, overLine, type ProgressOutput } from "./progress.ts";

/** Shows how far a count has come. */
export interface CountProgress {
  /** Says how many of how many are done, and of what. */
  show(what: string, done: number, total: number): void;
  /** Writes a line that stays. */
  note(line: string): void;
  /** Ends the display. */
  end(): void;
}

/** Milliseconds before the first line: what is quick needs none. And between lines of a log. */
const [PATIENCE, INTERVAL] = [3000, 10_000];

/**
 * Makes the display: nothing for what takes less than three seconds; then a line that is written over in a terminal, else a
 * line every ten seconds.
 *
 * @param output Where to write.
 * @param now Clock, milliseconds.
 * @returns The display.
 */
export function openCount(output: ProgressOutput, now: () => number): CountProgress {
  const state = { what: "", start: now(), last: -Infinity, isShown: false };
  return {
    show(what, done, total) {
      const time = now();
      if (what !== state.what) Object.assign(state, { what, start: time });
      const isDue = time - state.start >= PATIENCE && (output.isTerminal || time - state.last >= INTERVAL);
      if (!isDue || done === 0) return;
      const line = countLine(what, { done, total, seconds: (time - state.start) / 1000 });
      Object.assign(state, { last: time, isShown: output.isTerminal });
      if (output.isTerminal) output.raw(overLine(line.slice(0, Math.max(0, output.columns() - 1))));
      else output.line(line);
    },
    note(line) {
      if (state.isShown) output.raw(CLEAR);
      state.isShown = false;
      output.line(line);
    },
    end() {
      if (state.isShown) output.raw(CLEAR);
      state.isShown = false;
    },
  };
}

function countLine(
  what: string,
  { done, total, seconds }: { readonly done: number; readonly total: number; readonly seconds: number },
): string {
  const left = duration((total - done) * seconds / done);
  return `${what} ${String(done).padStart(String(total).length)}/${total}  ${
    (done / seconds).toFixed(1)
  }/s  ${left} left`;
}
