/** @file Finds the weights of a model in a file, whatever its names and layout. */
import { chosenSet, numbersOf, type SafetensorsTensor, type StateDictFile } from "../../data/mod.ts";
import { toOfficial } from "./official_layout.ts";
import type { OfficialEntry } from "./official_layout.ts";
import { missingAdvice } from "./missing_advice.ts";
import { READ_NAMINGS, type ReadNaming, renamedShape, renameWeight } from "./weight_names.ts";

/** What a file calls its weights: as another library, or by their way in the trees of this one. */
export type SourceNaming = ReadNaming | "tessera";

/** Whose names, and where the entries' paths start in files of this library. */
interface Convention {
  readonly naming: SourceNaming;
  /** Name of an entry in a file that puts nothing before it. */
  readonly nameOf: (entry: OfficialEntry) => string;
}

/** A convention, and what the file puts before its names. */
interface Place extends Convention {
  readonly prefix: string;
}

/** The weights of a file, matched with entries. */
export interface WeightSource {
  /** Where they were read. */
  readonly path: string;
  /** What the file calls them. */
  readonly naming: SourceNaming;
  /** What stands before their names, such as `sparse_encoder.sp_cnn.` or `module.encoder_q.`. */
  readonly prefix: string;
  /** Prefixes of all sets of these weights in the file, that one too, in the order of the file. */
  readonly prefixes: readonly string[];
  /** Name of an entry in the file. */
  keyOf(entry: OfficialEntry): string;
  /** Whether the file has the entry. */
  has(entry: OfficialEntry): boolean;
  /** Numbers of an entry in official order. */
  read(entry: OfficialEntry): ArrayLike<number>;
}

/** A name without what transformers put before the body of a network, which a file of the body alone lacks. */
export const bareName = (name: string): string => name.replace(/^(?:resnet|convnext)\./, "");

/** Conventions in the order in which they are preferred where several fit. */
function conventions(own: readonly string[]): readonly Convention[] {
  const foreign = READ_NAMINGS.map((naming) => ({
    naming,
    nameOf: ({ key }: OfficialEntry) => bareName(renameWeight(key, naming)),
  }));
  const ours = own.map((root) => ({
    naming: "tessera" as const,
    nameOf: ({ tree, path }: OfficialEntry) => [tree, ...(root === "" ? [] : [root]), ...path].join("."),
  }));
  return [...ours, ...foreign]; // ours first: its names of a ConvNeXt's head end like official ones
}

/** A count of batches decides nothing; files from before PyTorch 0.4.1 and converted ones lack it. */
const isOptional = ({ dtype, tree }: OfficialEntry): boolean => dtype === "int64" || tree === null;

/** Counts, by what stands before them, how many of some names the names of a file end with. */
function prefixCounts(names: readonly string[], wanted: ReadonlySet<string>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) {
    for (let at = 0; at >= 0; at = name.indexOf(".", at) + 1 || -1) {
      if (!wanted.has(name.slice(at))) continue;
      const prefix = name.slice(0, at);
      counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
    }
  }
  return counts;
}

/** All places in a file that have some of the entries, the most complete first; of equals the first. */
function placesOf(
  file: StateDictFile,
  needed: readonly OfficialEntry[],
  own: readonly string[],
): readonly (Place & { readonly found: number })[] {
  const names = Object.keys(file.tensors);
  const places = conventions(own).flatMap((convention) => {
    const counts = prefixCounts(names, new Set(needed.map(convention.nameOf)));
    return [...counts].map(([prefix, found]) => ({ ...convention, prefix, found }));
  });
  return places.toSorted((a, b) => b.found - a.found);
}

/**
 * Matches a file with the entries of a model.
 *
 * @param file Weights by name.
 * @param entries Of `backboneEntries` (any naming) or of `officialEntries`.
 * @param options `model`: its name, for errors; `own`: where the entries' paths start in files of this library, such
 * as `encoder`.
 * @returns The source. Where the file has several complete sets under different prefixes, the one that the file was asked
 * for; else a moving average, by its name; else the first.
 * @throws {RangeError} If a weight is missing or has another shape, or there is no set of that name, naming file and
 * weight.
 */
export function matchWeights(
  file: StateDictFile,
  entries: readonly OfficialEntry[],
  { model, own }: { readonly model: string; readonly own: readonly string[] },
): WeightSource {
  const needed = entries.filter((entry) => !isOptional(entry));
  const places = placesOf(file, needed, own);
  const [best] = places;
  if (!best || best.found < needed.length) {
    // Numbers are names of whatever stands in a list: a few that fit tell nothing.
    const likely = places.find(({ naming, found }) => naming !== "sequential" || 2 * found >= needed.length);
    throw missingWeights(file, needed, likely, model);
  }
  const sets = places.filter(({ naming, found }) => naming === best.naming && found === needed.length);
  const prefixes = sets.map(({ prefix }) => prefix);
  const chosen = chosenSet(prefixes, file.asked);
  if (chosen < 0) throw noSuchSet(file, prefixes);
  const place = sets[chosen]!;
  const source = sourceOf(file, place, prefixes);
  for (const entry of entries) if (source.has(entry)) checkShape(file, entry, { place, model });
  return source;
}

