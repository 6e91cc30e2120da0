/** @file What a file of weights is: whose names, which model, what else it says. */
import { random } from "../../../tensor/mod.ts";
import type { Model } from "../../../nn/mod.ts";
import { PickleTuple, readStateDict, type StateDictFile } from "../../../data/mod.ts";
import { type Backbone, backboneOf, holdsBackbone } from "../../weights/load_backbone.ts";
import { backboneEntries } from "../../weights/official_names.ts";
import { kindOf } from "../../train/kind_of.ts";
import { isModelFile, loadModel, makeModel, modelEntry } from "../../train/model_file.ts";
import { MODEL_NAMES, MODELS } from "../../train/model_table.ts";
import { weightPath } from "./weight_path.ts";

/** What names a file of weights. */
export interface WeightChoice {
  /** The option that names it, for errors: `--init`. */
  readonly option: string;
  /** Value of `--model`, which goes before what the file names. */
  readonly model?: string | undefined;
  /** Value of `--weights`: which of several sets. */
  readonly weights?: string | null | undefined;
  /** Told what a folder means; printed if not given. */
  readonly tell?: (line: string) => void;
}

/**
 * Reads a file of weights, and makes the model known that it names, where that is a file of its own.
 *
 * @param path The file, or a folder, as of `weightPath`.
 * @param choice Option, model, set.
 * @returns What the file holds.
 * @throws {Error} If it cannot be read, naming option, file and true kind, or the file of its model cannot be loaded.
 */
export async function openWeights(
  path: string,
  { option, model, weights, tell }: WeightChoice,
): Promise<StateDictFile> {
  const file = await readStateDict(weightPath(path, option, tell, weights), weights ? { weights } : {}).catch(
    (error: Error) => {
      throw Object.assign(error, { message: `${error.message} (${option})` });
    },
  );
  const named = model ?? namedIn(file);
  if (named !== undefined && isModelFile(named)) await loadModel(named);
  return file;
}

/**
 * Takes the weights of a model from a file, as `backboneOf`.
 *
 * @param file Of `openWeights`.
 * @param model The model.
 * @returns The network.
 * @throws {RangeError} If the file holds another model, naming both; else as `backboneOf`.
 */
export function networkOf(file: StateDictFile, model: Model): Backbone {
  try {
    return backboneOf(file, model);
  } catch (error) {
    throw error instanceof RangeError ? otherModel(file, model.name, error) : error;
  }
}

/** The error of a file that holds another model than the one that is asked for; any other error as it is. */
export function otherModel(file: StateDictFile, wanted: string, error: RangeError): RangeError {
  const named = nameIn(file);
  const made = Object.values(MODELS).map(({ make }) => make());
  const holds = named !== undefined && named !== wanted
    ? named
    : made.find((model) => model.name !== wanted && holdsBackbone(file, model))?.name;
  if (holds === undefined) return error;
  return new RangeError(
    `Cannot load ${file.path} into ${wanted} as it must hold that model: current file holds ${holds}; leave --model out, ` +
      "or name another file",
    { cause: error },
  );
}

/**
 * The classes that a file of weights names, in the order of its head: as this library writes them, or as scripts of
 * PyTorch do, `classes`, `CLASSES`, `class_names` or `class_to_idx` beside the weights or in their `meta`.
 *
 * @param file Of `openWeights`.
 * @returns Names; `null` if it names none.
 */
export function classesOf(file: StateDictFile): readonly string[] | null {
  const configuration = (configurationOf(file) ?? {}) as { readonly classes?: unknown };
  const beside = besideOf(file.path) as { readonly classes?: unknown } | null;
  const listed = [
    configuration.classes,
    parsed(file.extra.get("classes")),
    ...foreignClasses(file.extra),
    beside?.classes,
  ];
  return listed.map(namesIn).find((names) => names !== null) ?? null;
}

function foreignClasses(extra: ReadonlyMap<string, unknown>): readonly unknown[] {
  const meta = extra.get("meta");
  return [extra, meta instanceof Map ? meta as ReadonlyMap<string, unknown> : new Map<string, unknown>()]
    .flatMap((part) => ["classes", "CLASSES", "class_names", "class_to_idx"].map((key) => part.get(key)));
}

/** Names of classes by number: a list, a tuple, or a dictionary of numbers. */
function namesIn(value: unknown): readonly string[] | null {
  const ordered = value instanceof Map
    ? [...value].toSorted(([, a], [, b]) => Number(a) - Number(b)).map(([name, number], i) =>
      number === i ? name : null
    )
    : value instanceof PickleTuple
    ? value.items
    : value;
  const isList = Array.isArray(ordered) && ordered.length > 0 && ordered.every((name) => typeof name === "string");
  return isList ? ordered : null;
}

