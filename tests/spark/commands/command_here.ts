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
  const [out, err] = [caught("stdout"), caught("stderr")];
  try {
    return { code: await command(line.split(" ").filter(Boolean)), out: out.lines(), err: err.lines() };
  } catch (thrown) {
    return { code: 1, out: out.lines(), err: [...err.lines(), (thrown as Error).message] };
  } finally {
    out.release();
    err.release();
  }
}

/**
 * Keeps what is written to a stream from now on.
 *
 * @param stream The stream.
 * @returns Its lines so far; and what lets the stream go.
 */
export function caught(
  stream: "stdout" | "stderr",
): { readonly lines: () => readonly string[]; readonly release: () => void } {
  const { writeSync } = Deno[stream];
  const state = { text: "" };
  Deno[stream].writeSync = (bytes) => {
    state.text += new TextDecoder().decode(bytes);
    return bytes.length;
  };
  return {
    lines: () => state.text.split("\n").slice(0, -1),
    release: () => void Object.assign(Deno[stream], { writeSync }),
  };
}
