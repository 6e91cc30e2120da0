/** @file From an opened run to its results, whatever is trained. */
import { realize } from "../../tensor/kernel.ts";
import { alone, type Collective, type Device, DeviceError, Tensor, treeLeaves } from "../../tensor/mod.ts";
import type { WeightAccount } from "../weights/weight_account.ts";
import { restore, type Savable } from "./checkpoint.ts";
import { type Compiled, compileStep } from "./compile/compile_step.ts";
import { INTERRUPTED, interruptible, outliving } from "./interrupt.ts";
import { holderText } from "./lock_holder.ts";
import { makeMetricsReader, type MetricsReader } from "./metrics.ts";
import { programLine } from "./program_line.ts";
import { SILENT, type Terminal } from "./terminal.ts";
import { counted, type SourceAccount } from "../../data/mod.ts";
import type { RunHead } from "./results/run_log.ts";
import { type Keepsakes, openRunResults, type RunResults } from "./results/run_results.ts";
import { loggerCalls, type RunLogger } from "./run_logger.ts";
import type { RunLengths } from "./run_lengths.ts";
import type { RunConfiguration, RunStart } from "./run_start.ts";
import { textsOfAll } from "./ranks/agreement.ts";
import { leftOutTeller, type SkippedFile } from "./ranks/left_out_teller.ts";
import { sidesOfAll, whileFirst } from "./ranks/together.ts";
import { trainLoop } from "./train_loop.ts";
import type { Training } from "./training.ts";
import { withWayOn } from "./way_on.ts";

/** Steps that webgpu queues before their metrics are read, by default: waiting for each would leave it idle. */
const QUEUED_STEPS = 10;

/** What a run works with. */
export interface RunSettings {
  /** Name of the command, which also resumes it. */
  readonly task: string;
  /** How it starts. */
  readonly start: Pick<RunStart<unknown>, "folder" | "log" | "lock" | "done" | "source" | "changes"> & {
    readonly resumed?: NonNullable<RunStart<unknown, RunConfiguration<unknown>>["resumed"]>;
  };
  /** Name of the model. */
  readonly model: string;
  /** Lengths of the run. */
  readonly lengths: RunLengths;
  /** Images of a step. */
  readonly batchSize: number;
  /** Small batches of a step; 1 if not given. */
  readonly accumulate?: number;
  /** Steps between saves. */
  readonly saveEvery: number;
  /** Steps between readings of the metrics; by device if not given. */
  readonly logEvery: number | undefined;
  /** True if the loss is scaled. */
  readonly scaled?: boolean;
  /** Ranks that share each step; none if not given. The first alone prints and writes. */
  readonly collective?: Collective;
  /** Names of the losses that are summed; absent where there is one. */
  readonly parts?: readonly string[];
  /** Told what happens; nobody if not given. */
  readonly logger?: RunLogger;
  /** Where to compute. */
  readonly device: Device;
}

/** What differs from task to task. */
export interface Recipe<State, Batch> extends Compiled<State, Batch> {
  /** What is trained on what, as the beginning of a line that goes on with the number of steps. */
  readonly title: string;
  /** State of a new run. */
  readonly first: () => State | Promise<State>;
  /** Opens the batches from that after step `startStep` on; tells of objects that have no place in them. */
  readonly batches: (run: BatchRun, onLeftOut: (objects: number) => void) => AsyncIterable<Batch>;
  /** Says how many objects that were; absent where there are no objects. */
  readonly leftOut?: (objects: number) => string;
  /** What checkpoints say of the run, but for the step. */
  readonly configuration: Readonly<Record<string, unknown>>;
  /** What the sources of images held: stands in the log. */
  readonly sources?: readonly SourceAccount[];
  /** What was read of files of weights by the time there is a first state: stands in the log. */
  readonly weights?: readonly WeightAccount[];
  /** Called before a state is kept, on every rank: computes with the others what the first then keeps alone. */
  readonly beforeSave?: (train: State, done: number) => Promise<void>;
  /** What is kept besides log and checkpoint. */
  readonly keepsakes: (run: KeepsakeRun) => Keepsakes<State> | Promise<Keepsakes<State>>;
  /** What finds the cause of a step that is not finite, where the state before it is not kept. */
  readonly advice?: string;
}

