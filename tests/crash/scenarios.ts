/** @file Trainings that are disturbed: new ones, ones that go on, longer ones, ones from an official checkpoint, detectors. */
import { join } from "node:path";
import { testFiles } from "../data/support.ts";
import { commandPath, copyFolder, done, type Result, resultOf, SAVE_EVERY, train, type Trainer } from "./training.ts";

/** A training, and what it comes to if nothing disturbs it. */
export interface Scenario {
  /** What it is called in tables. */
  readonly name: "new" | "resumed" | "extended" | "official" | "detection";
  /** The command that runs it. */
  readonly trainer: Trainer;
  /** Puts into a folder what the training finds there. */
  readonly prepare: (folder: string) => Promise<void>;
  /** Arguments that start it in that folder. */
  readonly start: (folder: string) => readonly string[];
  /** Arguments that let it go on after it was killed; undefined: it is prepared and started again. */
  readonly again: (folder: string, step: number) => readonly string[] | undefined;
  /** What it comes to. */
  readonly expected: Result;
  /** From start to end, and from start to the first step. */
  readonly milliseconds: number;
  readonly firstStep: number;
}

type Start = Omit<Scenario, "expected" | "milliseconds" | "firstStep">;

/** Options of the small training. */
export function smallOptions(root: string, steps: number): readonly string[] {
  return [
    ...["--model", "tiny_resnet8", "--input-size", "32", "--batch-size", "2", "--device", "cpu"],
    ...["--workers", "1", "--threads", "1", "--data", join(root, "images"), "--steps", String(steps)],
    ...["--save-every", String(SAVE_EVERY)],
  ];
}

/** Options of the small training of a detector: an evaluation, and with it a checkpoint, every few steps. */
function smallDetector(steps: number): readonly string[] {
  return [
    ...["--model", "tiny_resnet8", "--input-size", "32", "--batch-size", "2", "--device", "cpu", "--workers", "1"],
    ...["--threads", "1", "--fpn-channels", "8", "--box-fcs", "8", "--mask-convs", "8", "--rpn-batch", "8"],
    ...["--roi-batch", "8", "--pre-nms", "20,20", "--post-nms", "10,10", "--scenes", "6", "--scenes-to-score", "2"],
    ...["--scene-emoji", "1", "--precise", "1", "--steps", String(steps), "--eval-every", String(SAVE_EVERY)],
  ];
}

/** Options of the machine, which a run that goes on is told again. */
const MACHINE = ["--device", "cpu", "--threads", "1", "--workers", "1"];
const CONDUCT = [...MACHINE, "--save-every", String(SAVE_EVERY)];

/** Runs a training undisturbed: what all disturbed ones must come to. */
async function measured(root: string, start: Start): Promise<Scenario> {
  const folder = join(root, `whole_${start.name}`);
  await start.prepare(folder);
  const { milliseconds, firstStep } = done(await train(start.trainer, start.start(folder), folder));
  return { ...start, expected: await resultOf(folder), milliseconds, firstStep };
}

/** A run that was killed in its middle. */
async function stopped(root: string, { trainer, start, milliseconds, firstStep }: Scenario): Promise<string> {
  const folder = join(root, "stopped");
  const kill = { from: "first step", milliseconds: (milliseconds - firstStep) / 2 } as const;
  await train(trainer, start(folder), folder, { kill });
  return folder;
}

/** The last checkpoint of a run as the official code writes it. */
async function officialOf(root: string, folder: string): Promise<string> {
  const official = join(root, "first.pth");
  const files = [join(folder, "last.safetensors"), official];
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", commandPath("convert"), ...files, "--to", "official"],
  });
  if (!(await command.output()).success) throw new Error("Cannot convert the checkpoint");
  return official;
}

/** Trainings that begin in an empty folder. */
type NewRun = "new" | "official" | "detection";

const inNewFolder = (name: NewRun, start: Start["start"]): Start => ({
  ...{ name, start, prepare: () => Promise.resolve() },
  trainer: name === "detection" ? "detect_train" : "pretrain",
  again: (folder, step) => step === 0 ? undefined : ["--resume", folder, ...name === "detection" ? MACHINE : CONDUCT],
});

/** A training that goes on with the copy of a folder. */
const inCopyOf = (name: "resumed" | "extended", source: string, start: Start["start"]): Start => ({
  ...{ name, trainer: "pretrain", start, again: start, prepare: (folder) => copyFolder(source, folder) },
});

/** A training by its name, run undisturbed when it is first asked for. */
export type Scenarios = Readonly<Record<Scenario["name"], () => Promise<Scenario>>>;

/** The same promise each time. */
function memoized<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => made ??= make();
}

/**
 * Makes the images, and what each training starts from.
 *
 * @param root A folder.
 * @param steps Steps of each in all; those that go on have done half of them.
 * @returns The trainings.
 */
export async function scenarios(root: string, steps: number): Promise<Scenarios> {
  await Deno.mkdir(join(root, "images"));
  for (const [name, bytes] of Object.entries(testFiles(8))) await Deno.writeFile(join(root, "images", name), bytes);
  const half = SAVE_EVERY * Math.ceil(steps / 2 / SAVE_EVERY);
  const first = memoized(async () => {
    const folder = join(root, "first");
    done(await train("pretrain", [...smallOptions(root, half), "--out", folder], folder));
    return folder;
  });
  const small = smallOptions(root, steps);
  const again = (folder: string) => ["--resume", folder, ...CONDUCT];
  const longer = (folder: string) => ["--resume", folder, "--extend", "--steps", String(steps), ...CONDUCT];
  const outOf = (name: NewRun, options: readonly string[]) =>
    measured(root, inNewFolder(name, (folder) => [...options, "--out", folder]));
  const fresh = memoized(() => outOf("new", small));
  return {
    new: fresh,
    resumed: memoized(async () => measured(root, inCopyOf("resumed", await stopped(root, await fresh()), again))),
    extended: memoized(async () => measured(root, inCopyOf("extended", await first(), longer))),
    official: memoized(async () => outOf("official", [...small, "--resume", await officialOf(root, await first())])),
    detection: memoized(() => outOf("detection", smallDetector(steps))),
  };
}