/** What `convert` writes beside a file whose container has no place for it. */
function besideOf(path: string): unknown {
  const beside = `${path.replace(/\.[^./]*$/, "")}.json`;
  try {
    return beside === path || kindOf(beside) !== "file" ? null : JSON.parse(Deno.readTextFileSync(beside));
  } catch {
    return null; // a file of another purpose
  }
}

function parsed(text: unknown): unknown {
  try {
    return typeof text === "string" ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Finds the model whose weights a file holds: the one that `--model` or the file names, else the one that fits.
 *
 * @param file Of `openWeights`.
 * @param name Value of `--model`.
 * @returns The model.
 * @throws {RangeError} If no model fits.
 */
export function modelOf(file: StateDictFile, name?: string): Model {
  const known = modelNameOf(file, name);
  return makeModel(known, channelsIn(file, known));
}

/**
 * Channels of the images that the network of a file takes.
 *
 * @param file Of `openWeights`.
 * @param name Name of its model.
 * @returns What it was trained with, as the file says or the shape of its first convolution; `null`: those of the model.
 */
export function channelsIn(file: StateDictFile, name: string): number | null {
  const { options } = (configurationOf(file) ?? {}) as { readonly options?: { readonly inChannels?: unknown } };
  if (options) return typeof options.inChannels === "number" ? options.inChannels : null;
  const { make } = modelEntry(name);
  if (holdsBackbone(file, make())) return null;
  return stemChannels(file).find((inChannels) => holdsBackbone(file, make({ inChannels }))) ?? null;
}

/** What the first convolution of a file may take: input channels of its convolutions, the fewest first. */
function stemChannels({ tensors }: StateDictFile): readonly number[] {
  const found = Object.entries(tensors).flatMap(([name, { shape }]) =>
    shape.length === 4 ? [shape[/(?:^|\.)params\./.test(name) ? 2 : 1]!] : []
  );
  return [...new Set(found)].filter((count) => count > 0 && count !== 3).toSorted((a, b) => a - b).slice(0, 8);
}

/**
 * As `modelOf`, the name by which `modelEntry` knows the model.
 *
 * @param file Of `openWeights`.
 * @param name Value of `--model`.
 * @returns The name.
 * @throws {RangeError} If no model fits.
 */
export function modelNameOf(file: StateDictFile, name?: string): string {
  const known = MODEL_NAMES.join(", ");
  const named = name ?? nameIn(file);
  if (named !== undefined) return named;
  const fitting = [undefined, ...stemChannels(file)].flatMap((inChannels) =>
    Object.values(MODELS).map(({ make }) => make(inChannels === undefined ? {} : { inChannels }))
  ).find((model) => holdsBackbone(file, model));
  if (fitting) return fitting.name;
  const names = Object.keys(file.tensors);
  const nearest = nearestModel(file);
  if (nearest) return nearest.name;
  throw new RangeError(
    `Cannot tell the model of ${file.path} as it must hold the weights of one of ${known}: current names are ` +
      `${names.slice(0, 3).join(", ")}${names.length > 3 ? ` and ${names.length - 3} more` : ""}; name it with --model`,
  );
}

/** Share of a model's weights by which a file is taken for a changed one of it: what differs is then said. */
const NEAR = 0.9;

/** The model most of whose weights the file has by name, whatever stands before; undefined if that is none. */
function nearestModel({ tensors }: StateDictFile): Model | undefined {
  const ends = new Set(
    Object.keys(tensors).flatMap((name) => {
      const words = name.split(".");
      return words.map((_, i) => words.slice(i).join("."));
    }),
  );
  const rated = Object.values(MODELS).map(({ make }) => {
    const model = make();
    const keys = backboneEntries(model.init(random.key(0))).map(({ key }) => key);
    const found = keys.filter((key) => ends.has(key)).length;
    return { model, share: found / Math.max(keys.length, Object.keys(tensors).length) };
  });
  const best = rated.reduce((most, each) => each.share > most.share ? each : most);
  return best.share >= NEAR ? best.model : undefined;
}

/** The model that the file names, if it is known here. */
function nameIn(file: StateDictFile): string | undefined {
  const name = namedIn(file);
  return name !== undefined && (Object.hasOwn(MODELS, name) || isModelFile(name)) ? name : undefined;
}

/** Whatever the file calls its model. */
function namedIn(file: StateDictFile): string | undefined {
  const { options } = (configurationOf(file) ?? {}) as { readonly options?: { readonly model?: unknown } };
  const name = options?.model ?? file.extra.get("arch");
  return typeof name === "string" ? name : undefined;
}

/**
 * What a checkpoint of this library says of its run.
 *
 * @param file Of `readStateDict`.
 * @returns Plain data; `null` if it says nothing.
 */
export function configurationOf({ extra }: StateDictFile): unknown {
  return parsed(extra.get("configuration")) ?? null;
}
