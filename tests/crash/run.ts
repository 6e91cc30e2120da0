/** @file `deno task crash`: kills training at random moments, on a healthy and on a full disk, and lets it go on. */
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import process from "node:process";
import { dataKey, drawsOf } from "../../data/batches/draws.ts";
import { readCheckpoint } from "../../spark/mod.ts";
import { type Command, command } from "../../spark/commands/cli/command.ts";
import { withDefaults } from "../../spark/commands/cli/command_line.ts";
import { runCommand } from "../../spark/commands/cli/run_command.ts";
import { testFiles } from "../data/support.ts";

const OPTIONS = {
  kills: { kind: "whole", least: 0, help: "kills on a healthy disk", default: 20 },
  full: { kind: "whole", least: 0, help: "kills on a disk that is too small (a tmpfs: needs root)", default: 20 },
  pairs: { kind: "whole", least: 0, help: "pairs of runs that start at once in one folder", default: 20 },
  seed: { kind: "whole", least: 0, help: "seed of the moments", default: 0 },
  steps: { kind: "whole", least: 1, help: "steps of the training", default: 60 },
} as const;

const LINE = {
  task: "crash",
  purpose: `Runs a small training that keeps a checkpoint every 3 steps, then runs it again and again, killing it
with SIGKILL at random moments (one in five before the first step): --kills times on a healthy disk,
--full times on one that is too small for a second checkpoint. After each the checkpoint must be whole,
and the resumed run must end in the same bits. Then --pairs times two runs start at once in one folder, new ones
and ones that go on in turn: one must end in the same bits, the other must be refused and leave nothing behind.`,
  options: OPTIONS,
} as const;

const PRETRAIN = fileURLToPath(new URL("../../spark/commands/pretrain/pretrain.ts", import.meta.url));

interface Run {
  readonly code: number;
  readonly killed: boolean;
  readonly errors: string;
  /** From start to end. */
  readonly milliseconds: number;
  /** From start to the first step in the log. */
  readonly firstStep: number;
}

function write(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** When a run is killed: so long after its start, or after its first step. */
interface Moment {
  readonly from: "start" | "first step";
  readonly milliseconds: number;
}

const hasStep = (folder: string): boolean => {
  try {
    return Deno.readTextFileSync(join(folder, "log.jsonl")).includes('"step":');
  } catch {
    return false;
  }
};

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Runs the training command in a folder; kills it at a moment if there is one. */
async function pretrain(args: readonly string[], folder: string, kill?: Moment): Promise<Run> {
  const start = performance.now();
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", PRETRAIN, ...args],
    stdout: "null",
    stderr: "piped",
  });
  const child = command.spawn();
  const errors = new Response(child.stderr).text();
  const state = { ended: false, killed: false, firstStep: NaN };
  const watch = async () => {
    while (!state.ended && !hasStep(folder)) await pause(5);
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
  return { code, killed: state.killed, errors: await errors, milliseconds, firstStep: state.firstStep };
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
  readonly firstStep: number;
  /** Share of the training, from its first step, in which runs are killed; all of it if not given. */
  readonly share?: number;
  readonly root: string;
  readonly draw: () => number;
}

/** One in five before the first step, the others from there to a little after the end. */
function momentOf({ milliseconds, firstStep, draw, share = 1 }: Trials): Moment {
  return draw() < 0.2
    ? { from: "start", milliseconds: Math.round(firstStep * draw()) }
    : { from: "first step", milliseconds: Math.round((milliseconds - firstStep) * 1.05 * share * draw()) };
}

