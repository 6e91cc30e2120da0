/** @file `deno task ranks:lost`: kills and stops ranks at random moments, and lets the runs go on. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import process from "node:process";
import { dataKey, drawsOf } from "../../data/batches/draws.ts";
import { type Command, command } from "../../spark/commands/cli/command.ts";
import { withDefaults } from "../../spark/commands/cli/command_line.ts";
import { runCommand } from "../../spark/commands/cli/run_command.ts";
import { type RunningRanks, startMpirun } from "../support/mpirun.ts";
import { alive } from "../support/processes.ts";
import { isSame, type Result, resultOf } from "./results.ts";

const OPTIONS = {
  kills: { kind: "whole", least: 0, help: "ranks that are killed (SIGKILL)", default: 20 },
  stops: { kind: "whole", least: 0, help: "ranks that are stopped (SIGSTOP)", default: 5 },
  ranks: { kind: "whole", least: 2, help: "how many ranks", default: 2 },
  steps: { kind: "whole", least: 4, help: "steps of the training", default: 9 },
  deadline: { kind: "number", above: 0, help: "seconds after which a rank is given up", default: 20 },
  seed: { kind: "whole", least: 0, help: "seed of moments and ranks", default: 0 },
} as const;

const LINE = {
  task: "ranks:lost",
  purpose: `Trains a small network by several ranks of Open MPI, with a checkpoint every 3 steps, again and again; at a
random moment a random rank is killed, or stopped. All must end within the deadline and the time of a roll call, none may
be left, and the run that goes on must end in the same bits as one that nobody disturbed.`,
  options: OPTIONS,
} as const;

type Options = ReturnType<typeof withDefaults<typeof OPTIONS>>;

const PRETRAIN = fileURLToPath(new URL("../../spark/commands/pretrain/pretrain.ts", import.meta.url));

/** Seconds after the deadline in which all must have ended: a roll call, and a launcher on a machine that does other work. */
const SLACK = 25;

/** Runs are given up after so many seconds of the clock: hours, as the machine may stand still. */
const AWHILE = { timeout: 7200 };

const argsOf = ({ steps, deadline }: Options) => [
  ...["--model", "tiny_resnet8", "--input-size", "32", "--batch-size", "4", "--device", "cpu", "--workers", "0"],
  ...["--steps", `${steps}`, "--save-every", "3", "--warmup-epochs", "0", "--sync-bn", "--deadline", `${deadline}`],
];

/** What came of a disturbed run. */
interface Disturbed {
  /** Seconds from the signal to the end of all. */
  readonly seconds: number;
  readonly code: number;
  /** What was said of it. */
  readonly said: string;
  /** Processes that are still there. */
  readonly left: number;
  /** False if the run had ended before the signal. */
  readonly reached: boolean;
}

const wait = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

/** Milliseconds between two looks, and of the longest gap between them that counts: in longer ones the whole machine stood still. */
const [LOOK, LONGEST_GAP] = [20, 1000];

/** Looks again and again until `done` says so, and gives the seconds that this took. */
async function watch(done: (seconds: number) => boolean): Promise<number> {
  let [seconds, last] = [0, performance.now()];
  while (!done(seconds)) {
    await wait(LOOK);
    const now = performance.now();
    seconds += Math.min(now - last, LONGEST_GAP) / 1000;
    last = now;
  }
  return seconds;
}

/** Steps that a run has logged. */
function stepsLogged(folder: string): number {
  try {
    return Deno.readTextFileSync(join(folder, "log.jsonl")).split("\n").filter((line) => line.startsWith('{"step"'))
      .length;
  } catch {
    return 0;
  }
}

/** When to disturb: `step` steps and a part of the time of the next; the first comes after the start of all. */
interface Moment {
  readonly step: number;
  readonly part: number;
}

/** Waits for a moment of a run, at most until it has ended. */
async function reach(run: RunningRanks, out: string, { step, part }: Moment, paces: Paces): Promise<void> {
  const end = { reached: false };
  run.output.then(() => end.reached = true);
  await watch(() => end.reached || stepsLogged(out) >= step);
  const pause = part * (step === 0 ? paces.start : paces.step);
  await watch((seconds) => end.reached || seconds >= pause || stepsLogged(out) > step);
}

/** Seconds until the first step is logged, and of each after it. */
interface Paces {
  readonly start: number;
  readonly step: number;
}

/** Runs undisturbed. */
async function measure(options: Options, out: string): Promise<Paces> {
  const run = startMpirun(options.ranks, [PRETRAIN, ...argsOf(options), "--out", out], AWHILE);
  const start = await watch(() => stepsLogged(out) >= 1);
  const rest = await watch(() => stepsLogged(out) >= options.steps);
  const { code, stderr } = await run.output;
  if (code !== 0) throw new Error(`Cannot measure a run as it must end well: current error is ${stderr}`);
  return { start, step: rest / (options.steps - 1) };
}

