/** @file What the parts of `deno task interop` work with: lines of verdicts, PyTorch's half, the commands. */
import process from "node:process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, "../..");

/** The largest error that agrees. */
export const TOLERANCE = 1e-4;

/** Writes what agrees and what does not, and counts the latter. */
export interface Bench {
  /** Writes a line. */
  readonly write: (line: string) => void;
  /** Judges an error. */
  readonly verdict: (what: string, error: number) => void;
  /** Judges something that is or is not so; `said` is what it is. */
  readonly require: (what: string, holds: boolean, said: string) => void;
  /** Counts failures that were written elsewhere. */
  readonly fail: (count: number) => void;
  /** How many failed. */
  readonly failed: () => number;
  /** Runs a script of this folder with PyTorch; gives what it prints. */
  readonly python: (script: string, args: readonly string[]) => Promise<string>;
}

/**
 * Opens a bench.
 *
 * @param interpreter Python with PyTorch and torchvision.
 * @returns The bench; it writes to stdout.
 */
export function openBench(interpreter: string): Bench {
  const counts = { failed: 0 };
  const write = (line: string) => void process.stdout.write(`${line}\n`);
  const require = (what: string, holds: boolean, said: string) => {
    if (!holds) counts.failed++;
    write(`${holds ? "ok    " : "FAILED"}  ${what}: ${said}`);
  };
  return {
    ...{ write, require },
    verdict: (what, error) =>
      require(what, error <= TOLERANCE, `${error.toExponential(1)} of ${TOLERANCE.toExponential(0)}`),
    fail: (count) => void (counts.failed += count),
    failed: () => counts.failed,
    async python(script, args) {
      const { success, stdout, stderr } = await new Deno.Command(interpreter, { args: [join(HERE, script), ...args] })
        .output();
      if (success) return new TextDecoder().decode(stdout);
      throw new Error(
        `Cannot run ${interpreter} as torch and torchvision must be there: ${new TextDecoder().decode(stderr)}`,
      );
    },
  };
}

/** How a command ended. */
export interface Ended {
  /** Exit code. */
  readonly code: number;
  /** What it said, on stdout and then on stderr. */
  readonly said: string;
}

/**
 * Runs a command of this library in a process of its own.
 *
 * @param task Its name.
 * @param args Its arguments.
 * @returns How it ended.
 */
async function runTask(task: string, args: readonly string[]): Promise<Ended> {
  const script = task === "inspect" ? `spark/commands/${task}.ts` : `spark/commands/${task}/${task}.ts`;
  const line = ["run", "-A", `--config=${join(ROOT, "deno.json")}`, "--no-lock", join(ROOT, script), ...args];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args: line, env: { NO_COLOR: "1" } })
    .output();
  return { code, said: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

/**
 * As `runTask`, of a command that must succeed.
 *
 * @param task Its name.
 * @param args Its arguments.
 * @returns What it said.
 * @throws {Error} If it ends with another code than 0.
 */
export async function mustRun(task: string, args: readonly string[]): Promise<string> {
  const { code, said } = await runTask(task, args);
  if (code === 0) return said;
  throw new Error(
    `Cannot go on as deno task ${task} ${args.join(" ")} must succeed: current exit code is ${code}; ${said}`,
  );
}
