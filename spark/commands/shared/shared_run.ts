/** @file What several ranks need to train together, whatever is trained. */
import type { Collective } from "../../../tensor/mod.ts";
import type { SharedStepOptions } from "../../shared_step.ts";
import type { RunMachine } from "../../train/devices.ts";
import { programLine } from "../../train/program_line.ts";
import { agree, textOfFirst } from "../../train/ranks/agreement.ts";
import { partOfRank, threadsOfRank } from "../../train/ranks/open_ranks.ts";
import { type RunFolder, runFolder } from "../../train/run_folder.ts";
import type { RunStart } from "../../train/run_start.ts";
import { machineOf } from "./machine.ts";

/** Of the options of a run, what ranks share. */
interface SharedOptions {
  readonly batchSize: number;
  readonly accumulate: number;
  readonly syncBn: boolean;
  readonly bucketMb: number;
}

/** Of a run, what ranks agree on. */
type Agreed = Pick<RunStart<object>, "options" | "folder" | "done">;

/**
 * Lets ranks agree on how a run starts.
 *
 * @param task Name of the command.
 * @param start How it starts on this rank.
 * @param images Which images there are here, of `fingerprint`.
 * @param collective The ranks.
 * @returns How it starts on all: in the folder that the first has chosen.
 * @throws {CollectiveError} If a rank differs, naming in what.
 */
export function agreedStart<Start extends Agreed>(
  task: string,
  start: Start,
  images: string,
  collective: Collective,
): Start {
  if (collective.size === 1) return start;
  const agreed = { ...start, folder: runFolder(textOfFirst(collective, start.folder.path)) };
  agree(collective, identityOf(task, agreed, images));
  return agreed;
}

/** Options that name places, which may be others on every machine. */
const PLACES = ["data", "val", "init", "images", "valImages"];

/**
 * Names all in which ranks must not differ.
 *
 * @param task Name of the command.
 * @param start How the run starts. Where images lie may differ from rank to rank: what is there is compared.
 * @param images Which images, of `fingerprint`.
 * @returns By name, for `agree`.
 */
export function identityOf(
  task: string,
  { options, folder, done }: Agreed,
  images: string,
): Readonly<Record<string, string>> {
  const deciding = Object.entries(options).filter(([name]) => !PLACES.includes(name));
  return {
    "version of the program": programLine(folder.path, task).git_commit_id,
    ...Object.fromEntries(deciding.map(([name, value]) => [`option ${name}`, JSON.stringify(value)])),
    "images of --data": images,
    "number of steps done": `${done}`,
  };
}

/**
 * What a rank may use of its machine, and where it keeps what it tunes: the first alone in the run folder.
 *
 * @param given Options of the command line.
 * @param folder The run folder.
 * @param collective The ranks.
 * @returns For `onRunDevice`.
 */
export function machineOfRank(
  given: Parameters<typeof machineOf>[0],
  folder: RunFolder,
  { rank }: Pick<Collective, "rank">,
): RunMachine & { readonly kept: string } {
  const kept = rank === 0 ? folder.tuning : "";
  return { kept, ...machineOf({ ...given, threads: threadsOfRank(given.threads) }) };
}

/**
 * How ranks share a step, or each of the small batches that it is made of, and over what batch norm takes its statistics.
 *
 * @param options Of the run.
 * @param collective The ranks.
 * @returns For the functions of a step; nothing of one process.
 */
export function sharingOf(
  { batchSize, accumulate, bucketMb, syncBn }: SharedOptions,
  collective: Collective,
): SharedStepOptions & { readonly first?: number } {
  if (collective.size === 1) return {};
  const { first } = partOfRank(batchSize, collective, accumulate);
  const bucketBytes = bucketMb === 0 ? Infinity : bucketMb * 2 ** 20;
  return {
    ...{ collective, batchSize: batchSize / accumulate, bucketBytes, first },
    ...syncBn && { statistics: { collective } },
  };
}
