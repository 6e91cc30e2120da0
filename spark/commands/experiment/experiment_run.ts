/** @file Runs the jobs of the experiment, some at a time; a job whose result lies there is not run again. */
import { resolve } from "node:path";
import { parseJson, writeFileAtomic } from "../../../data/mod.ts";
import type { Job, JobKind } from "./experiment_plan.ts";
import { kindOf } from "../../train/kind_of.ts";
import { runFolder } from "../../train/run_folder.ts";
import { lockFolder } from "../../train/run_lock.ts";

/** What a finished job leaves. */
export interface JobResult {
  /** Name of the job. */
  readonly name: string;
  /** Seconds that it took, with whatever else the machine did. */
  readonly seconds: number;
  /** Accuracies by name; for pre-training, the mean loss of its last steps. */
  readonly values: Readonly<Record<string, number>>;
  /** How a network was fine-tuned, in words; absent for other runs, and in results of before. */
  readonly recipe?: string;
  /** What was run; absent in results of before. */
  readonly args?: readonly string[];
}

/** Where the result of a job lies. */
const resultPath = (out: string, name: string): string => `${out}/${name}.json`;

/**
 * Reads the result of a job.
 *
 * @param out Folder of all results.
 * @param name Name of the job.
 * @returns The result; null if the job is not done.
 * @throws {RangeError} If there is one that cannot be read, naming it.
 */
export function readResult(out: string, name: string): JobResult | null {
  const path = resultPath(out, name);
  const text = textOf(path);
  if (text === null) return null;
  const result = parseJson(text, path, "a result of the experiment") as Partial<JobResult> | null;
  if (typeof result?.seconds === "number" && typeof result.values === "object") return result as JobResult;
  throw new RangeError(
    `Cannot read ${path} as a result of the experiment as it must have seconds and values: current text is ` +
      `${text.slice(0, 80)}; remove it, so that ${name} is run again`,
  );
}

function textOf(path: string): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** Options that say where a job runs and where its files lie, not what it is. */
const PLACES: readonly string[] = ["--device", "--threads", "--workers", "--init"];

/** What a job is: its options with their values, in their order. */
function settingsOf(args: readonly string[]): readonly string[] {
  return args.flatMap((arg, i) => {
    if (!arg.startsWith("--") || PLACES.includes(arg)) return [];
    const value = args[i + 1] ?? "--";
    return value.startsWith("--") ? [arg] : [`${arg} ${["--data", "--val"].includes(arg) ? resolve(value) : value}`];
  });
}

/** Whether the job is done; another one of its name is refused. */
function isDone({ name, args }: Job, out: string): boolean {
  const result = readResult(out, name);
  if (result === null) return false;
  const [wanted, found] = [settingsOf(args), settingsOf(result.args ?? args)];
  const at = wanted.findIndex((setting, i) => setting !== found[i]);
  if (at < 0 && wanted.length === found.length) return true;
  throw new RangeError(
    `Cannot go on with the experiment as all that is done in its folder must be of the same settings: current ` +
      `${resultPath(out, name)} was run with ${found.at(at) ?? "less"} instead of ${wanted.at(at)}; name another ` +
      "folder with --out",
  );
}

/**
 * Runs jobs.
 *
 * @param jobs In the order in which they start, each after those that it needs.
 * @param options Folder of all results, how many run at once, and what to do when one has started or ended.
 * @throws {Error} If a job fails, naming it and its log, of which those that run are ended; if another process runs the
 * experiment in that folder, or what is done there is of other settings.
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
  using _lock = lockFolder(out, { operation: "run the experiment", advice: "name another folder with --out" });
  const done = new Set(jobs.filter((job) => isDone(job, out)).map(({ name }) => name));
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
    const seconds = (performance.now() - begin) / 1000;
    const recipe = job.kind === "finetune" ? { recipe: recipeOf(`${out}/${job.name}`) } : {};
    const result = { name: job.name, seconds, values: valuesOf(job, out), ...recipe, args: job.args };
    await writeFileAtomic(resultPath(out, job.name), `${JSON.stringify(result, null, 2)}\n`);
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
export const LAST_STEPS = 100;

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

/** What a run of fine-tuning did, by what it keeps of its options. */
function recipeOf(path: string): string {
  const { options } = JSON.parse(Deno.readTextFileSync(runFolder(path).result));
  const { batchSize, optimizer, baseLr, layerDecay, loss, labelSmoothing, mixup, cutmix, cropScale, augment } = options;
  return [
    `batches of ${batchSize}`,
    `${optimizer === "adamw" ? "AdamW" : "LAMB"} with a base rate of ${baseLr}, cosine`,
    layerDecay === 1 ? "all layers at the same rate" : `layer decay ${layerDecay}`,
    `${loss === "ce" ? "cross-entropy" : "binary cross-entropy"}, label smoothing ${labelSmoothing}`,
    ...mixup > 0 || cutmix > 0 ? [`mixup ${mixup}, CutMix ${cutmix}`] : [],
    `crops of ${Math.round(100 * cropScale)} to 100 %, flips`,
    ...augment === "none" ? [] : [`${augment} augmentation`],
  ].join(", ");
}

const valuesOf = ({ name, kind }: Job, out: string) => READERS[kind](`${out}/${name}`);
