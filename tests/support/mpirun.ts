/** @file Programs run by several ranks under Open MPI, where it is installed. */
import { childrenOf } from "./processes.ts";

/** What to install. */
const INSTALL = "no mpirun of Open MPI: apt-get install openmpi-bin";

/** True where `mpirun` is Open MPI's. */
export const hasMpi: boolean = (() => {
  try {
    const { stdout } = new Deno.Command("mpirun", { args: ["--version"], stderr: "null" }).outputSync();
    return new TextDecoder().decode(stdout).includes("Open MPI");
  } catch {
    return false;
  }
})();

/** What a program of several ranks left. */
export interface RanksOutput {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Options of `mpirun`. */
export interface MpirunOptions {
  /** Further arguments of `mpirun`. */
  readonly args?: readonly string[];
  readonly cwd?: string;
  /** Seconds after which it is ended, 600 if not given: only what hangs takes so long, however busy the machine. */
  readonly timeout?: number;
}

/** A program of several ranks that runs. */
export interface RunningRanks {
  /** What it leaves, at its end. */
  readonly output: Promise<RanksOutput>;
  /** Processes of the ranks that are there, in their order. */
  readonly ranks: () => readonly number[];
  /** Ends it, if it has not ended. */
  readonly kill: () => void;
}

/**
 * Starts a program of Deno by several ranks on this machine.
 *
 * @param ranks How many.
 * @param program Path and arguments.
 * @param options Of mpirun.
 * @returns What runs.
 */
export function startMpirun(
  ranks: number,
  program: readonly string[],
  { args = [], cwd, timeout = 600 }: MpirunOptions = {},
): RunningRanks {
  const own = [
    "--allow-run-as-root",
    "--oversubscribe",
    "--mca",
    "mpi_yield_when_idle",
    "1",
    "-n",
    `${ranks}`,
    ...args,
  ];
  const deno = [Deno.execPath(), "run", "-A", "--no-check", ...program];
  const process = new Deno.Command("mpirun", {
    args: [...own, ...deno],
    ...cwd === undefined ? {} : { cwd },
    env: { NO_COLOR: "1" },
    signal: AbortSignal.timeout(1000 * timeout),
    ...{ stdout: "piped", stderr: "piped" },
  }).spawn();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return {
    output: process.output().then(({ code, stdout, stderr }) => ({ code, stdout: text(stdout), stderr: text(stderr) })),
    ranks: () => childrenOf(process.pid),
    kill: () => {
      try {
        process.kill("SIGKILL");
      } catch {
        // it has ended
      }
    },
  };
}

/**
 * Runs a program of Deno by several ranks on this machine.
 *
 * @param ranks How many.
 * @param program Path and arguments.
 * @param options Of mpirun.
 * @returns Exit code and output.
 */
export async function mpirun(
  ranks: number,
  program: readonly string[],
  options: MpirunOptions = {},
): Promise<RanksOutput> {
  return await startMpirun(ranks, program, options).output;
}

/**
 * Registers a test that needs Open MPI. Without it the test is reported as skipped, with what to install in its name.
 *
 * @param name What is tested.
 * @param run The test.
 */
export function testMpi(name: string, run: () => Promise<void>): void {
  Deno.test({ name: hasMpi ? name : `${name} (${INSTALL})`, ignore: !hasMpi, fn: run });
}
