/** @file What the terminal shows while a run goes on. */

/** Where a run stands. */
export interface Standing {
  /** Steps done. */
  readonly step: number;
  /** Steps in total. */
  readonly total: number;
  /** Loss of the last step that was read. */
  readonly loss: number;
  /** Images per second of late. */
  readonly imagesPerSecond: number;
  /** Seconds left at the pace of late. */
  readonly secondsLeft: number;
}

/** Shows where a run stands. */
export interface Progress {
  /** Called after every step. */
  show(standing: Standing): void;
  /** Writes a line that stays, above the bar if there is one. */
  note(line: string): void;
  /** Ends the bar. */
  end(): void;
}

/**
 * Writes a duration.
 *
 * @param seconds Seconds, 0 or more.
 * @returns `1:05`, or `2:00:00` from an hour on.
 */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "?";
  const whole = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const pad = (value: number) => String(value).padStart(2, "0");
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(rest)}` : `${minutes}:${pad(rest)}`;
}

/**
 * Writes where a run stands, as a line of text.
 *
 * @param standing Where it stands.
 * @returns Step, loss, images per second and time left.
 */
export function standingLine({ step, total, loss, imagesPerSecond, secondsLeft }: Standing): string {
  const count = String(step).padStart(String(total).length);
  return `step ${count}/${total}  loss ${loss.toFixed(4)}  ${imagesPerSecond.toFixed(1)} images/s  ` +
    `${duration(secondsLeft)} left`;
}

/**
 * Writes where a run stands, as a bar that fills a line of the terminal.
 *
 * @param standing Where it stands.
 * @param columns Width of the terminal.
 * @returns At most `columns - 1` characters, so that the line does not break.
 */
export function standingBar(standing: Standing, columns: number): string {
  const text = standingLine(standing);
  const width = Math.min(40, columns - 1 - text.length - 3);
  if (width < 5) return text.slice(0, Math.max(columns - 1, 0));
  const filled = Math.floor(width * standing.step / standing.total);
  return `[${"#".repeat(filled)}${".".repeat(width - filled)}] ${text}`;
}

/** Where to write. */
export interface ProgressOutput {
  /** True if the output is a terminal, where a line can be written over. */
  readonly isTerminal: boolean;
  /** Width of the terminal. */
  columns(): number;
  /** Writes a line. */
  line(text: string): void;
  /** Writes text without a line end. */
  raw(text: string): void;
}

/** Takes away the line that is written over. */
export const CLEAR = "\r\x1b[2K";

/** Writes over a line, and takes away what is left of it: in this order nothing flickers. */
export const overLine = (text: string): string => `\r${text}\x1b[K`;

/** Milliseconds after which a plain line is due even if little has happened. */
const LINE_INTERVAL = 10_000;

/**
 * Makes the display: a bar in a terminal, else a plain line for the first step, every twentieth of the run, and every
 * ten seconds.
 *
 * @param output Where to write.
 * @param now Clock, milliseconds.
 * @returns The display.
 */
export function openProgress(output: ProgressOutput, now: () => number): Progress {
  if (output.isTerminal) {
    const state = { isShown: false };
    return {
      show(standing) {
        output.raw(overLine(standingBar(standing, output.columns())));
        state.isShown = true;
      },
      note(line) {
        if (state.isShown) output.raw(CLEAR);
        state.isShown = false;
        output.line(line);
      },
      end: () => output.raw(state.isShown ? "\n" : ""),
    };
  }
  const last = { part: -1, time: -Infinity };
  return {
    show(standing) {
      const part = Math.floor(20 * standing.step / standing.total);
      if (part === last.part && now() - last.time < LINE_INTERVAL) return;
      Object.assign(last, { part, time: now() });
      output.line(standingLine(standing));
    },
    note: output.line,
    end: () => {},
  };
}

/**
 * Says in a terminal what is being done, on a line that goes when it is done; nothing elsewhere.
 *
 * @param output Where to write.
 * @param what What is being done.
 * @returns Takes the line away, once.
 */
export function waitOn(output: ProgressOutput, what: string): Disposable {
  const state = { isShown: output.isTerminal };
  if (state.isShown) output.raw(overLine(what.slice(0, Math.max(0, output.columns() - 1))));
  return {
    [Symbol.dispose]() {
      if (state.isShown) output.raw(CLEAR);
      state.isShown = false;
    },
  };
}
