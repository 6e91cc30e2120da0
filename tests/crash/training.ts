/** @file Trainings in processes of their own: started, killed, and what they leave. */
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { readCheckpoint } from "../../spark/mod.ts";

/** A checkpoint is kept after so many steps. */
export const SAVE_EVERY = 3;

/** How a process ended. */
export interface Run {
  readonly code: number;
  readonly killed: boolean;
  readonly errors: string;
  /** True if it found all steps done, and did none. */
  readonly idle: boolean;
  /** From start to end. */
  readonly milliseconds: number;
  /** From start to its first step in the log. */
  readonly firstStep: number;
}

/** When a run is killed: so long after its start, or after its first step. */
export interface Moment {
  readonly from: "start" | "first step";
  readonly milliseconds: number;
}

/** What a run comes to. */
export interface Result {
  /** The last checkpoint. */
  readonly bits: Uint8Array;
  /** Losses of all steps. */
  readonly losses: string;
  /** Evaluations, weights of the last and of the best one, and the result, of commands that have them. */
  readonly kept: Readonly<Record<"evaluations" | "evaluated" | "best" | "result", Uint8Array>>;
}

/** Commands that train, by the name of their folder. */
export type Trainer = "pretrain" | "detect_train";

/** The path of a command of this project. */
export const commandPath = (name: Trainer | "convert"): string =>
  fileURLToPath(new URL(`../../spark/commands/${name}/${name}.ts`, import.meta.url));

/** Steps in the log of a folder; 0 if there is none. */
function stepsIn(folder: string): number {
  try {
    return Deno.readTextFileSync(join(folder, "log.jsonl")).match(/"step":/g)?.length ?? 0;
  } catch {
    return 0;
  }
}

/** Starts a command whose outputs are kept. */
function startOf(name: Trainer, args: readonly string[], cwd: string | undefined): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", commandPath(name), ...args],
    ...{ stdout: "piped", stderr: "piped" },
    ...cwd !== undefined && { cwd },
  }).spawn();
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * Runs a command that trains.
 *
 * @param name Which.
 * @param args Its arguments.
 * @param folder Where it writes; of one that goes on, with the log so far.
 * @param how When it is killed; never if not given. Where it stands. Who is told the number of its process.
 * @returns How it ended.
 */
export async function train(
  name: Trainer,
  args: readonly string[],
  folder: string,
  { kill, cwd, begun }: {
    readonly kill?: Moment;
    readonly cwd?: string;
    readonly begun?: (pid: number) => void;
  } = {},
): Promise<Run> {
  const start = performance.now();
  const before = stepsIn(folder);
  const child = startOf(name, args, cwd);
  begun?.(child.pid);
  const [said, errors] = [child.stdout, child.stderr].map((stream) => new Response(stream).text());
  const state = { ended: false, killed: false, firstStep: NaN };
  const watch = async () => {
    while (!state.ended && stepsIn(folder) <= before) await pause(5);
    state.firstStep = performance.now() - start;
  };
  const end = async ({ from, milliseconds }: Moment) => {
    if (from === "first step") await watched;
    await pause(milliseconds);
    if (state.ended) return;
    state.killed = true;
    child.kill("SIGKILL");
  };
  const watched = watch();
  const killed = kill ? end(kill) : undefined;
  const { code } = await child.status;
  state.ended = true;
  const milliseconds = performance.now() - start;
  await Promise.all([watched, killed]);
  const idle = /^Nothing to do: /m.test(await said!);
  return { code, killed: state.killed, errors: await errors!, idle, milliseconds, firstStep: state.firstStep };
}

/** Requires that a run ended well. */
export function done(run: Run): Run {
  if (run.code === 0) return run;
  throw new Error(`Cannot run the training: ${run.errors}`);
}

/** What a run has come to. */
export async function resultOf(folder: string): Promise<Result> {
  const log = await Deno.readTextFile(join(folder, "log.jsonl"));
  const records = log.trim().split("\n").map((line) => JSON.parse(line));
  const fileOf = (name: string) => exists(join(folder, name)) ? Deno.readFile(join(folder, name)) : new Uint8Array();
  const evaluations = records.filter(({ evaluated }) => evaluated !== undefined);
  return {
    bits: await Deno.readFile(join(folder, "last.safetensors")),
    losses: records.filter(({ loss }) => loss !== undefined).map(({ loss }) => loss).join(),
    kept: {
      evaluations: new TextEncoder().encode(JSON.stringify(evaluations)),
      evaluated: await fileOf("evaluated.safetensors"),
      best: await fileOf("best.safetensors"),
      result: await fileOf("result.json"),
    },
  };
}

const equalBytes = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, i) => byte === b[i]);

/** In what a run differs from what it must come to; empty if in nothing. */
export async function differences(folder: string, expected: Result): Promise<readonly string[]> {
  const { bits, losses, kept } = await resultOf(folder);
  const others = (Object.keys(kept) as (keyof Result["kept"])[])
    .filter((name) => !equalBytes(kept[name], expected.kept[name])).map((name) => `another ${name}`);
  return [
    ...others,
    ...equalBytes(bits, expected.bits) ? [] : ["other bits"],
    ...losses === expected.losses ? [] : ["other losses"],
    ...unfinishedIn(folder) === 0 ? [] : ["an unfinished file is left"],
    ...exists(join(folder, "run.lock")) ? ["a lock is left"] : [],
  ];
}

/** Step of the checkpoint in a folder, 0 if there is none; anything but a whole one is an error. */
export async function stepOf(folder: string): Promise<number> {
  const path = join(folder, "last.safetensors");
  if (!exists(path)) return 0;
  const { configuration } = await readCheckpoint(path);
  return (configuration as { readonly step: number }).step;
}

/** Files that were being written. */
export function unfinishedIn(folder: string): number {
  return exists(folder) ? [...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(".tmp")).length : 0;
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path) !== undefined;
  } catch {
    return false;
  }
}

/** Copies a folder with all that is in it. */
export async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for (const { name, isDirectory } of Deno.readDirSync(from)) {
    if (isDirectory) await copyFolder(join(from, name), join(to, name));
    else await Deno.copyFile(join(from, name), join(to, name));
  }
}