/** Which batches a run needs. */
export interface BatchRun {
  /** Place of the first batch in the epochs, in steps. */
  readonly startStep: number;
  /** Place after the last one. */
  readonly steps: number;
  /** Told of files that cannot be read. */
  readonly onSkip: (skipped: SkippedFile) => void;
}

/** What keepsakes may need to know of a run. */
export interface KeepsakeRun {
  /** What runs. */
  readonly head: RunHead;
  /** Writes a line that stays. */
  readonly note: (line: string) => void;
  /** Tells the logger of an event. */
  readonly emit: RunLogger;
}

/**
 * Compiles the step, trains, and leaves the results in the run folder.
 *
 * @param run What the run works with.
 * @param recipe What is trained.
 * @param terminal Where it shows itself.
 * @returns Exit code: 0 for a complete run, 130 for an interrupted one.
 * @throws {Error} If a step is not finite, a file cannot be written or the device fails; it says how the run can go on.
 */
export async function runTraining<State extends Savable, Batch>(
  run: RunSettings,
  recipe: Recipe<State, Batch>,
  terminal: Terminal,
): Promise<number> {
  const { collective = alone() } = run;
  const shown = collective.rank === 0 ? terminal : SILENT;
  const ready = await prepared(run, recipe, shown);
  if (!ready) return 0;
  try {
    return await trained(run, recipe, shown, ready);
  } catch (error) {
    throw withWayOn(error, run.start.folder, run.task);
  }
}

/** A step that is compiled, and the state that it goes on from. */
interface Ready<State> {
  /** The state. */
  readonly first: State;
  /** Steps done. */
  readonly done: number;
  /** Steps between readings. */
  readonly readEvery: number;
  /** Reads the metrics. */
  readonly reader: MetricsReader;
}

function refuseShort(total: number, done: number): never {
  throw new RangeError(
    `Cannot go on as the run must be longer than the ${counted(done, "step")} already done: current length is ${
      counted(total, "step")
    }; ` +
      "raise --steps or --epochs",
  );
}

/** Begins to compute a state: a device with a process of its own does that while the step is compiled. */
async function begin(state: Savable, device: Device): Promise<void> {
  try {
    realize(treeLeaves<unknown>(state).filter((x) => x instanceof Tensor), device);
    await device.flush?.();
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error; // no memory: planning the step says so, and what helps
  }
}

/** Restores or makes the state and compiles the step; null if nothing is to be done. */
async function prepared<State extends Savable, Batch>(
  run: RunSettings,
  recipe: Recipe<State, Batch>,
  { print, wait }: Terminal,
): Promise<Ready<State> | null> {
  const { start: { folder, resumed, lock, done, source, changes, log: { damaged } }, lengths: { total } } = run;
  const { training } = recipe;
  const first = resumed ? restore(resumed.checkpoint, training.initial) : await recipe.first();
  if (lock.before) print(`Takes over ${folder.path} from ${holderText(lock.before)}, which has ended`);
  print(described(recipe.title, run));
  if (done > 0) print(`Goes on after step ${done}, of ${source}`);
  if (damaged > 0) print(`Passes over ${counted(damaged, "line")} of the log that cannot be read`);
  if (changes.length > 0) {
    print(`Changes ${changes.join(", ")}; ${counted(total - done, "step")} to go`);
    if (total <= done) refuseShort(total, done);
  }
  if (done >= total) {
    print(`Nothing to do: ${total} of ${counted(total, "step")} done`);
    return null;
  }
  const readEvery = readEveryOf(run, training);
  const reader = readerOf(run, readEvery);
  await begin(first, run.device);
  using waiting = wait?.("Plans and compiles the step …");
  const lines = await compileStep(recipe, run, () => reader.ring(), (line) => {
    waiting?.[Symbol.dispose]();
    print(line);
  });
  waiting?.[Symbol.dispose]();
  lines.forEach(print);
  return { first, done, readEvery, reader };
}

