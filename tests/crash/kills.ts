/** @file Trainings that are killed at random moments, on a healthy and on a full disk, and go on. */
import { join } from "node:path";
import type { Scenario } from "./scenarios.ts";
import { differences, type Moment, SAVE_EVERY, stepOf, train, unfinishedIn } from "./training.ts";

/** Where and when. */
export interface Trials {
  /** Folder of all runs. */
  readonly root: string;
  /** Draws moments. */
  readonly draw: () => number;
  /** Tells of a trial, in a line. */
  readonly write: (line: string) => void;
  /** Steps of the training. */
  readonly steps: number;
}

/** One in five before the first step, the others from there to a little after the end, or within a share of it. */
function momentOf({ milliseconds, firstStep }: Scenario, draw: () => number, share = 1): Moment {
  return draw() < 0.2
    ? { from: "start", milliseconds: Math.round(firstStep * draw()) }
    : { from: "first step", milliseconds: Math.round((milliseconds - firstStep) * 1.05 * share * draw()) };
}

interface Disk {
  /** Share of the training, from its first step, in which runs are killed; all of it if not given. */
  readonly share?: number;
  /** Called before a run goes on. */
  readonly makeRoom?: () => Promise<void>;
}

/** One run that is killed and goes on; what went wrong, or how it went. */
async function trial(scenario: Scenario, folder: string, draw: () => number, { share, makeRoom }: Disk = {}) {
  await scenario.prepare(folder);
  const moment = momentOf(scenario, draw, share);
  const first = await train(scenario.trainer, scenario.start(folder), folder, { kill: moment });
  const [step, unfinished] = [await stepOf(folder), unfinishedIn(folder)];
  const problems: string[] = [];
  if (step % SAVE_EVERY !== 0) problems.push(`checkpoint of step ${step}`);
  const ended = first.killed ? "killed" : first.code === 0 ? "ended" : "stopped";
  if (ended === "stopped" && !/^Cannot write .* current error is .*(space|os error 28)/.test(first.errors)) {
    problems.push(`stopped with ${first.errors.slice(0, 300)}`);
  }
  if (ended === "stopped" && first.errors.trim().split("\n").length > 1) problems.push("an error of several lines");
  await makeRoom?.();
  const again = scenario.again(folder, step);
  if (!again) await Deno.remove(folder, { recursive: true }).catch(() => {});
  const second = await train(scenario.trainer, again ?? scenario.start(folder), folder);
  if (second.code === 0) problems.push(...await differences(folder, scenario.expected));
  else problems.push(`does not go on: ${second.errors.slice(0, 300)}`);
  const when = `${String(moment.milliseconds).padStart(5)} ms after ${
    moment.from === "start" ? "its start" : "its first step"
  }`;
  const how = ended === "killed" ? `killed ${when}` : ended;
  return { line: `${how}, checkpoint of step ${step}, ${unfinished} unfinished`, problems };
}

function told(write: Trials["write"], what: string, { line, problems }: Awaited<ReturnType<typeof trial>>): number {
  const isFine = problems.length === 0;
  write(
    `${isFine ? "ok    " : "FAILED"}  ${what}: ${line}; ${isFine ? "goes on to the same bits" : problems.join("; ")}`,
  );
  return isFine ? 0 : 1;
}

/**
 * Kills a training some times.
 *
 * @param scenario The training.
 * @param count How often.
 * @param trials Where and when.
 * @returns How often it did not go on to the same bits.
 */
export async function healthy(scenario: Scenario, count: number, { root, draw, write }: Trials): Promise<number> {
  let failed = 0;
  for (let i = 1; i <= count; i++) {
    const folder = join(root, `kill_${scenario.name}_${i}`);
    failed += told(write, `${scenario.name} run ${i}`, await trial(scenario, folder, draw));
    await Deno.remove(folder, { recursive: true });
  }
  return failed;
}

/**
 * As `healthy`, on a disk that has room for a part of a checkpoint, or for one and a part of the next, of another size each
 * time. Such runs end by themselves when the second does not fit, at step 6: they are killed before that or about then.
 */
export async function full(
  scenario: Scenario,
  count: number,
  { root, draw, write, steps }: Trials,
): Promise<number> {
  const share = Math.min(1, 8 / steps);
  let failed = 0;
  for (let i = 1; i <= count; i++) {
    const disk = join(root, `disk_${i}`);
    await Deno.mkdir(disk);
    const kilobytes = Math.round(scenario.expected.bits.length / 1024 * (0.5 + 1.45 * draw()));
    await mounted(disk, `${kilobytes}k`);
    try {
      const makeRoom = () => mounted(disk, "256m", true);
      const result = await trial(scenario, join(disk, "run"), draw, { share, makeRoom });
      failed += told(write, `disk of ${kilobytes} KiB ${i}`, result);
    } finally {
      await new Deno.Command("umount", { args: [disk] }).output();
    }
  }
  return failed;
}

async function mounted(path: string, size: string, again = false): Promise<void> {
  const options = again ? `remount,size=${size}` : `size=${size}`;
  const { success, stderr } = await new Deno.Command("mount", { args: ["-t", "tmpfs", "-o", options, "none", path] })
    .output();
  if (!success) throw new Error(`Cannot mount a small disk as that needs root: ${new TextDecoder().decode(stderr)}`);
}
