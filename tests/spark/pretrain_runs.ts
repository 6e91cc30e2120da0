/** @file Runs of training commands in processes of their own, stopped at a step, and what runs leave, compared. */
import { deepStrictEqual, ok } from "node:assert/strict";
import { dataKey, drawsOf, encodePng, paintBackground } from "../../data/mod.ts";
import type { StepRecord } from "../../spark/train/metrics.ts";
import { withFolder as inFolder } from "../data/support.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** How a process ended, and what it printed. */
export interface Finished {
  readonly code: number;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a script of this project in a process of its own.
 *
 * @param script Path from the root.
 * @param line Arguments, parted by blanks.
 * @param env Variables of its environment.
 * @returns How it ended.
 */
export async function run(
  script: string,
  line: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  const command = ["run", "-A", "--no-check", `--config=${ROOT}deno.json`, "--no-lock", `${ROOT}${script}`];
  const args = [...command, ...line.split(" ").filter(Boolean)];
  const process = new Deno.Command(Deno.execPath(), { args, env: { NO_COLOR: "1", ...env } });
  const { code, signal, stdout, stderr } = await process.output();
  return { code, signal, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

/**
 * Runs a training command in a process of its own, which a signal stops as soon as a step is logged.
 *
 * @param task The command.
 * @param line Its arguments, parted by blanks.
 * @param stop The step and the signal.
 * @returns How it ended.
 */
export function stopped(
  task: "pretrain" | "finetune",
  line: string,
  { after, by }: { readonly after: number; readonly by: "SIGKILL" | "SIGINT" },
): Promise<Finished> {
  const logger = `--logger ${ROOT}tests/spark/stopping_logger.ts`;
  return run(`spark/commands/${task}/${task}.ts`, `${line} ${logger}`, { STOP_AFTER: `${after}`, STOP_BY: by });
}

/** Calls a function with a folder, then removed, and the option that names seven small images and a file that is none. */
export function withFolder(f: (path: string, data: string) => Promise<void>): Promise<void> {
  const image = (i: number) => encodePng(paintBackground(64, drawsOf(dataKey(i))));
  const images = Array.from({ length: 7 }, (_, i) => [`images/${i}.png`, image(i)] as const);
  const broken = { "images/broken.jpg": new TextEncoder().encode("no image") };
  return inFolder({ ...Object.fromEntries(images), ...broken }, (path) => f(path, `--data ${path}/images`));
}

/** All lines of the log of a run. */
export async function linesOf(folder: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const lines = (await Deno.readTextFile(`${folder}/log.jsonl`)).trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line));
}

/** What must not depend on interruptions: all of the steps' lines but the speed. */
export async function logOf(folder: string): Promise<readonly StepRecord[]> {
  const lines = (await linesOf(folder)).filter((line) => "step" in line);
  return lines.map((line) => ({ ...line as unknown as StepRecord, imagesPerSecond: 0 }));
}

/** Epochs in the log, and their losses. */
export async function epochsOf(folder: string): Promise<readonly unknown[]> {
  return (await linesOf(folder)).filter((line) => "cur_ep" in line).map((line) => [line.cur_ep, line.last_L]);
}

/** Checks that files of two folders are the same. */
export async function sameFiles(a: string, b: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const [one, other] = await Promise.all([a, b].map((folder) => Deno.readFile(`${folder}/${name}`)));
    ok(Buffer.from(one!).equals(other!), `${name} differs`);
  }
}

/** Checks that two runs logged the same and end in the same bits. */
export async function sameRun(a: string, b: string): Promise<void> {
  deepStrictEqual(await logOf(b), await logOf(a));
  deepStrictEqual(await epochsOf(b), await epochsOf(a));
  await sameFiles(a, b, ["last.safetensors"]);
}