/** Runs until a moment, sends a rank a signal, and waits for the end of all, or for when it is too late. */
async function disturb(
  options: Options,
  out: string,
  { signal, moment, victim, paces }: {
    readonly signal: "SIGKILL" | "SIGSTOP";
    readonly moment: Moment;
    readonly victim: number;
    readonly paces: Paces;
  },
): Promise<Disturbed> {
  const run = startMpirun(options.ranks, [PRETRAIN, ...argsOf(options), "--out", out], AWHILE);
  await reach(run, out, moment, paces);
  const ranks = run.ranks();
  const pid = ranks[victim % Math.max(1, ranks.length)];
  const reached = pid !== undefined && alive(pid);
  const end = { reached: false };
  const output = run.output.then((left) => (end.reached = true, left));
  const seconds = await watch((seconds) => {
    if (reached && !end.reached && alive(pid)) Deno.kill(pid, signal); // again and again: what else runs here may continue it
    return end.reached || seconds > options.deadline + SLACK;
  });
  run.kill();
  const { code, stderr } = await output;
  await wait(500);
  const left = ranks.filter(alive);
  left.forEach((one) => Deno.kill(one, "SIGKILL"));
  const said = stderr.split("\n").find((line) => line.startsWith("Cannot ")) ??
    /exited on signal \d+ \(\w+\)/.exec(stderr)?.[0] ?? "";
  return { seconds, code, said, left: left.length, reached };
}

/** Whether there is a checkpoint to go on from. */
async function hasCheckpoint(folder: string): Promise<boolean> {
  return await Deno.stat(join(folder, "last.safetensors")).then(() => true, () => false);
}

/** Goes on to the end; again, as the documentation has it, where ranks were given up (exit code 75). */
async function goOn(options: Options, out: string, tries = 3): Promise<Result> {
  const resumes = await hasCheckpoint(out);
  if (!resumes) await Deno.remove(out, { recursive: true }).catch(() => {});
  const further = resumes ? ["--resume", out] : ["--out", out];
  const { code, stderr } = await startMpirun(options.ranks, [PRETRAIN, ...argsOf(options), ...further], AWHILE).output;
  if (code === 75 && tries > 1) return await goOn(options, out, tries - 1);
  if (code !== 0) throw new Error(`Cannot go on with a run as it must end well: current error is ${stderr}`);
  return await resultOf(out);
}

const main: Command = command(LINE, async (given) => {
  const options = withDefaults(OPTIONS, given);
  const { kills, stops, ranks, deadline, seed } = options;
  const write = (line: string) => void process.stdout.write(`${line}\n`);
  const [root, draw] = [await Deno.makeTempDir(), drawsOf(dataKey(seed))];
  const paces = await measure(options, join(root, "undisturbed"));
  const undisturbed = await resultOf(join(root, "undisturbed"));
  write(`undisturbed: ${ranks} ranks, ${paces.start.toFixed(1)} s to the first step, ${paces.step.toFixed(2)} s each`);
  const failed = { count: 0 };
  const trial = async (signal: "SIGKILL" | "SIGSTOP", number: number) => {
    const out = join(root, `${signal}_${number}`);
    const moment = { step: Math.floor(options.steps * draw()), part: draw() };
    const victim = Math.floor(ranks * draw());
    const { seconds, code, said, left, reached } = await disturb(options, out, { signal, moment, victim, paces });
    const late = seconds > deadline + SLACK - 1;
    const same = isSame(await goOn(options, out), undisturbed);
    if (late || left > 0 || !same || (reached && code === 0)) failed.count++;
    const when = moment.step === 0 ? "before the first step" : `after step ${moment.step}`;
    const what = reached ? `rank ${victim}, ${signal} ${when}` : `ended before ${signal}`;
    write(
      `${what}: exit code ${code} after ${seconds.toFixed(1)} s${late ? " TOO LATE" : ""}, ${left} left; goes on to ` +
        `${same ? "the same bits" : "OTHER BITS"}${said ? `; ${said.slice(0, 200)}` : ""}`,
    );
    await Deno.remove(out, { recursive: true });
  };
  try {
    for (let i = 1; i <= kills; i++) await trial("SIGKILL", i);
    for (let i = 1; i <= stops; i++) await trial("SIGSTOP", i);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
  write(failed.count === 0 ? `all ${kills + stops} as it must be` : `${failed.count} of ${kills + stops} failed`);
  return failed.count === 0 ? 0 : 1;
});

if (import.meta.main) await runCommand(main);
