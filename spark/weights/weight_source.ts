/** @file Finds the weights of a model in a file, whatever its names and layout. */
import { numbersOf, type SafetensorsTensor, type StateDictFile } from "../../data/mod.ts";
import { toOfficial } from "./official_layout.ts";
import type { OfficialEntry } from "./official_layout.ts";
import { renamedShape, renameWeight, WEIGHT_NAMINGS, type WeightNaming } from "./weight_names.ts";

/** What a file calls its weights: as another library, or by their way in the trees of this one. */
export type SourceNaming = WeightNaming | "tessera";

/** One way in which a file may name weights. */
interface Convention {
  readonly naming: SourceNaming;
  readonly prefix: string;
  /** Name of an entry in the file. */
  readonly keyOf: (entry: OfficialEntry) => string;
}

/** The weights of a file, matched with entries. */
export interface WeightSource {
  /** Where they were read. */
  readonly path: string;
  /** What the file calls them. */
  readonly naming: SourceNaming;
  /** What stands before their names, such as `sparse_encoder.sp_cnn.`. */
  readonly prefix: string;
  /** Name of an entry in the file. */
  keyOf(entry: OfficialEntry): string;
  /** Whether the file has the entry. */
  has(entry: OfficialEntry): boolean;
  /** Numbers of an entry in official order. */
  read(entry: OfficialEntry): ArrayLike<number>;
}

/** What training scripts and libraries put before the names of an encoder. */
const PREFIXES = [
  "",
  "module.",
  "sparse_encoder.sp_cnn.",
  "module.sparse_encoder.sp_cnn.",
  "backbone.",
  "encoder.",
  "model.",
];

function conventions(own: readonly string[]): readonly Convention[] {
  const foreign = WEIGHT_NAMINGS.flatMap((naming) =>
    PREFIXES.map((prefix) => ({
      naming,
      prefix,
      keyOf: ({ key }: OfficialEntry) => prefix + renameWeight(key, naming),
    }))
  );
  const ours = own.map((prefix) => ({
    naming: "tessera" as const,
    prefix,
    keyOf: ({ tree, path }: OfficialEntry) => [tree, ...(prefix === "" ? [] : [prefix]), ...path].join("."),
  }));
  return [...foreign, ...ours];
}

/** A count of batches decides nothing; files from before PyTorch 0.4.1 and converted ones lack it. */
const isOptional = ({ dtype, tree }: OfficialEntry): boolean => dtype === "int64" || tree === null;

/**
 * Matches a file with the entries of a model.
 *
 * @param file Weights by name.
 * @param entries Of `backboneEntries` (any naming) or of `officialEntries`.
 * @param options `model`: its name, for errors; `own`: where the entries' paths start in files of this library, such
 * as `encoder`.
 * @returns The source.
 * @throws {RangeError} If a weight is missing or has another shape, naming file and weight.
 */
export function matchWeights(
  file: StateDictFile,
  entries: readonly OfficialEntry[],
  { model, own }: { readonly model: string; readonly own: readonly string[] },
): WeightSource {
  const needed = entries.filter((entry) => !isOptional(entry));
  const scored = conventions(own).map((convention) => ({
    convention,
    missing: needed.filter((entry) => !Object.hasOwn(file.tensors, convention.keyOf(entry))),
  }));
  const { convention, missing } = scored.reduce((best, next) =>
    next.missing.length < best.missing.length ? next : best
  );
  if (missing.length > 0) {
    throw new RangeError(
      `Cannot load ${file.path} into ${model} as it must have ${convention.keyOf(missing[0]!)}` +
        `${missing.length > 1 ? ` and ${missing.length - 1} more` : ""}: current names are ${someNames(file)}`,
    );
  }
  const source = sourceOf(file, convention);
  for (const entry of entries) if (source.has(entry)) checkShape(file, entry, { convention, model });
  return source;
}

function someNames({ tensors }: StateDictFile): string {
  const names = Object.keys(tensors);
  return `${names.slice(0, 3).join(", ")}${names.length > 3 ? ` and ${names.length - 3} more` : ""}` || "none";
}

function shapeIn({ naming }: Convention, entry: OfficialEntry): readonly number[] {
  return naming === "tessera" ? entry.ownShape : renamedShape(entry.key, entry.shape, naming);
}

function checkShape(
  file: StateDictFile,
  entry: OfficialEntry,
  { convention, model }: { readonly convention: Convention; readonly model: string },
): void {
  const key = convention.keyOf(entry);
  const { shape } = file.tensors[key]!;
  const wanted = shapeIn(convention, entry);
  if (shape.length === wanted.length && shape.every((axis, i) => axis === wanted[i])) return;
  throw new RangeError(
    `Cannot load ${file.path} into ${model} as ${key} must have shape [${wanted.join(", ")}]: current shape is ` +
      `[${shape.join(", ")}]`,
  );
}

function sourceOf(file: StateDictFile, { naming, prefix, keyOf }: Convention): WeightSource {
  const tensorOf = (entry: OfficialEntry): SafetensorsTensor | undefined => {
    const key = keyOf(entry);
    return Object.hasOwn(file.tensors, key) ? file.tensors[key] : undefined;
  };
  return {
    path: file.path,
    naming,
    prefix,
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