async function trained<State extends Savable, Batch>(
  run: RunSettings,
  recipe: Recipe<State, Batch>,
  { print, openProgress }: Terminal,
  { first, done, readEvery, reader }: Ready<State>,
): Promise<number> {
  const { start: { folder }, lengths: { total, shift } } = run;
  const { training } = recipe;
  const progress = outliving(openProgress());
  const calls = loggerCalls(run.logger ?? (() => {}), progress.note);
  const { keepsakes, results } = await openResults(run, recipe, { note: progress.note, emit: calls.tell });
  const { collective = alone() } = run;
  const { note } = progress;
  const leftOut = leftOutTeller(collective, { note, log: folder.log, objects: recipe.leftOut });
  const { onSkip } = leftOut;
  await whileFirst(collective, () => keepsakes.begin?.(first, done));
  reader.restartClock();
  const last = await interruptible(progress, (interrupted) =>
    trainLoop({
      ...{ train: first, done, total, batchSize: run.batchSize, saveEvery: run.saveEvery, readEvery, reader },
      step: training.step,
      explain: training.explain,
      batches: recipe.batches({ startStep: done + shift, steps: total + shift, onSkip }, leftOut.onLeftOut),
      ...sidesOfAll(collective, run, { ...leftOut.beside(results), beforeSave: recipe.beforeSave, interrupted }),
      ...recipe.advice === undefined ? {} : { advice: recipe.advice },
      show: progress.show,
    }));
  if (last === total) await whileFirst(collective, () => keepsakes.end?.());
  void calls.tell({ kind: "end", step: last, complete: last === total });
  await calls.end();
  print(closing(last, total, leftOut.files()) + folder.path);
  if (last === total) return 0;
  print(`Go on with: deno task ${run.task} --resume ${folder.path}`);
  return INTERRUPTED;
}

/** Ranks that are not the first keep nothing. */
const NOTHING = { keepsakes: {}, results: { log: () => {}, save: () => Promise.resolve() } };

async function openResults<State extends Savable, Batch>(
  { start: { folder, log, done }, task, model, lengths, batchSize, collective = alone() }: RunSettings,
  { configuration, sources = [], weights = [], keepsakes: open }: Recipe<State, Batch>,
  { note, emit }: Pick<KeepsakeRun, "note" | "emit">,
) {
  const hosts = textsOfAll(collective, Deno.hostname());
  if (collective.rank > 0) return NOTHING as { keepsakes: Keepsakes<State>; results: RunResults<State> };
  const head = {
    ...programLine(folder.path, task),
    ...collective.size > 1 && { ranks: collective.size, joined_by: collective.name, hosts },
    ...{ model, sources, weights },
  };
  void emit({ kind: "start", name: head.name, folder: folder.path, configuration, done });
  const keepsakes = await open({ head, note, emit });
  const options = { configuration, before: log, head, lengths: { ...lengths, batchSize } };
  const results = await openRunResults(folder, options, {
    ...keepsakes,
    log(records, epochs) {
      keepsakes.log?.(records, epochs);
      void emit({ kind: "steps", records });
    },
  });
  return { keepsakes, results };
}

/** What is trained, in a line. */
function described(
  title: string,
  { lengths: { total, stepsPerEpoch, shift }, batchSize, device, collective = alone() }: RunSettings,
): string {
  const epochs = ((total + shift) / stepsPerEpoch).toFixed(1);
  const ranks = collective.size > 1 ? `, by ${collective.size} ranks of ${collective.name}` : "";
  return `${title} ${counted(total, "step")} of ${batchSize} (${epochs} epochs), on ${device.name}${ranks}`;
}

/** A state that is to be explained must be looked at before the next step takes it over. */
function readEveryOf({ logEvery, device }: RunSettings, { explain }: Pick<Training<never, never>, "explain">): number {
  return explain ? 1 : logEvery ?? (device.name === "webgpu" ? QUEUED_STEPS : 1);
}

function readerOf(
  { device, batchSize, lengths: { stepsPerEpoch, shift }, scaled = false, parts = [] }: RunSettings,
  length: number,
): MetricsReader {
  return makeMetricsReader({
    ...{ device, length, batchSize, stepsPerEpoch, shift, scaled, parts },
    now: () => performance.now(),
  });
}

/** What was done, in the last line. */
function closing(last: number, total: number, skipped: number): string {
  const files = skipped > 0 ? `, ${counted(skipped, "file")} skipped` : "";
  return `${last < total ? "Interrupted" : "Done"} after ${last} of ${counted(total, "step")}${files}; results in `;
}