function missingWeights(
  file: StateDictFile,
  needed: readonly OfficialEntry[],
  best: Place | undefined,
  model: string,
): RangeError {
  const nameOf = (entry: OfficialEntry) => best ? best.prefix + best.nameOf(entry) : entry.key;
  const missing = needed.map(nameOf).filter((name) => !Object.hasOwn(file.tensors, name));
  const more = missing.length > 1 ? ` and ${missing.length - 1} more` : "";
  return new RangeError(
    `Cannot load ${file.path} into ${model} as it must have ${missing[0]}${more}: current names are ` +
      `${someNames(file)}${missingAdvice(file.path, missing[0]!, Object.keys(file.tensors))}`,
  );
}

/** The error of a set that was asked for and is none of those of a file. */
export function noSuchSet({ path, sets, asked }: StateDictFile, prefixes: readonly string[]): RangeError {
  const told = [...sets, ...prefixes].filter((name) => name !== "").map((name) => name.replace(/\.$/, ""));
  const named = told.length > 0 && prefixes.includes("") ? [...told, "raw"] : told;
  const found = named.length === 0
    ? "set is the only one, the raw weights"
    : `sets are ${[...new Set(named)].join(", ")}`;
  return new RangeError(
    `Cannot take the weights of ${path} as --weights must name one of its sets: current value is ${asked}, ${found}`,
  );
}

/**
 * A file with other tensors, of which nothing was asked.
 *
 * @param file Of `readStateDict`.
 * @param tensors What it holds.
 * @returns The file.
 */
export function withTensors({ asked: _, ...file }: StateDictFile, tensors: StateDictFile["tensors"]): StateDictFile {
  return { ...file, tensors };
}

function someNames({ tensors }: StateDictFile): string {
  const names = Object.keys(tensors);
  return `${names.slice(0, 3).join(", ")}${names.length > 3 ? ` and ${names.length - 3} more` : ""}` || "none";
}

function shapeIn({ naming }: Place, entry: OfficialEntry): readonly number[] {
  return naming === "tessera" ? entry.ownShape : renamedShape(entry.key, entry.shape, naming);
}

function checkShape(
  file: StateDictFile,
  entry: OfficialEntry,
  { place, model }: { readonly place: Place; readonly model: string },
): void {
  const key = place.prefix + place.nameOf(entry);
  const { shape } = file.tensors[key]!;
  const wanted = shapeIn(place, entry);
  if (shape.length === wanted.length && shape.every((axis, i) => axis === wanted[i])) return;
  throw new RangeError(
    `Cannot load ${file.path} into ${model} as ${key} must have shape [${wanted.join(", ")}]: current shape is ` +
      `[${shape.join(", ")}]${shape.join() === "0" ? ZERO : ""}`,
  );
}

/** What DeepSpeed leaves where other ranks have the values. */
const ZERO = ", which DeepSpeed's ZeRO 3 leaves in place of shards; run zero_to_fp32.py, which it put beside the file";

function sourceOf(
  file: StateDictFile,
  { naming, prefix, nameOf }: Place,
  prefixes: readonly string[],
): WeightSource {
  const keyOf = (entry: OfficialEntry) => prefix + nameOf(entry);
  const tensorOf = (entry: OfficialEntry): SafetensorsTensor | undefined => {
    const key = keyOf(entry);
    return Object.hasOwn(file.tensors, key) ? file.tensors[key] : undefined;
  };
  return {
    path: file.path,
    naming,
    prefix,
    prefixes,
    keyOf,
    has: (entry) => tensorOf(entry) !== undefined,
    read(entry) {
      const found = tensorOf(entry);
      if (!found) return new Float64Array(entry.shape.reduce((size, axis) => size * axis, 1));
      const numbers = numbersOf(found);
      requireFinite(file.path, keyOf(entry), numbers);
      return naming === "tessera" ? toOfficial(entry, numbers) : numbers;
    },
  };
}

function requireFinite(path: string, key: string, numbers: ArrayLike<number>): void {
  for (let i = 0; i < numbers.length; i++) {
    if (Number.isFinite(numbers[i])) continue;
    throw new RangeError(
      `Cannot load ${path} as every value must be finite: current value of ${key} at ${i} is ${numbers[i]}`,
    );
  }
}
