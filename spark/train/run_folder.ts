/** @file Where a run leaves its results, and what it finds there when it goes on. */
import { dirname } from "node:path";
import { removeUnfinished } from "../../data/mod.ts";
import { kindOf } from "./kind_of.ts";
import { lockFolder, type RunLock } from "./run_lock.ts";

/** Paths in a run folder. */
export interface RunFolder {
  /** The folder. */
  readonly path: string;
  /** Newest checkpoint. */
  readonly checkpoint: string;
  /** Weights as the last evaluation had them, of detectors: what a run's folder is used by. */
  readonly evaluated: string;
  /** Checkpoint of the best evaluation, of fine-tuning. */
  readonly best: string;
  /** Evaluation at the end, of fine-tuning. */
  readonly result: string;
  /** One JSON object per step and line. */
  readonly log: string;
  /** Tiles of the run, on webgpu. */
  readonly tuning: string;
  /** Loss curve. */
  readonly curve: string;
  /** Which classes were taken for which, of fine-tuning; CSV. */
  readonly confusion: string;
  /** Report, a web page. */
  readonly report: string;
  /** Folder of TensorBoard's event files. */
  readonly events: string;
  /** Folder of the pictures. */
  readonly pictures: string;
  /** Path of the pictures after a number of steps. */
  picture(step: number): string;
  /** Folder of the pictures of what a detector finds. */
  readonly detections: string;
  /** Path of those after a number of steps. */
  detection(step: number): string;
}

const isFile = (path: string) => kindOf(path) === "file";

const CHECKPOINT = "last.safetensors";

const pictureName = (step: number) => `step_${String(step).padStart(6, "0")}.png`;

/**
 * Names the files of a run folder.
 *
 * @param path The folder; need not exist.
 * @returns Paths.
 */
export function runFolder(path: string): RunFolder {
  const root = path.replace(/(?<=.)\/+$/, "");
  return {
    path: root,
    checkpoint: `${root}/${CHECKPOINT}`,
    evaluated: `${root}/evaluated.safetensors`,
    best: `${root}/best.safetensors`,
    result: `${root}/result.json`,
    log: `${root}/log.jsonl`,
    tuning: `${root}/tuning.json`,
    curve: `${root}/loss.svg`,
    confusion: `${root}/confusion.csv`,
    report: `${root}/report.html`,
    events: `${root}/tensorboard_log`,
    pictures: `${root}/reconstructions`,
    picture: (step) => `${root}/reconstructions/${pictureName(step)}`,
    detections: `${root}/detections`,
    detection: (step) => `${root}/detections/${pictureName(step)}`,
  };
}

/**
 * Makes a new run folder under a name that no other has, even if several processes do so at once.
 *
 * @param model Name of the model.
 * @param date Time of the start.
 * @param parent Folder of all runs; made if need be.
 * @returns `PARENT/MODEL-DATE`, to the second; with `-2`, `-3` and so on where that is taken.
 * @throws {Error} If the folder cannot be made.
 */
export function makeRunPath(model: string, date: Date, parent = "runs"): string {
  const name = `${parent}/${model}-${date.toISOString().slice(0, 19).replaceAll(":", "")}`;
  try {
    Deno.mkdirSync(parent, { recursive: true });
    for (let count = 1;; count++) {
      const path = count === 1 ? name : `${name}-${count}`;
      if (madeFolder(path)) return path;
    }
  } catch (cause) {
    return refuseFolder(name, cause);
  }
}

/** Makes a folder; false if there is something of its name. */
function madeFolder(path: string): boolean {
  try {
    Deno.mkdirSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    throw error;
  }
}

/**
 * Finds the checkpoint that `--resume` means.
 *
 * @param path A checkpoint or a run folder.
 * @returns The checkpoint, and the folder it lies in.
 * @throws {Error} If there is none, naming what was looked for.
 */
export function findCheckpoint(path: string): { readonly checkpoint: string; readonly folder: string } {
  const refuse = (current: string): never => {
    throw new Error(
      `Cannot resume as --resume must name a checkpoint, or a run folder that holds ${CHECKPOINT}: current ${current}`,
    );
  };
  const kind = kindOf(path);
  if (kind === "file") return { checkpoint: path, folder: dirname(path) };
  if (kind !== "folder") refuse(`path ${path} is ${kind === "absent" ? "missing" : "neither"}`);
  const { checkpoint } = runFolder(path);
  return kindOf(checkpoint) === "file" ? { checkpoint, folder: path } : refuse(`folder ${path} has none`);
}

/**
 * Makes a run folder, locks it, and proves, before any work is done, that files can be written there.
 *
 * @param folder Paths of the run.
 * @param options `resume`: the folder may hold the run that goes on. `inner`: folders inside it; that of the pictures if
 * not given.
 * @returns Its lock; when it ends, a folder in which nothing was left is removed.
 * @throws {Error} If the folder cannot be written, another process writes it, or it holds another run.
 */
export function openRunFolder(
  folder: RunFolder,
  { resume, inner = [folder.pictures] }: { readonly resume: boolean; readonly inner?: readonly string[] },
): RunLock {
  makeFolders(folder.path, [folder.path]);
  const operation = resume ? "resume" : "start a new run";
  const lock = lockFolder(folder.path, { operation, advice: "name another folder with --out" });
  const end = () => {
    lock[Symbol.dispose]();
    [...inner, folder.path].forEach(removeIfEmpty);
  };
  try {
    makeFolders(folder.path, inner);
    proveWritable(folder.path, [folder.path, ...inner]);
    if (!resume) refuseOther(folder);
  } catch (error) {
    end();
    throw error;
  }
  return { before: lock.before, [Symbol.dispose]: end };
}

function makeFolders(path: string, folders: readonly string[]): void {
  try {
    folders.forEach((each) => Deno.mkdirSync(each, { recursive: true }));
  } catch (cause) {
    refuseFolder(path, cause);
  }
}

function proveWritable(path: string, folders: readonly string[]): void {
  const probe = `${path}/.write_probe`;
  try {
    folders.forEach(removeUnfinished); // of a run that was killed: they would fill the disk
    Deno.writeTextFileSync(probe, "");
    Deno.removeSync(probe);
  } catch (cause) {
    refuseFolder(path, cause);
  }
}

function refuseFolder(path: string, cause: unknown): never {
  throw new Error(
    `Cannot write the run folder as it must be a folder that can be written: current folder is ${path} ` +
      `(${(cause as Error).message}); name another with --out`,
    { cause },
  );
}

/** Refuses a folder that another run has left its files in. */
function refuseOther(folder: RunFolder): void {
  if (![folder.checkpoint, folder.log].some(isFile)) return;
  const advice = isFile(folder.checkpoint)
    ? `holds another run; continue it with --resume ${folder.path}`
    : "holds a run that ended before its first checkpoint; remove it";
  throw new Error(
    `Cannot start a new run as the run folder must be empty: current folder ${folder.path} ${advice}, or name another ` +
      "with --out",
  );
}

/** Removes a folder in which there is nothing. */
function removeIfEmpty(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // not empty, which is what it is for, or gone
  }
}
