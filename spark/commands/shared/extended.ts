import { flagOf } from "../cli/option.ts";
import { agreeing, shown } from "./agreeing.ts";

/** Options that a run may go on with in another way: each is well defined at any step. */
const EXTENDABLE: readonly string[] = [
  ...["steps", "epochs", "batchSize", "baseLr", "warmupEpochs", "weightDecay", "weightDecayEnd", "dropPath"],
  ...["accumulate", "layerDecay", "labelSmoothing", "mixup", "cutmix", "cropScale", "augment", "erase", "evalEvery"],
];

/** Options of a run that goes on, and what is new in them. */
export interface Extended<Options> {
  /** All of them. */
  readonly options: Options;
  /** Each change: `--steps 48 instead of 24`. */
  readonly changes: readonly string[];
}

/**
 * Takes the options of a checkpoint; with `extend`, those that a run may change as they are given.
 *
 * @param saved All options that decide the bits.
 * @param given Some of them, and others that do not matter.
 * @param extend Whether they may differ.
 * @returns The options of the run, and what changes.
 * @throws {RangeError} If an option has another value that may not.
 */
export function extended<T extends object>(
  saved: T,
  given: Readonly<Record<string, unknown>>,
  extend: boolean,
): Extended<T> {
  const old = saved as Readonly<Record<string, unknown>>;
  const wanted = { ...given, ...given.epochs !== undefined && given.steps === undefined && { steps: null } };
  const isNew = (name: string) =>
    wanted[name as keyof typeof wanted] !== undefined && name in old &&
    JSON.stringify(wanted[name as keyof typeof wanted]) !== JSON.stringify(old[name]);
  const names = extend ? EXTENDABLE.filter(isNew) : [];
  const rest = Object.fromEntries(Object.entries(given).filter(([name]) => !names.includes(name)));
  const advice = (name: string) => EXTENDABLE.includes(name) && !extend ? "add --extend to go on with it, " : "";
  agreeing(old, rest, advice);
  const values = Object.fromEntries(names.map((name) => [name, wanted[name as keyof typeof wanted]]));
  const changes = names.map((name) => `${flagOf(name)} ${shown(values[name])} instead of ${shown(old[name])}`);
  return { options: { ...saved, ...values }, changes };
}
