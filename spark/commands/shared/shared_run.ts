/** @file What several ranks need to train together, whatever is trained. */
import type { Collective } from "../../../tensor/mod.ts";
import type { SharedStepOptions } from "../../shared_step.ts";
import { programLine } from "../../train/program_line.ts";
import { textOfFirst } from "../../train/ranks/agreement.ts";
import { partOfRank } from "../../train/ranks/open_ranks.ts";
import { type RunFolder, runFolder } from "../../train/run_folder.ts";
import type { RunStart } from "../../train/run_start.ts";

/** Of the options of a run, what ranks share. */
interface SharedOptions {
  readonly batchSize: number;
  readonly accumulate: number;
  readonly syncBn: boolean;
  readonly bucketMb: number;
}

/**
 * The run folder, which the first rank has chosen.
 *
 * @param folder What this rank would choose.
 * @param collective The ranks.
 * @returns That of the first.
 */
export function folderOfFirst(folder: RunFolder, collective: Collective): RunFolder {
  return collective.size === 1 ? folder : runFolder(textOfFirst(collective, folder.path));
}

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
  { options, folder, done }: Pick<RunStart<object>, "options" | "folder" | "done">,
  images: string,
): Readonly<Record<string, string>> {
  const places = ["data", "val", "init"];
  const deciding = Object.entries(options).filter(([name]) => !places.includes(name));
  return {
    "version of the program": programLine(folder.path, task).git_commit_id,
    ...Object.fromEntries(deciding.map(([name, value]) => [`option ${name}`, JSON.stringify(value)])),
    "images of --data": images,
    "number of steps done": `${done}`,
  };
}

/**
 * How ranks share a step, and over what batch norm takes its statistics.
 *
 * @param options Of the run.
 * @param collective The ranks.
 * @returns For the functions of a step; nothing of one process.
 */
export function sharingOf(
  { batchSize, bucketMb, syncBn }: Omit<SharedOptions, "accumulate">,
  collective: Collective,
): SharedStepOptions & { readonly first?: number } {
  if (collective.size === 1) return {};
  const { first } = partOfRank(batchSize, collective);
  const bucketBytes = bucketMb === 0 ? Infinity : bucketMb * 2 ** 20;
  return { collective, batchSize, bucketBytes, first, ...syncBn && { statistics: { collective } } };
}

/**
 * Checks that ranks can share batches.
 *
 * @param options Of the run.
 * @param collective The ranks.
 * @throws {RangeError} If there are fewer images than ranks, or small batches of a rank were not equal.
 */
export function checkShares(
  { batchSize, accumulate }: Pick<SharedOptions, "batchSize" | "accumulate">,
  collective: Pick<Collective, "rank" | "size">,
): void {
  partOfRank(batchSize, collective);
  const { size } = collective;
  if (size === 1 || accumulate === 1 || batchSize % (size * accumulate) === 0) return;
  throw new RangeError(
    `Cannot divide the batch of each rank as ranks times --accumulate must divide --batch-size: current batch size is ` +
      `${batchSize}, ranks are ${size}, small batches ${accumulate}`,
  );
}
