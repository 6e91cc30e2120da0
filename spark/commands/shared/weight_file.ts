/** @file What a file of weights is: whose names, which model, what else it says. */
import type { Model } from "../../../nn/mod.ts";
import { FileTensor, PickleTuple, readStateDict, type StateDictFile } from "../../../data/mod.ts";
import { holdsBackbone } from "../../weights/load_backbone.ts";
import { kindOf } from "../../train/kind_of.ts";
import { isModelFile, loadModel, modelEntry } from "../../train/model_file.ts";
import { MODEL_NAMES, MODELS } from "../../train/model_table.ts";
import { findCheckpoint } from "../../train/run_folder.ts";

/**
 * Reads a file of weights, and makes the model known that it names, where that is a file of its own.
 *
 * @param path The file, or a run folder, of which the newest checkpoint is taken.
 * @param name Value of `--model`, which goes before what the file names.
 * @returns What the file holds.
 * @throws {Error} If it cannot be read, or the file of its model cannot be loaded.
 */
export async function openWeights(path: string, name?: string): Promise<StateDictFile> {
  const file = await readStateDict(weightPath(path));
  const named = name ?? namedIn(file);
  if (named !== undefined && isModelFile(named)) await loadModel(named);
  return file;
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
  return modelEntry(modelNameOf(file, name)).make();
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
  const fitting = Object.values(MODELS).map(({ make }) => make()).find((model) => holdsBackbone(file, model));
  if (fitting) return fitting.name;
  const names = Object.keys(file.tensors);
  throw new RangeError(
    `Cannot tell the model of ${file.path} as it must hold the weights of one of ${known}: current names are ` +
      `${names.slice(0, 3).join(", ")}${names.length > 3 ? ` and ${names.length - 3} more` : ""}; name it with --model`,
  );
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
 * Where the weights lie that `--init` names.
 *
 * @param path A file, or a run folder, of which the newest checkpoint is taken.
 * @returns The file; reading it says what is missing.
 */
export function weightPath(path: string): string {
  return kindOf(path) === "folder" ? findCheckpoint(path).checkpoint : path;
}

/**
 * What a checkpoint of this library says of its run.
 *
 * @param file Of `readStateDict`.
 * @returns Plain data; `null` if it says nothing.
 */
export function configurationOf({ extra }: StateDictFile): unknown {
  const text = extra.get("configuration");
  if (typeof text !== "string") return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Values in a description; more are not worth reading, and a file may say the same thing over and over. */
const MAX_VALUES = 2000;

/**
 * Everything that a file says besides its weights, as plain data to be printed.
 *
 * @param file Of `readStateDict`.
 * @returns Records and lists, tensors named by type and shape; cut off after 2000 values.
 */
export function describedValues({ values, extra }: StateDictFile): Readonly<Record<string, unknown>> {
  const left = { count: MAX_VALUES };
  const plain = (value: unknown): unknown => {
    if (left.count-- <= 0) return "…";
    if (value instanceof FileTensor) return `${value.dtype} [${value.shape.join(", ")}]`;
    if (value instanceof PickleTuple) return value.items.map(plain);
    if (Array.isArray(value)) return value.length > 16 ? `list of ${value.length}` : value.map(plain);
    if (value instanceof Map) {
      return value.size > 32
        ? `dictionary of ${value.size}`
        : record([...value].map(([key, item]) => [String(key), item]));
    }
    if (value instanceof Uint8Array) return `${value.length} bytes`;
    return typeof value === "bigint" ? String(value) : typeof value === "object" && value !== null ? "object" : value;
  };
  const record = (items: readonly (readonly [string, unknown])[]) =>
    Object.fromEntries(items.map(([key, item]) => [key, plain(item)]));
  const texts = [...extra].map(([key, value]) => [key, parsed(value)] as const);
  return {
    ...record([...values]),
    ...Object.fromEntries(texts.map(([key, value]) => [key, value ?? plain(extra.get(key))])),
  };
}

/** JSON in the metadata of safetensors. */
function parsed(value: unknown): unknown {
  if (typeof value !== "string" || !/^[[{]/.test(value)) return undefined;
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}