/** One run that is killed and goes on; what went wrong, or how it went. */
async function trial(trials: Trials, folder: string, makeRoom?: () => Promise<void>) {
  const { options, expected } = trials;
  const moment = momentOf(trials);
  const first = await pretrain([...options, "--out", folder], folder, moment);
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
  const second = await pretrain(step === 0 ? [...options, "--out", folder] : ["--resume", folder], folder);
  if (second.code !== 0) {
    return { line: ended, problems: [...problems, `does not go on: ${second.errors.slice(0, 300)}`] };
  }
  const { bits, losses } = await resultOf(folder);
  if (!equalBytes(bits, expected.bits)) problems.push("other bits");
  if (losses !== expected.losses) problems.push("other losses");
  if (unfinishedIn(folder) > 0) problems.push("an unfinished file is left");
  const when = `${String(moment.milliseconds).padStart(5)} ms after ${
    moment.from === "start" ? "its start" : "step 1"
  }`;
  const line = `${
    ended === "killed" ? `killed ${when}` : ended
  }, checkpoint of step ${step}, ${unfinished} unfinished; goes on`;
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

/**
 * The disk has room for a part of a checkpoint, or for one and a part of the next, of another size each time. Such runs
 * end by themselves when the second does not fit, at step 6: they are killed before that or about then.
 */
async function full(all: Trials, count: number, steps: number): Promise<number> {
  const trials = { ...all, share: Math.min(1, 8 / steps) };
  let failed = 0;
  for (let i = 1; i <= count; i++) {
    const disk = join(trials.root, `disk_${i}`);
    await Deno.mkdir(disk);
    const kilobytes = Math.round(trials.expected.bits.length / 1024 * (0.5 + 1.45 * trials.draw()));
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

/** What a run that was not let in says. */
const REFUSED = /^Cannot (start a new run|resume) as .*(is held by process \d+ on|holds another run)/;

/** Two runs start at once in one folder; every second pair goes on with a run that was interrupted. */
async function together({ options, expected, root }: Trials, count: number): Promise<number> {
  let failed = 0;
  for (let i = 1; i <= count; i++) {
    const folder = join(root, `pair_${i}`);
    const goesOn = i % 2 === 0;
    if (goesOn) await pretrain([...options, "--out", folder], folder, { from: "first step", milliseconds: 300 });
    const resumes = goesOn && await stepOf(folder) > 0;
    if (goesOn && !resumes) await Deno.remove(folder, { recursive: true });
    const args = resumes ? ["--resume", folder] : [...options, "--out", folder];
    const runs = await Promise.all([pretrain(args, folder), pretrain(args, folder)]);
    const [done, refused] = [runs.filter(({ code }) => code === 0), runs.filter(({ errors }) => REFUSED.test(errors))];
    const { bits, losses } = await resultOf(folder);
    const problems = [
      ...done.length === 1 && refused.length === 1 ? [] : [runs.map(({ errors }) => errors.slice(0, 200)).join(" | ")],
      ...equalBytes(bits, expected.bits) && losses === expected.losses ? [] : ["other bits"],
      ...await Deno.stat(join(folder, "run.lock")).then(() => ["a lock is left"], () => []),
    ];
    if (problems.length > 0) failed++;
    const verdict = problems.length === 0 ? "ok    " : "FAILED";
    write(
      `${verdict}  pair ${i}: ${resumes ? "two --resume" : "two new runs"}, one done, one refused ${
        problems.join("; ")
      }`,
    );
    await Deno.remove(folder, { recursive: true });
  }
  return failed;
}

/** Runs the training undisturbed: what all other runs must come to. */
async function prepare(
  root: string,
  { steps, seed }: { readonly steps: number; readonly seed: number },
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
  const options = [...small, "--data", join(root, "images"), "--steps", String(steps), "--save-every", "3"];
  const whole = join(root, "whole");
  const { code, errors, milliseconds, firstStep } = await pretrain([...options, "--out", whole], whole);
  if (code !== 0) throw new Error(`Cannot run the training: ${errors}`);
  const expected = await resultOf(whole);
  write(
    `undisturbed: ${Math.round(milliseconds)} ms, the first step after ${Math.round(firstStep)} ms, checkpoint of ` +
      `${expected.bits.length} bytes`,
  );
  return { options, expected, milliseconds, firstStep, root, draw: drawsOf(dataKey(seed)) };
}

/** Runs the check: exit code 0 if every run went on to the same bits. */
const main: Command = command(LINE, async (given) => {
  const { kills, full: small, pairs, seed, steps } = withDefaults(OPTIONS, given);
  const root = await Deno.makeTempDir({ prefix: "crash_" });
  try {
    const trials = await prepare(root, { steps, seed });
    const failed = await healthy(trials, kills) + await full(trials, small, steps) + await together(trials, pairs);
    const runs = kills + small + pairs;
    write(failed === 0 ? `every one of ${runs} runs went on to the same bits` : `${failed} of ${runs} failed`);
    return failed === 0 ? 0 : 1;
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

if (import.meta.main) await runCommand(main);
