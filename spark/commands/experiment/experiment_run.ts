/** @file Runs the jobs of the experiment, some at a time; a job whose result lies there is not run again. */
import { writeFileAtomic } from "../../../data/mod.ts";
import type { Job, JobKind } from "./experiment_plan.ts";
import { kindOf } from "../../train/kind_of.ts";
import { runFolder } from "../../train/run_folder.ts";

/** What a finished job leaves. */
export interface JobResult {
  /** Name of the job. */
  readonly name: string;
  /** Seconds that it took, with whatever else the machine did. */
  readonly seconds: number;
  /** Accuracies by name; for pre-training, the mean loss of its last steps. */
  readonly values: Readonly<Record<string, number>>;
}

/** Where the result of a job lies. */
export const resultPath = (out: string, name: string): string => `${out}/${name}.json`;

/**
 * Reads the result of a job.
 *
 * @param out Folder of all results.
 * @param name Name of the job.
 * @returns The result; null if the job is not done.
 */
export function readResult(out: string, name: string): JobResult | null {
  try {
    return JSON.parse(Deno.readTextFileSync(resultPath(out, name)));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/**
 * Runs jobs.
 *
 * @param jobs In the order in which they start, each after those that it needs.
 * @param options Folder of all results, how many run at once, and what to do when one has started or ended.
 * @throws {Error} If a job fails, naming it and its log. Those that run are ended.
 */
export async function runJobs(
  jobs: readonly Job[],
  { out, atOnce, onStart, onDone }: {
    readonly out: string;
    readonly atOnce: number;
    readonly onStart: (job: Job) => void;
    readonly onDone: (job: Job, result: JobResult) => Promise<void>;
  },
): Promise<void> {
  Deno.mkdirSync(out, { recursive: true });
  const done = new Set(jobs.map(({ name }) => name).filter((name) => readResult(out, name)));
  const waiting = jobs.filter(({ name }) => !done.has(name));
  const running = new Map<string, { readonly end: Promise<string>; readonly child: Deno.ChildProcess }>();
  try {
    while (waiting.length > 0 || running.size > 0) {
      const next = waiting.findIndex(({ needs }) => needs.every((name) => done.has(name)));
      if (next >= 0 && running.size < atOnce) {
        const [job] = waiting.splice(next, 1) as [Job];
        onStart(job);
        running.set(job.name, startJob(job, out, onDone));
        continue;
      }
      const name = await Promise.race([...running.values()].map(({ end }) => end));
      running.delete(name);
      done.add(name);
    }
  } finally {
    for (const { child } of running.values()) stop(child);
  }
}

/** Asks for an orderly end, with a checkpoint; of a process that has ended, nothing. */
function stop(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGTERM");
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
}

function startJob(job: Job, out: string, onDone: (job: Job, result: JobResult) => Promise<void>) {
  const log = Deno.openSync(`${out}/${job.name}.log`, { create: true, append: true });
  const begin = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", new URL(`../${job.kind}/${job.kind}.ts`, import.meta.url).href, ...commandOf(job, out)],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const copied = Promise.all([child.stdout, child.stderr].map(async (stream) => {
    for await (const chunk of stream) log.writeSync(chunk);
  }));
  const end = (async () => {
    const { code } = await child.status;
    await copied;
    log.close();
    if (code !== 0) {
      throw new Error(
        `Cannot go on with the experiment as every run must end well: current run ${job.name} ended with code ` +
          `${code}; see ${out}/${job.name}.log`,
      );
    }
    const result = { name: job.name, seconds: (performance.now() - begin) / 1000, values: valuesOf(job, out) };
    await writeFileAtomic(resultPath(out, job.name), new TextEncoder().encode(`${JSON.stringify(result, null, 2)}\n`));
    await onDone(job, result);
    return job.name;
  })();
  end.catch(() => {}); // reported when it is waited for
  return { end, child };
}

/** Arguments of a job: it goes on where a run that was ended has left a checkpoint. */
function commandOf({ name, kind, args }: Job, out: string): readonly string[] {
  const folder = runFolder(`${out}/${name}`);
  if (kind === "probe") return [...args, "--out", `${out}/${name}.probe.json`];
  if (kindOf(folder.checkpoint) !== "absent") return [...args, "--resume", folder.path];
  if (kindOf(folder.path) !== "absent") Deno.removeSync(folder.path, { recursive: true }); // ended before its first checkpoint
  return [...args, "--out", folder.path];
}

/** The last steps of pre-training whose losses are averaged. */
const LAST_STEPS = 100;

const READERS: Readonly<Record<JobKind, (path: string) => Readonly<Record<string, number>>>> = {
  pretrain(path) {
    const lines = Deno.readTextFileSync(runFolder(path).log).trimEnd().split("\n").map((line) => JSON.parse(line));
    const losses = lines.flatMap(({ loss }) => typeof loss === "number" ? [loss] : []).slice(-LAST_STEPS);
    const used = lines.find(({ sources }) => sources)?.sources[0]?.used; // absent in logs of before
    return {
      loss: losses.reduce((sum, loss) => sum + loss, 0) / losses.length,
      ...typeof used === "number" && { images: used },
    };
  },
  finetune(path) {
    const { val: { top1, top5, loss, images } } = JSON.parse(Deno.readTextFileSync(runFolder(path).result));
    return { top1, top5, loss, images };
  },
  probe(path) {
    const { linear, neighbours } = JSON.parse(Deno.readTextFileSync(`${path}.probe.json`));
    return { linear: linear.top1, neighbours };
  },
};

const valuesOf = ({ name, kind }: Job, out: string) => READERS[kind](`${out}/${name}`);
