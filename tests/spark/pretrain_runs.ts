/** @file Runs of the training command in processes of their own: started, waited for, compared. */
import { deepStrictEqual, ok } from "node:assert/strict";
import { dataKey, drawsOf, encodePng, paintBackground } from "../../data/mod.ts";
import type { StepRecord } from "../../spark/train/metrics.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const SCRIPT = "spark/commands/pretrain/pretrain.ts";

/** How a process ended, and what it printed. */
export interface Finished {
  readonly code: number;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts a script of this project with arguments that are parted by blanks; the training command if none is named. */
export function start(line: string, script: string = SCRIPT): Deno.ChildProcess {
  const command = ["run", "-A", `--config=${ROOT}deno.json`, "--no-lock", `${ROOT}${script}`];
  const args = [...command, ...line.split(" ").filter(Boolean)];
  return new Deno.Command(Deno.execPath(), { args, stdout: "piped", stderr: "piped", env: { NO_COLOR: "1" } }).spawn();
}

/** Waits for the end of a process. */
export async function finish(child: Deno.ChildProcess): Promise<Finished> {
  const { code, signal, stdout, stderr } = await child.output();
  return { code, signal, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

/** Runs a script to its end. */
export function run(line: string, script: string = SCRIPT): Promise<Finished> {
  return finish(start(line, script));
}

/** A folder with seven small images and one file that is none. */
async function makeImages(path: string): Promise<void> {
  await Deno.mkdir(path);
  for (let i = 0; i < 7; i++) {
    await Deno.writeFile(`${path}/${i}.png`, encodePng(paintBackground(64, drawsOf(dataKey(i)))));
  }
  await Deno.writeTextFile(`${path}/broken.jpg`, "no image");
}

/** Calls a function with a folder that is removed afterwards, and the option that names the images in it. */
export async function withFolder(f: (path: string, data: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir();
  try {
    await makeImages(`${path}/images`);
    await f(path, `--data ${path}/images`);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
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

/** Checks that two runs logged the same and end in the same bits. */
export async function sameRun(a: string, b: string): Promise<void> {
  deepStrictEqual(await logOf(b), await logOf(a));
  deepStrictEqual(await epochsOf(b), await epochsOf(a));
  const [one, other] = await Promise.all([a, b].map((folder) => Deno.readFile(`${folder}/last.safetensors`)));
  ok(Buffer.from(one!).equals(other!), "checkpoints differ");
}

/** Waits until a run has done some steps, and at least saved once if `saved`. */
export async function reached(
  folder: string,
  { steps, saved = false }: { readonly steps: number; readonly saved?: boolean },
): Promise<void> {
  for (let wait = 0; wait < 6000; wait++) {
    const log = await Deno.readTextFile(`${folder}/log.jsonl`).catch(() => "");
    const kept = await Deno.stat(`${folder}/last.safetensors`).then(() => true, () => false);
    if (log.split("\n").length > steps && (kept || !saved)) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`Cannot wait longer for ${steps} steps in ${folder}`);
}
