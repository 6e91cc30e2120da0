/** @file `deno task crash`: kills training at random moments, on a healthy and on a full disk, and lets it go on. */
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { parseArgs } from "node:util";
import process from "node:process";
import { dataKey, drawsOf } from "../../data/rng.ts";
import { readCheckpoint } from "../../spark/mod.ts";
import { testFiles } from "../data/support.ts";

const HELP = `deno task crash [--kills 20] [--full 20] [--seed 0] [--steps 18]

Runs a small training that keeps a checkpoint every 3 steps, then runs it again and again, killing it with SIGKILL at
random moments: --kills times on a healthy disk, --full times on one that is too small for a second checkpoint (a tmpfs:
needs root). After each the checkpoint must be whole, and the resumed run must end in the same bits.
`;

const PRETRAIN = fileURLToPath(new URL("../../spark/scripts/pretrain.ts", import.meta.url));

interface Run {
  readonly code: number;
  readonly killed: boolean;
  readonly errors: string;
  readonly milliseconds: number;
}

function write(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Runs the training command; killed after a number of milliseconds if there is one. */
async function pretrain(args: readonly string[], killAfter?: number): Promise<Run> {
  const start = performance.now();
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", PRETRAIN, ...args],
    stdout: "null",
    stderr: "piped",
  });
  const child = command.spawn();
  const errors = new Response(child.stderr).text();
  const state = { killed: false };
  const timer = killAfter === undefined ? undefined : setTimeout(() => {
    state.killed = true;
    child.kill("SIGKILL");
  }, killAfter);
  const { code } = await child.status;
  clearTimeout(timer);
  return { code, killed: state.killed, errors: await errors, milliseconds: performance.now() - start };
}

/** The last checkpoint, and the losses of all steps. */
async function resultOf(folder: string): Promise<{ readonly bits: Uint8Array; readonly losses: string }> {
  const log = await Deno.readTextFile(join(folder, "log.jsonl"));
  const records = log.trim().split("\n").map((line) => JSON.parse(line)).filter(({ loss }) => loss !== undefined);
  return {
    bits: await Deno.readFile(join(folder, "last.safetensors")),
    losses: records.map(({ loss }) => loss).join(),
  };
}

const equalBytes = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, i) => byte === b[i]);

/** Step of the checkpoint in a folder, 0 if there is none; anything but a whole one is an error. */
async function stepOf(folder: string): Promise<number> {
  const path = join(folder, "last.safetensors");
  if (!await Deno.stat(path).then(() => true, () => false)) return 0;
  const { configuration } = await readCheckpoint(path);
  return (configuration as { readonly step: number }).step;
}

const unfinishedIn = (folder: string): number => {
  try {
    return [...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(".tmp")).length;
  } catch {
    return 0;
  }
};

async function mounted(path: string, size: string, again = false): Promise<void> {
  const options = again ? `remount,size=${size}` : `size=${size}`;
  const { success, stderr } = await new Deno.Command("mount", { args: ["-t", "tmpfs", "-o", options, "none", path] })
    .output();
  if (!success) throw new Error(`Cannot mount a small disk as that needs root: ${new TextDecoder().decode(stderr)}`);
}

interface Trials {
  readonly options: readonly string[];
  readonly expected: { readonly bits: Uint8Array; readonly losses: string };
  readonly milliseconds: number;
  readonly root: string;
  readonly draw: () => number;
}

