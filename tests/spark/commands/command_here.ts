/** @file Commands run within a test: what they say is caught, and nothing is started. */
import type { Command } from "../../../spark/commands/cli/command.ts";

/** How a command ended. */
export interface Ran {
  /** Exit code; 1 where it threw, as for users. */
  readonly code: number;
  /** Lines on stdout. */
  readonly out: readonly string[];
  /** Lines on stderr, the message of what it threw among them. */
  readonly err: readonly string[];
}

/**
 * Runs a command.
 *
 * @param command The command.
 * @param line Arguments, parted by blanks.
 * @returns How it ended.
 */
export async function runHere(command: Command, line: string): Promise<Ran> {
  const [out, err]: [string[], string[]] = [[], []];
  const { log, error } = console;
  Object.assign(console, { log: (text: string) => void out.push(text), error: (text: string) => void err.push(text) });
  try {
    return { code: await command(line.split(" ").filter(Boolean)), out, err };
  } catch (thrown) {
    return { code: 1, out, err: [...err, (thrown as Error).message] };
  } finally {
    Object.assign(console, { log, error });
  }
}
