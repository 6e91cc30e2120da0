// deno-lint-ignore-file camelcase -- the names are those of the official log
/**
 * @file The log of a run, `log.jsonl`: a line that says what runs, one for every step, and one for every epoch with the
 * names of the official `pretrain_log.txt`.
 */
import type { SourceAccount } from "../../../data/mod.ts";
import type { WeightAccount } from "../../weights/weight_account.ts";
import type { StepRecord } from "../metrics.ts";

/** First line of a run, and of each time that it goes on. */
export interface RunHead {
  /** Name of the run folder. */
  readonly name: string;
  /** Command line. */
  readonly cmd: string;
  /** Commit of the program, empty outside a git checkout. */
  readonly git_commit_id: string;
  /** Its message. */
  readonly git_commit_msg: string;
  /** How many ranks share each step, what joins them, and the host of each, where there are several. */
  readonly ranks?: number;
  readonly joined_by?: string;
  readonly hosts?: readonly string[];
  /** Name of the model. */
  readonly model: string;
  /** What the sources of images held, and what of it is used. */
  readonly sources?: readonly SourceAccount[];
  /** What was read of files of weights. */
  readonly weights?: readonly WeightAccount[];
}

/** Line at the end of an epoch. */
export interface EpochRecord {
  /** `k/epochs`. */
  readonly cur_ep: string;
  /** Mean loss of the epoch. */
  readonly last_L: number;
  /** Time left, `h:mm:ss`. */
  readonly rema: string;
  /** When the run will be done. */
  readonly fini: string;
}

/** What a log held up to a step. */
export interface LogSoFar {
  /** Its lines, as they are. */
  readonly text: string;
  /** Records of the steps among them. */
  readonly records: readonly StepRecord[];
  /** Lines that were passed over as they cannot be read, but for a last one that was cut off. */
  readonly damaged: number;
}

/**
 * Reads a log up to a step: what a killed process wrote after its last checkpoint is left out, because it is done again.
 *
 * @param path The log; a missing one counts as empty.
 * @param lastStep The first line of a later step ends the log.
 * @returns Lines and records; a line that is no JSON, such as a last one that was cut off, or that has something else
 * where a number must be, is passed over.
 */
export function readRunLog(path: string, lastStep: number): LogSoFar {
  const lines: string[] = [];
  const records: StepRecord[] = [];
  let damaged = 0;
  const all = textOf(path).split("\n");
  for (const [i, line] of all.entries()) {
    const parsed = parse(line);
    if (!parsed) {
      if (line !== "" && i < all.length - 1) damaged++;
      continue;
    }
    if (typeof parsed.step === "number") {
      if (parsed.step > lastStep) break;
      records.push(parsed as unknown as StepRecord);
    }
    lines.push(`${line}\n`);
  }
  return { text: lines.join(""), records, damaged };
}

function parse(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const value = JSON.parse(line);
    return isRecord(value) && hasStep(value) && isSound(value) ? value : null;
  } catch {
    return null; // empty or unfinished
  }
}

/** What every record of a step has. */
const STEP: readonly string[] = [
  ...["step", "epoch", "loss", "learningRate", "weightDecay", "gradientNorm", "imagesPerSecond"],
];
/** Keys whose values are numbers, `null` where they were not finite; and those of records of numbers. */
const NUMBERS: readonly string[] = [
  ...STEP,
  ...["lossScale", "ranks", "last_L", "heldOut", "evaluated", "images", "top1", "top5"],
];
const RECORDS: readonly string[] = ["val", "ema", "best"];
/** Keys whose values are numbers of all ranks. */
const LISTS: readonly string[] = ["waited", "rankSpeeds"];

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/** True of lines that are not those of steps, or are whole. */
function hasStep(line: Readonly<Record<string, unknown>>): boolean {
  return !Object.hasOwn(line, "step") || STEP.every((key) => Object.hasOwn(line, key));
}

function isSound(record: Readonly<Record<string, unknown>>): boolean {
  const isNumber = (value: unknown) => value === null || typeof value === "number";
  return Object.entries(record).every(([key, value]) => {
    if (RECORDS.includes(key)) return isRecord(value) && isSound(value);
    if (LISTS.includes(key)) return Array.isArray(value) && value.every(isNumber);
    return !NUMBERS.includes(key) || isNumber(value);
  });
}

function textOf(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

/**
 * Writes records as lines.
 *
 * @param records Any number.
 * @returns JSON, a line each. A loss that is not finite reads `null`.
 */
export function stepLines(records: readonly StepRecord[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join("");
}

/** Lengths by which epochs are counted. */
export interface EpochLengths {
  /** Steps in which every image is seen once. */
  readonly stepsPerEpoch: number;
  /** Steps of the run. */
  readonly total: number;
  /** What is added to a step for its place in the epochs; 0 if not given. */
  readonly shift?: number;
  /** Images per step. */
  readonly batchSize: number;
}

/**
 * Makes the function that writes records as lines, and a line for each epoch that they end.
 *
 * @param lengths Steps of an epoch and of the run.
 * @param before Records of the steps before.
 * @param now Clock in milliseconds since 1970.
 * @returns From new records, in order, to lines of the log and the epochs that ended.
 */
export function logWriter(
  lengths: EpochLengths,
  before: readonly StepRecord[],
  now: () => number,
): (records: readonly StepRecord[]) => { readonly lines: string; readonly epochs: readonly EpochRecord[] } {
  const { stepsPerEpoch, total, shift = 0 } = lengths;
  const lastEnd = Math.floor(((before.at(-1)?.step ?? 0) + shift) / stepsPerEpoch) * stepsPerEpoch - shift;
  const open = { losses: before.filter(({ step }) => step > lastEnd).map(({ loss }) => loss) };
  return (records) => {
    const epochs: EpochRecord[] = [];
    const lines = records.map((record) => {
      open.losses.push(record.loss);
      const line = stepLines([record]);
      if ((record.step + shift) % stepsPerEpoch !== 0 && record.step !== total) return line;
      const epoch = epochRecord(record, open.losses, lengths, now());
      open.losses = [];
      epochs.push(epoch);
      return `${line}${JSON.stringify(epoch)}\n`;
    });
    return { lines: lines.join(""), epochs };
  };
}

function epochRecord(
  { step, imagesPerSecond }: StepRecord,
  losses: readonly number[],
  { stepsPerEpoch, total, batchSize, shift = 0 }: EpochLengths,
  now: number,
): EpochRecord {
  const finite = losses.filter(Number.isFinite); // where the loss is scaled, steps that overflow are skipped
  const mean = finite.reduce((sum, loss) => sum + loss, 0) / finite.length;
  const seconds = Math.round((total - step) * batchSize / imagesPerSecond);
  return {
    cur_ep: `${Math.ceil((step + shift) / stepsPerEpoch)}/${Math.ceil((total + shift) / stepsPerEpoch)}`,
    last_L: mean,
    rema: clock(seconds),
    fini: new Date(now + seconds * 1000).toISOString(),
  };
}

function clock(seconds: number): string {
  const pad = (value: number) => String(value).padStart(2, "0");
  return `${Math.floor(seconds / 3600)}:${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`;
}
