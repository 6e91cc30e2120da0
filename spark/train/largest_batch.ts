/** @file The memory of a step, planned before anything is allocated. */
import { type Device, DeviceError, type ExecutableStats } from "../../tensor/mod.ts";
import { BatchStatisticsError } from "../../nn/mod.ts";

/** What planning needs to know besides the step. */
export interface PlanBatchOptions {
  /** Batches must be multiples of it; 1 if not given. */
  readonly multiple?: number;
  /** Bytes that a run needs beside the step of so many images; 0 if not given. */
  readonly beside?: (batchSize: number) => number;
  /** Told, in a line, that a smaller batch is looked for, which takes a few plans. */
  readonly note?: (line: string) => void;
}

/**
 * Plans a step; if its batch is too large for the device, finds the largest that is not. Plans are made, nothing is
 * allocated.
 *
 * @param device Where the step is to run.
 * @param plan Plans the step for a number of images; throws `DeviceError`, or `RangeError` for results that no device
 * holds, if the device cannot hold it.
 * @param batchSize Images wanted.
 * @param options What batches may be, and who is told of the search.
 * @returns The plan.
 * @throws {DeviceError} If it does not fit, naming the largest batch that does.
 * @throws {BatchStatisticsError} If it is too small for batch norm.
 */
export function planBatch(
  device: Pick<Device, "name" | "maxBytes">,
  plan: (batchSize: number) => ExecutableStats,
  batchSize: number,
  { multiple = 1, note = () => {}, beside = () => 0 }: PlanBatchOptions = {},
): ExecutableStats {
  const { name, maxBytes = Infinity } = device;
  const first = attempt(plan, beside, batchSize);
  if (first.stats && first.bytes! <= maxBytes) return first.stats;
  note(`${batchSize} images do not fit into the memory of ${name}; looks for the largest batch that does`);
  const tried = [first];
  const bytesOf = (batch: number) => {
    tried.push(attempt(plan, beside, batch));
    return tried.at(-1)!.bytes ?? null;
  };
  const largest = search(bytesOf, { maxBytes, multiple, above: batchSize, known: first.bytes });
  const isOther = ({ error }: Attempt) => error !== undefined && !(error instanceof DeviceError);
  if (tried.every(isOther)) throw tried.at(-1)!.error; // whatever the size
  const way = largest > 0
    ? `the largest --batch-size that fits is ${largest}; --accumulate makes a step of several small ones`
    : "no --batch-size fits; lower --input-size";
  throw new DeviceError(name, `${reasonOf(device, batchSize, first)}; ${way}`, { cause: first.error });
}

/**
 * Plans a step, and says which options make a batch large enough for batch norm where it is not.
 *
 * @param plan Plans it.
 * @param options Images of a step, small batches that it is made of, and what else enlarges maps, as the end of a list.
 * @returns The plan.
 * @throws {RangeError} If batch norm has a single number for a channel, naming the options.
 */
export function withAdvice<T>(
  plan: () => T,
  { batchSize, multiple, enlarging }: {
    readonly batchSize: number;
    readonly multiple: number;
    readonly enlarging: string;
  },
): T {
  try {
    return plan();
  } catch (error) {
    if (!(error instanceof BatchStatisticsError)) throw error;
    const small = batchSize / multiple;
    throw new RangeError(
      `Cannot train on ${small} ${
        small === 1 ? "image" : "images"
      } at once as batch norm needs two or more numbers a ` +
        `channel: current shape of a map is [${error.shape.join(", ")}]; raise --batch-size` +
        `${multiple > 1 ? ", lower --accumulate" : ""}, enlarge --input-size${enlarging}`,
      { cause: error },
    );
  }
}

/** A plan, or why there is none. */
interface Attempt {
  readonly stats?: ExecutableStats;
  /** Of the step and beside it. */
  readonly bytes?: number;
  readonly error?: Error;
}

function attempt(
  plan: (batchSize: number) => ExecutableStats,
  beside: (batchSize: number) => number,
  batch: number,
): Attempt {
  try {
    const stats = plan(batch);
    return { stats, bytes: stats.plannedBytes + beside(batch) };
  } catch (error) {
    if (error instanceof BatchStatisticsError) throw error; // too small, not too large
    if (error instanceof DeviceError || error instanceof RangeError) return { error };
    throw error;
  }
}

/** Why a batch does not fit. */
function reasonOf(
  { name, maxBytes = Infinity }: Pick<Device, "name" | "maxBytes">,
  batchSize: number,
  { bytes, error }: Attempt,
): string {
  if (error instanceof DeviceError) return error.message;
  const mib = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;
  const room = Number.isFinite(maxBytes) ? mib(maxBytes) : "its memory";
  const current = bytes ? `plan takes ${mib(bytes)}` : `plan has a result that alone is too large`;
  return `Cannot plan a step of ${batchSize} images on ${name} as all of it must fit into ${room}: current ${current}`;
}

/** Batches whose plans tell how memory grows: small ones are dominated by weights. */
const PROBES = [8, 16];

/**
 * The largest multiple below `above` that fits, 0 if none. Memory grows about linearly with the batch, so that a line
 * through two plans says nearly where it is; the answer itself was planned, and so was the next larger batch.
 */
function search(
  bytesOf: (batch: number) => number | null,
  { maxBytes, multiple, above, known }: {
    readonly maxBytes: number;
    readonly multiple: number;
    readonly above: number;
    readonly known: number | undefined;
  },
): number {
  let [low, high] = [0, Math.ceil(above / multiple)]; // in multiples
  const points: (readonly [batch: number, bytes: number])[] = known === undefined ? [] : [[high, known]];
  while (high - low > 1) {
    const guess = Math.min(high - 1, Math.max(low + 1, guessed(points, { maxBytes, multiple, low, high })));
    const bytes = bytesOf(guess * multiple);
    if (bytes !== null) points.push([guess, bytes]);
    if (bytes !== null && bytes <= maxBytes) low = guess;
    else high = guess;
  }
  return low * multiple;
}

/** A line that has not found the bound by now is none: every other guess then halves what is left. */
const isBent = (plans: number): boolean => plans > 5 && plans % 2 === 1;

function guessed(
  points: readonly (readonly [batch: number, bytes: number])[],
  { maxBytes, multiple, low, high }: {
    readonly maxBytes: number;
    readonly multiple: number;
    readonly low: number;
    readonly high: number;
  },
): number {
  const middle = Math.floor((low + high) / 2);
  if (!Number.isFinite(maxBytes) || isBent(points.length)) return middle;
  const probe = PROBES.map((batch) => Math.ceil(batch / multiple)).find((batch) => batch > low && batch < high);
  if (points.length < 2) return probe ?? middle;
  const near = points.toSorted(([, a], [, b]) => Math.abs(a - maxBytes) - Math.abs(b - maxBytes));
  const [[a, from], [b, to]] = near as [readonly [number, number], readonly [number, number]];
  return to === from ? middle : Math.floor(a + (maxBytes - from) * (b - a) / (to - from));
}
