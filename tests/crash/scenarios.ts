/** @file Trainings that are disturbed: new ones, ones that go on, longer ones, ones from an official checkpoint. */
import { join } from "node:path";
import { testFiles } from "../data/support.ts";
import { commandPath, copyFolder, done, pretrain, type Result, resultOf, SAVE_EVERY } from "./training.ts";

/** A training, and what it comes to if nothing disturbs it. */
export interface Scenario {
  /** What it is called in tables. */
  readonly name: "new" | "resumed" | "extended" | "official";
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

/** Options of the machine, which a run that goes on is told again. */
const CONDUCT = ["--device", "cpu", "--threads", "1", "--workers", "1", "--save-every", String(SAVE_EVERY)];

/** Runs a training undisturbed: what all disturbed ones must come to. */
async function measured(root: string, start: Start): Promise<Scenario> {
  const folder = join(root, `whole_${start.name}`);
  await start.prepare(folder);
  const { milliseconds, firstStep } = done(await pretrain(start.start(folder), folder));
  return { ...start, expected: await resultOf(folder), milliseconds, firstStep };
}

/** A run that was killed in its middle. */
async function stopped(root: string, { start, milliseconds, firstStep }: Scenario): Promise<string> {
  const folder = join(root, "stopped");
  await pretrain(start(folder), folder, { from: "first step", milliseconds: (milliseconds - firstStep) / 2 });
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

/** A training that begins in an empty folder. */
const inNewFolder = (name: "new" | "official", start: Start["start"]): Start => ({
  ...{ name, start, prepare: () => Promise.resolve() },
  again: (folder, step) => step === 0 ? undefined : ["--resume", folder, ...CONDUCT],
});

/** A training that goes on with the copy of a folder. */
const inCopyOf = (name: "resumed" | "extended", source: string, start: Start["start"]): Start => ({
  ...{ name, start, again: start, prepare: (folder) => copyFolder(source, folder) },
});

/**
 * Makes the images and runs each training once.
 *
 * @param root A folder.
 * @param steps Steps of each in all; those that go on have done half of them.
 * @returns The trainings.
 */
export async function scenarios(root: string, steps: number): Promise<Readonly<Record<Scenario["name"], Scenario>>> {
  await Deno.mkdir(join(root, "images"));
  for (const [name, bytes] of Object.entries(testFiles(8))) await Deno.writeFile(join(root, "images", name), bytes);
  const first = join(root, "first");
  const half = SAVE_EVERY * Math.ceil(steps / 2 / SAVE_EVERY);
  done(await pretrain([...smallOptions(root, half), "--out", first], first));
  const official = await officialOf(root, first);
  const small = smallOptions(root, steps);
  const fresh = await measured(root, inNewFolder("new", (folder) => [...small, "--out", folder]));
  const again = (folder: string) => ["--resume", folder, ...CONDUCT];
  const longer = (folder: string) => ["--resume", folder, "--extend", "--steps", String(steps), ...CONDUCT];
  return {
    new: fresh,
    resumed: await measured(root, inCopyOf("resumed", await stopped(root, fresh), again)),
    extended: await measured(root, inCopyOf("extended", first, longer)),
    official: await measured(
      root,
      inNewFolder("official", (folder) => [...small, "--resume", official, "--out", folder]),
    ),
  };
}
