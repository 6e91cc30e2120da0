// deno-lint-ignore-file camelcase -- the names are those of the official log
import { basename } from "node:path";

/** What ran: the names are those of the official log. */
export interface ProgramLine {
  /** Name of the run folder; what is neither a letter, a digit nor `-` is `_`. */
  readonly name: string;
  /** Command line. */
  readonly cmd: string;
  /** Commit of the program, empty outside a git checkout. */
  readonly git_commit_id: string;
  /** First line of its message. */
  readonly git_commit_msg: string;
}

/**
 * Says what runs, for the log.
 *
 * @param runPath Run folder.
 * @param task Name of the command.
 * @returns Name, command line and commit.
 */
export function programLine(runPath: string, task: string): ProgramLine {
  const [id, message] = gitCommit();
  return {
    name: basename(runPath).replaceAll(/[^\p{L}\p{N}-]/gu, "_"),
    cmd: [`deno task ${task}`, ...Deno.args].join(" "),
    git_commit_id: id,
    git_commit_msg: message,
  };
}

function gitCommit(): readonly [id: string, message: string] {
  const folder = import.meta.dirname;
  if (folder === undefined) return ["", ""]; // loaded from elsewhere than the file system
  try {
    const args = ["-C", folder, "log", "-1", "--format=%H%n%s"];
    const { code, stdout } = new Deno.Command("git", { args, stdout: "piped", stderr: "null" }).outputSync();
    const [id = "", message = ""] = new TextDecoder().decode(stdout).split("\n");
    return code === 0 ? [id, message] : ["", ""];
  } catch {
    return ["", ""]; // there is no git
  }
}
