import type { Collective } from "../../tensor/mod.ts";
import type { Progress } from "./progress.ts";

/** How lines of files begin that cannot be read. */
export const SKIPS: string = "Skips ";

/** Where a run shows itself. */
export interface Terminal {
  /** Writes a line. */
  readonly print: (line: string) => void;
  /** Opens the display of progress. */
  readonly openProgress: () => Progress;
}

/** Where a rank shows itself that is not the first: it tells of files that it skips. */
export function silent({ rank }: Collective, { print }: Terminal): Terminal {
  const note = (line: string) => line.startsWith(SKIPS) && print(`rank ${rank}: ${line}`);
  return { print: () => {}, openProgress: () => ({ show: () => {}, note, end: () => {} }) };
}
