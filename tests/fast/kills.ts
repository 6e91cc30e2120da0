/** @file Trainings with `--fast` of which one of both processes is killed: none stays behind, and the run goes on to the same bits. */
import { join } from "node:path";
import type { Draw } from "../fuzz/mutate.ts";
import { smallOptions } from "../crash/scenarios.ts";
import { differences, done, type Result, resultOf, train } from "../crash/training.ts";
import { testFiles } from "../data/support.ts";
import { alive, childrenOf } from "../support/processes.ts";

/** Steps of the training. */
const STEPS = 24;
/** How long an engine may live on after the process that it computes for. */
const PATIENCE = 5000;

/** A training, and what it comes to if nothing disturbs it. */
interface Undisturbed {
  readonly start: (folder: string) => readonly string[];
  readonly expected: Result;
  readonly milliseconds: number;
}

/** Runs the training once, in one process: both must come to the same bits. */
async function undisturbed(root: string): Promise<Undisturbed> {
  await Deno.mkdir(join(root, "images"));
  for (const [name, bytes] of Object.entries(testFiles(8))) await Deno.writeFile(join(root, "images", name), bytes);
  const plain = join(root, "plain");
  done(await train("pretrain", [...smallOptions(root, STEPS), "--out", plain], plain));
  const start = (folder: string) => [...smallOptions(root, STEPS), "--fast", "--out", folder];
  const { milliseconds } = done(await train("pretrain", start(join(root, "fast")), join(root, "fast")));
  const expected = await resultOf(plain);
  const other = await differences(join(root, "fast"), expected);
  if (other.length > 0) throw new Error(`Cannot compare as both modes must agree: current differences are ${other}`);
  return { start, expected, milliseconds };
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Waits until none of some processes is there; those that stay. */
async function left(pids: readonly number[]): Promise<readonly number[]> {
  const end = performance.now() + PATIENCE;
  while (pids.some(alive) && performance.now() < end) await pause(20);
  return pids.filter(alive);
}

/** Which process is killed, and when after the start. */
interface Kill {
  readonly side: "command" | "engine";
  readonly milliseconds: number;
}

/** Kills one side at a moment; all processes that were seen, and whether it was there to be killed. */
async function killed(pid: number, { side, milliseconds }: Kill): Promise<{ seen: number[]; hit: boolean }> {
  await pause(milliseconds);
  while (side === "engine" && alive(pid) && childrenOf(pid).length === 0) await pause(5); // it starts a little later
  const children = childrenOf(pid);
  const victim = side === "command" ? pid : children[0];
  if (victim === undefined || !alive(victim)) return { seen: [pid, ...children], hit: false };
  Deno.kill(victim, "SIGKILL");
  return { seen: [pid, ...children], hit: true };
}

/** One training that is killed and goes on; null if it had ended by then. */
async function trial(
  run: Undisturbed,
  folder: string,
  kill: Kill,
): Promise<{ line: string; problems: string[] } | null> {
  const blow: { done?: Promise<{ seen: number[]; hit: boolean }> } = {};
  const first = await train("pretrain", run.start(folder), folder, {
    begun: (pid) => {
      blow.done = killed(pid, kill);
    },
  });
  const { seen, hit } = await blow.done!;
  if (!hit) {
    await Deno.remove(folder, { recursive: true });
    return null;
  }
  const problems = (await left(seen)).map((pid) => `process ${pid} stays behind`);
  const lines = first.errors.trim().split("\n");
  if (kill.side === "engine" && first.code !== 0 && lines.length > 1) {
    problems.push(`an error of several lines: ${first.errors.slice(0, 300)}`);
  }
  const conduct = ["--device", "cpu", "--threads", "1", "--workers", "1", "--save-every", "3", "--fast"];
  const began = await Deno.stat(join(folder, "last.safetensors")).then(() => true, () => false);
  if (!began) await Deno.remove(folder, { recursive: true }).catch(() => {});
  const second = await train("pretrain", began ? ["--resume", folder, ...conduct] : run.start(folder), folder);
  if (second.code === 0) problems.push(...await differences(folder, run.expected));
  else problems.push(`does not go on: ${second.errors.slice(0, 300)}`);
  const how = `${kill.side} killed ${kill.milliseconds} ms after the start, ${began ? "resumed" : "started anew"}`;
  return { line: how, problems };
}

/**
 * Kills trainings.
 *
 * @param count How often; either side in turns.
 * @param draw Draws moments.
 * @param write Tells of each, in a line.
 * @returns How many went wrong.
 */
export async function killFast(count: number, draw: Draw, write: (line: string) => void): Promise<number> {
  const root = await Deno.makeTempDir({ prefix: "fast_" });
  try {
    const run = await undisturbed(root);
    let failed = 0;
    for (let i = 0; i < count; i++) {
      const side = i % 2 === 0 ? "command" : "engine";
      const begin = () =>
        trial(run, join(root, `run_${i}`), { side, milliseconds: Math.round(run.milliseconds * draw()) });
      let outcome = await begin();
      while (!outcome) outcome = await begin();
      const { line, problems } = outcome;
      if (problems.length > 0) failed++;
      write(`${problems.length === 0 ? "ok    " : "FAILED"}  ${line}${problems.map((each) => `; ${each}`).join("")}`);
    }
    return failed;
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}