/** One run that is killed and goes on; what went wrong, or how it went. */
async function trial(
  { options, expected, milliseconds, draw }: Trials,
  folder: string,
  makeRoom?: () => Promise<void>,
) {
  const after = Math.round(milliseconds * (0.15 + 0.9 * draw()));
  const first = await pretrain([...options, "--out", folder], after);
  const step = await stepOf(folder);
  const unfinished = unfinishedIn(folder);
  const problems: string[] = [];
  if (step % 3 !== 0) problems.push(`checkpoint of step ${step}`);
  const ended = first.killed ? "killed" : first.code === 0 ? "ended" : "stopped";
  if (ended === "stopped" && !/^Cannot write .* current error is .*(space|os error 28)/.test(first.errors)) {
    problems.push(`stopped with ${first.errors.slice(0, 300)}`);
  }
  if (ended === "stopped" && first.errors.trim().split("\n").length > 1) problems.push("an error of several lines");
  await makeRoom?.();
  if (step === 0) await Deno.remove(folder, { recursive: true }).catch(() => {});
  const second = await pretrain(step === 0 ? [...options, "--out", folder] : ["--resume", folder]);
  if (second.code !== 0) {
    return { line: ended, problems: [...problems, `does not go on: ${second.errors.slice(0, 300)}`] };
  }
  const { bits, losses } = await resultOf(folder);
  if (!equalBytes(bits, expected.bits)) problems.push("other bits");
  if (losses !== expected.losses) problems.push("other losses");
  if (unfinishedIn(folder) > 0) problems.push("an unfinished file is left");
  const line = `${ended} after ${
    String(after).padStart(5)
  } ms, checkpoint of step ${step}, ${unfinished} unfinished; goes on`;
  return { line, problems };
}

async function healthy(trials: Trials, count: number): Promise<number> {
  let failed = 0;
  for (let i = 1; i <= count; i++) {
    const folder = join(trials.root, `kill_${i}`);
    const { line, problems } = await trial(trials, folder);
    if (problems.length > 0) failed++;
    write(`${problems.length === 0 ? "ok    " : "FAILED"}  kill ${i}: ${line} ${problems.join("; ")}`.trimEnd());
    await Deno.remove(folder, { recursive: true });
  }
  return failed;
}

/** The disk has room for one checkpoint and a part of the next, of another size each time. */
async function full(trials: Trials, count: number): Promise<number> {
  let failed = 0;
  for (let i = 1; i <= count; i++) {
    const disk = join(trials.root, `disk_${i}`);
    await Deno.mkdir(disk);
    const kilobytes = Math.round(trials.expected.bits.length / 1024 * (0.5 + 2 * trials.draw()));
    await mounted(disk, `${kilobytes}k`);
    try {
      const { line, problems } = await trial(trials, join(disk, "run"), () => mounted(disk, "256m", true));
      if (problems.length > 0) failed++;
      const verdict = problems.length === 0 ? "ok    " : "FAILED";
      write(`${verdict}  disk of ${kilobytes} KiB ${i}: ${line} ${problems.join("; ")}`.trimEnd());
    } finally {
      await new Deno.Command("umount", { args: [disk] }).output();
    }
  }
  return failed;
}

/** Runs the training undisturbed: what all other runs must come to. */
async function prepare(
  root: string,
  { steps, seed }: { readonly steps: string; readonly seed: number },
): Promise<Trials> {
  await Deno.mkdir(join(root, "images"));
  for (const [name, bytes] of Object.entries(testFiles(8))) await Deno.writeFile(join(root, "images", name), bytes);
  const small = [
    "--model",
    "tiny_resnet8",
    "--input-size",
    "32",
    "--batch-size",
    "2",
    "--device",
    "cpu",
    "--workers",
    "1",
  ];
  const options = [...small, "--data", join(root, "images"), "--steps", steps, "--save-every", "3"];
  const whole = join(root, "whole");
  const { code, errors, milliseconds } = await pretrain([...options, "--out", whole]);
  if (code !== 0) throw new Error(`Cannot run the training: ${errors}`);
  const expected = await resultOf(whole);
  write(`undisturbed: ${Math.round(milliseconds)} ms, checkpoint of ${expected.bits.length} bytes`);
  return { options, expected, milliseconds, root, draw: drawsOf(dataKey(seed)) };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      kills: { type: "string", default: "20" },
      full: { type: "string", default: "20" },
      seed: { type: "string", default: "0" },
      steps: { type: "string", default: "18" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return write(HELP);
  const root = await Deno.makeTempDir({ prefix: "crash_" });
  try {
    const trials = await prepare(root, { steps: values.steps, seed: Number(values.seed) });
    const failed = await healthy(trials, Number(values.kills)) + await full(trials, Number(values.full));
    write(failed === 0 ? "every run went on to the same bits" : `${failed} failed`);
    process.exitCode = failed === 0 ? 0 : 1;
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

if (import.meta.main) await main();
