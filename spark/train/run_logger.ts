/** @file The door for loggers of others: one function that is told what happens in a run. */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { StepRecord } from "./metrics.ts";

/** What a logger is told. All of it is plain data. */
export type RunEvent =
  | {
    /** The run begins, or goes on. */
    readonly kind: "start";
    /** Name of the run folder. */
    readonly name: string;
    /** Path of the run folder. */
    readonly folder: string;
    /** Whatever checkpoints say of the run: options, images. */
    readonly configuration: Readonly<Record<string, unknown>>;
    /** Steps that were done before. */
    readonly done: number;
  }
  | {
    /** Steps were done. */
    readonly kind: "steps";
    /** Their losses, rates and speeds. */
    readonly records: readonly StepRecord[];
  }
  | {
    /** Images that are not trained on were scored. */
    readonly kind: "evaluation";
    /** Steps done. */
    readonly step: number;
    /** Numbers by name, such as `top1` or `loss`. */
    readonly scores: Readonly<Record<string, number>>;
  }
  | {
    /** The run ends: complete, or interrupted. */
    readonly kind: "end";
    /** Steps done. */
    readonly step: number;
    /** Whether all steps are done. */
    readonly complete: boolean;
  };

/**
 * A logger: the default export of the module that `--logger` names. It is called in the order of the events and not waited
 * for, but at the end; what it throws is said in a line and does not end the run.
 *
 * ```ts ignore
 * // wandb.ts, for deno task pretrain --logger wandb.ts
 * export default (event: RunEvent) => {
 *   if (event.kind === "steps") event.records.forEach(({ step, loss }) => send({ step, loss }));
 * };
 * ```
 */
export type RunLogger = (event: RunEvent) => void | Promise<void>;

/** Tells a logger of events. */
export interface LoggerCalls {
  /** Tells of an event. */
  readonly tell: RunLogger;
  /** Waits until all that was told was taken. */
  readonly end: () => Promise<void>;
}

/**
 * Loads a logger.
 *
 * @param path Module whose default export is a `RunLogger`; undefined: none.
 * @returns The function; one that does nothing if there is none.
 * @throws {Error} If the module cannot be loaded or exports no function, naming it.
 */
export async function loadLogger(path: string | undefined): Promise<RunLogger> {
  if (path === undefined) return () => {};
  const module = await moduleOf(path);
  if (typeof module.default === "function") return module.default as RunLogger;
  throw new RangeError(
    `Cannot load ${path} as a logger as its default export must be a function: current export is ${typeof module
      .default}`,
  );
}

async function moduleOf(path: string): Promise<{ readonly default?: unknown }> {
  try {
    return await import(pathToFileURL(resolve(path)).href);
  } catch (cause) {
    const [message] = (cause as Error).message.split("\n");
    throw new Error(`Cannot load ${path} as a logger as its module must run: current error is ${message}`, { cause });
  }
}

/**
 * Calls a logger so that it cannot disturb the run.
 *
 * @param logger The logger.
 * @param note Told, in a line, of the first error.
 * @returns Tells of events, one after the other.
 */
export function loggerCalls(logger: RunLogger, note: (line: string) => void): LoggerCalls {
  const state = { last: Promise.resolve(), failed: false };
  const refuse = (error: unknown) => {
    if (!state.failed) note(`The logger failed, the run goes on: ${(error as Error)?.message ?? error}`);
    state.failed = true;
  };
  return {
    tell(event) {
      state.last = state.last.then(() => logger(event)).catch(refuse);
    },
    end: () => state.last,
  };
}
