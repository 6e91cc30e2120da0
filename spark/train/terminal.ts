import type { Progress } from "./progress.ts";

/** What cannot be told, as nobody reads any more or there is no room for it. */
export class OutputError extends Error {
  /** True if the reader of a pipe has gone, as `head` does: nobody is left to be told. */
  readonly isClosed: boolean;

  /**
   * @param stream Where it was to be told.
   * @param cause The system's error.
   */
  constructor(stream: string, cause: Error) {
    super(`Cannot write to ${stream} as there must be room for what is said: current error is ${cause.message}`, {
      cause,
    });
    this.isClosed = cause instanceof Deno.errors.BrokenPipe;
  }
}

/** Where a run shows itself. */
export interface Terminal {
  /** Writes a line. */
  readonly print: (line: string) => void;
  /** Opens the display of progress. */
  readonly openProgress: () => Progress;
  /** Says what is being done, until that is disposed of; nothing in logs. Absent where nobody looks. */
  readonly wait?: (what: string) => Disposable;
}

/** Where ranks show themselves that are not the first, which speaks for all. */
export const SILENT: Terminal = {
  print: () => {},
  openProgress: () => ({ show: () => {}, note: () => {}, end: () => {} }),
};
