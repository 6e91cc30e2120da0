/** @file An account of weights: what was read of a file, what was not, and which of several sets it was. */
import { requireOptions } from "../../tensor/kernel.ts";
import { counted, isAverageName, type StateDictFile } from "../../data/mod.ts";
import type { OfficialEntry } from "./official_layout.ts";
import type { SourceNaming, WeightSource } from "./weight_source.ts";

/** What was read of a file of weights, and what was not. Plain data: logs and results carry it. */
export interface WeightAccount {
  /** The file. */
  readonly file: string;
  /** Its container. */
  readonly container: string;
  /** Name of the model, with `decoder` if everything of pre-training was read. */
  readonly model: string;
  /** Whose names the file has. */
  readonly names: SourceNaming;
  /** What was taken off the names, such as `module.encoder_q.`; empty if nothing was. */
  readonly prefix: string;
  /** Modules that wrapped parts of the network, whose words were taken out of the names. */
  readonly wrappers: readonly string[];
  /** Which set of the file it was, such as `state_dict_ema` or `average`; empty if there is one only. */
  readonly set: string;
  /** All sets that there are; empty if there is one only. */
  readonly sets: readonly string[];
  /** Whether the set is a moving average, by its name. */
  readonly isAverage: boolean;
  /** Tensors that were read. */
  readonly matched: number;
  /** Tensors that the model could have and the file lacks: counts of batches, which decide nothing. */
  readonly missing: readonly string[];
  /** Tensors of the file that were not read: how many, by what their names begin with. */
  readonly unused: Readonly<Record<string, number>>;
  /** Classes of a head in the file; `null` if there is none. */
  readonly headClasses: number | null;
  /** Objects of Python classes in the file that were passed over: how many, by class. */
  readonly passedOver: Readonly<Record<string, number>>;
}

/** Which of the sets of weights in a file was read. */
export type ReadSet = Pick<WeightAccount, "set" | "sets" | "isAverage">;

/** What of a file was read, for its account. */
export interface Matched {
  /** The file. */
  readonly file: StateDictFile;
  /** Where its weights were found. */
  readonly source: WeightSource;
  /** What was looked for. */
  readonly entries: readonly OfficialEntry[];
  /** Name of the model. */
  readonly model: string;
  /** Names of other tensors that were read: of the head, of the optimizer. */
  readonly others?: Iterable<string>;
  /** Classes of the head, if the file has one. */
  readonly headClasses?: number | null;
  /** Wrappers that were taken out of names. */
  readonly wrappers?: readonly string[];
}

/** What the names of unused tensors begin with: their part of this library's trees, or their first word. */
function partOf(name: string): string {
  return /^(?:average\.)?(?:params|state)\.[^.]+|^[^.]+/.exec(name)?.[0] ?? name;
}

const countsOf = (names: Iterable<string>): Readonly<Record<string, number>> =>
  Object.fromEntries([...Map.groupBy(names, partOf)].map(([part, all]) => [part, all.length]));

/**
 * Tells which set of a file was read.
 *
 * @param file The file.
 * @param source Where its weights were found, if they may be several by their names.
 * @returns Set, all sets, and whether it is a moving average.
 */
export function readSetOf(file: StateDictFile, source: Pick<WeightSource, "prefix" | "prefixes"> | null): ReadSet {
  const isAverage = isAverageName(file.set) || source !== null && isAverageName(source.prefix);
  if (source && source.prefixes.length > 1) {
    return { set: setName(source.prefix), sets: source.prefixes.map(setName), isAverage };
  }
  return file.sets.length < 2 ? { set: "", sets: [], isAverage } : { set: file.set, sets: file.sets, isAverage };
}

/**
 * Makes the account of weights that were matched.
 *
 * @param matched File, source, and what was looked for.
 * @returns Plain data.
 */
export function accountOf(matched: Matched): WeightAccount {
  const { file, source, entries, model, others = [], headClasses = null, wrappers = [] } = matched;
  const found = entries.filter(source.has);
  const read = new Set([...found.map(source.keyOf), ...others]);
  // Of several sets in one dictionary the others are sets, not leftovers.
  const isOfOther = (name: string) =>
    source.prefixes.some((prefix) =>
      prefix !== source.prefix &&
      entries.some((entry) => name === prefix + source.keyOf(entry).slice(source.prefix.length))
    );
  const several = source.prefixes.length > 1;
  return {
    file: file.path,
    container: file.container,
    model,
    names: source.naming,
    prefix: source.prefix,
    wrappers,
    ...readSetOf(file, source),
    matched: found.length,
    missing: entries.filter((entry) => entry.tree !== null && !source.has(entry)).map(source.keyOf),
    unused: countsOf(Object.keys(file.tensors).filter((name) => !read.has(name) && !(several && isOfOther(name)))),
    headClasses,
    passedOver: Object.fromEntries(file.passedOver),
  };
}

/** A prefix as the name of a set: what stands before this library's names is the raw weights if it is nothing. */
const setName = (prefix: string): string => prefix === "" ? "raw" : prefix.replace(/\.$/, "");

const list = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts).slice(0, 6).map(([name, count]) => `${name} ${count}`).join(", ") +
  (Object.keys(counts).length > 6 ? ", …" : "");

const total = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);

/**
 * Says which set of a file was read.
 *
 * @param read Of an account.
 * @returns A part of a sentence that begins with a comma; empty where there is one set that is no average.
 */
export function readSetText({ set, sets, isAverage }: ReadSet): string {
  if (set === "") return isAverage ? ", a moving average" : "";
  return `, ${set} of ${counted(sets.length, "set")} (${sets.join(", ")}; --weights names another)`;
}

/**
 * Says an account in two lines.
 *
 * @param account Of weights that were read.
 * @param options `head`: what becomes of a head in the file, such as `kept`.
 * @returns What was read, of which set; what was not.
 */
export function accountLines(account: WeightAccount, options: { readonly head?: string } = {}): readonly string[] {
  requireOptions("accountLines", options, { head: true });
  const { head } = options;
  const { file, container, model, names, prefix, wrappers, set, missing, unused, headClasses, passedOver } = account;
  const off = [...prefix === "" || set === setName(prefix) ? [] : [prefix], ...wrappers.map((word) => `${word}.`)];
  const kind = names === "tessera" ? "this library" : names;
  const chosen = readSetText(account);
  const parts = [
    missing.length > 0 ? `${counted(missing.length, "count")} missing, which decide nothing` : "nothing missing",
    total(unused) > 0 ? `${counted(total(unused), "tensor")} unused: ${list(unused)}` : "none unused",
    headClasses === null
      ? head === undefined ? null : `head ${head}`
      : `head of ${counted(headClasses, "class")}${head === undefined ? "" : ` ${head}`}`,
    total(passedOver) > 0 ? `${counted(total(passedOver), "other object")} passed over: ${list(passedOver)}` : null,
  ];
  return [
    `weights: ${counted(account.matched, "tensor")} of ${model} from ${file} (${container}, names of ${kind}` +
    `${off.length === 0 ? "" : `, ${off.join(" and ")} taken off`})${chosen}`,
    `weights: ${parts.filter((part) => part !== null).join("; ")}`,
  ];
}
