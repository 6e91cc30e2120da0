/** @file Commands run within a test as a process runs them: what they say is caught, and nothing is started. */
import type { Command } from "../../../spark/commands/cli/command.ts";
import { exitCodeOf } from "../../../spark/commands/cli/run_command.ts";

/** How a command ended. */
export interface Ran {
  /** Exit code. */
  readonly code: number;
  /** Lines on stdout. */
  readonly out: readonly string[];
  /** Lines on stderr, why it ended last. */
  readonly err: readonly string[];
}

/**
 * Runs a command.
 *
 * @param command The command.
 * @param line Arguments; in a text they are parted by blanks.
 * @returns How it ended.
 */
export async function runHere(command: Command, line: string | readonly string[]): Promise<Ran> {
  const [out, err] = [caught("stdout"), caught("stderr")];
  try {
    const code = await exitCodeOf(command, typeof line === "string" ? line.split(" ").filter(Boolean) : line);
    return { code, out: out.lines(), err: err.lines() };
  } finally {
    out.release();
    err.release();
  }
}

/**
 * Keeps what is written to a stream from now on, which is no terminal until it is let go, whoever runs the tests.
 *
 * @param stream The stream.
 * @returns Its lines so far; and what lets the stream go.
 */
export function caught(
  stream: "stdout" | "stderr",
): { readonly lines: () => readonly string[]; readonly release: () => void } {
  const { writeSync, isTerminal } = Deno[stream];
  const state = { text: "" };
  const decoder = new TextDecoder();
  Object.assign(Deno[stream], {
    isTerminal: () => false,
    writeSync(bytes: Uint8Array) {
      state.text += decoder.decode(bytes, { stream: true });
      return bytes.length;
    },
  });
  return {
    lines: () => state.text.split("\n").slice(0, -1),
    release: () => void Object.assign(Deno[stream], { writeSync, isTerminal }),
  };
}
