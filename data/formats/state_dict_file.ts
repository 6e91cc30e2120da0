/** @file Reads weights whatever the container: safetensors, PyTorch, NumPy, Detectron2's pickles. */
import { type OptionNames, requireOptions } from "../../tensor/errors.ts";
import { hostModule } from "./host_module.ts";
import { readBytes } from "./bytes.ts";
import { fileKindOf, kindText } from "./file_kind.ts";
import { FileTensor } from "./file_tensor.ts";
import { decodeNpz } from "./npy.ts";
import { decodePth, decodeTensorPickle } from "./pickle/pth.ts";
import { decodeSafetensors, type SafetensorsTensor } from "./safetensors.ts";
import { chosenSet, objectsIn, type TensorSet, tensorSets, wholeModelIn } from "./tensor_sets.ts";
import { readZip } from "./zip_reader.ts";

/** Container of a file of weights. */
export type StateDictContainer = "safetensors" | "pth" | "npz" | "pkl";

/** Weights by name, and what the file says besides. */
export interface StateDictFile {
  /** Where it was read. */
  readonly path: string;
  /** Its container, known by its content, never by its name. */
  readonly container: StateDictContainer;
  /** Tensors of the state dict by name, in the order of the file. */
  readonly tensors: Readonly<Record<string, SafetensorsTensor>>;
  /** Other values inside the state dict, by name, such as SparK's `config`. */
  readonly values: ReadonlyMap<string, unknown>;
  /** Everything beside the state dict: epoch, optimizer, metadata of safetensors (as texts). */
  readonly extra: ReadonlyMap<string, unknown>;
  /** Where the state dict lies in the file, such as `state_dict_ema`; empty if the file is one. */
  readonly set: string;
  /** All state dicts of comparable size, that one too, in the order of the file. */
  readonly sets: readonly string[];
  /** The set that was asked for, or that the file stands for, if none of these: to be found by the names of the tensors. */
  readonly asked?: string;
  /** Objects of Python classes that were passed over, by class. */
  readonly passedOver: ReadonlyMap<string, number>;
}

/** Options of `readStateDict`. */
export interface StateDictOptions {
  /**
   * Which of several sets of weights is taken: keys that lead to it, such as `state_dict_ema` or `student`; `average` or
   * `raw`. The largest if not given; of those that have at least half as many tensors as the largest, one whose name says
   * that it is a moving average, unless the file says which (`SET_METADATA`).
   */
  readonly weights?: string;
}

/** Key of safetensors' metadata by which a file says itself which of its sets it stands for: `average` or `raw`. */
export const SET_METADATA = "tessera.set";

/** Names of StateDictOptions. */
export const STATE_DICT_OPTIONS: OptionNames<StateDictOptions> = { weights: true };

/**
 * Decodes a file of weights: the largest group of tensors in it.
 *
 * @param bytes The whole file.
 * @param path What errors call it.
 * @param options Which of several sets.
 * @returns The weights, and everything beside them.
 * @throws {RangeError} If it is none of the known containers, is damaged, or holds no dictionary of tensors, naming path,
 * reason and the true kind.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { decodeStateDict, encodePth, FileTensor } from "@tessera/tessera/data";
 *
 * const state = new Map([["w", new FileTensor("F32", [1], Float32Array.of(2))]]);
 * const file = decodeStateDict(encodePth(new Map<string, unknown>([["net", state], ["epoch", 3]])), "a.pth");
 * deepStrictEqual([Object.keys(file.tensors), file.set, file.extra.get("epoch")], [["w"], "net", 3]);
 * ```
 */
export function decodeStateDict(bytes: Uint8Array, path: string, options: StateDictOptions = {}): StateDictFile {
  requireOptions("decodeStateDict", options, STATE_DICT_OPTIONS);
  const { weights } = options;
  const container = containerOf(bytes, path);
  const flat = { path, container, values: new Map(), set: "", sets: [""], passedOver: new Map() };
  const askedOf = (asked: string | undefined) => asked === undefined ? {} : { asked };
  if (container === "safetensors") {
    const { tensors, metadata } = decodeSafetensors(bytes, path);
    const asked = askedOf(weights ?? metadata[SET_METADATA]);
    return { ...flat, ...asked, tensors, extra: new Map(Object.entries(metadata)) };
  }
  if (container === "npz") return { ...flat, ...askedOf(weights), tensors: decodeNpz(bytes, path), extra: new Map() };
  const value = container === "pkl" ? decodeTensorPickle(bytes, path) : decodePth(bytes, path);
  return { path, container, ...unwrap(value, path, weights) };
}

/**
 * Reads a file of weights; of an index of shards (`….index.json`), all of them.
 *
 * @param path The file.
 * @param options As of `decodeStateDict`.
 * @returns As `decodeStateDict`.
 * @throws {RangeError} As `decodeStateDict`.
 * @throws {Error} If it cannot be read.
 *
 * @example Usage
 * ```ts
 * import { rejects } from "node:assert/strict";
 * import { readStateDict } from "@tessera/tessera/data";
 *
 * await rejects(readStateDict("missing.pth"), /Cannot read missing.pth/);
 * ```
 */
export async function readStateDict(path: string, options: StateDictOptions = {}): Promise<StateDictFile> {
  requireOptions("readStateDict", options, STATE_DICT_OPTIONS);
  const bytes = await readBytes(path);
  const names = shardsOf(bytes, path);
  if (names === null) return decodeStateDict(bytes, path, options);
  const { dirname, join } = hostModule("path");
  const shards: StateDictFile[] = [];
  for (const name of names) {
    const shard = join(dirname(path), name);
    shards.push(decodeStateDict(await readBytes(shard), shard, options));
  }
  const [first] = shards;
  if (!first) return refuse(path, "an index must name its shards", "number of shards is 0");
  return { ...first, path, tensors: Object.assign({}, ...shards.map(({ tensors }) => tensors)) };
}

function refuse(path: string, requirement: string, current: string): never {
  throw new RangeError(`Cannot read ${path} as weights as ${requirement}: current ${current}`);
}

/** Files that an index names, each once; `null` if the bytes are no index. */
function shardsOf(bytes: Uint8Array, path: string): readonly string[] | null {
  const kind = fileKindOf(bytes)?.id;
  if (kind !== "weight-index" && !(kind === "json" && path.endsWith(".index.json"))) return null;
  const index = jsonOf(bytes, path);
  const map = (index as { readonly weight_map?: unknown } | null)?.weight_map;
  const names = typeof map === "object" && map !== null ? [...new Set<unknown>(Object.values(map))] : [null];
  // An index names files beside it, and no others.
  const isName = (name: unknown): name is string => typeof name === "string" && /^[^/\\]+$/.test(name) && name !== "..";
  return names.every(isName)
    ? names
    : refuse(path, "an index must name files beside it in weight_map", "weight_map is another");
}

function jsonOf(bytes: Uint8Array, path: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    return refuse(path, "an index must be JSON", `error is ${(error as Error).message}`);
  }
}

const CONTAINERS: Readonly<Record<string, StateDictContainer>> = {
  npz: "npz",
  pth: "pth",
  "torch-tar": "pth",
  pickle: "pkl",
  safetensors: "safetensors",
};

/** Known by the content. A zip archive that starts with neither PyTorch's nor NumPy's names may still be theirs. */
function containerOf(bytes: Uint8Array, path: string): StateDictContainer {
  const kind = fileKindOf(bytes)?.id;
  if (kind !== undefined && Object.hasOwn(CONTAINERS, kind)) return CONTAINERS[kind]!;
  if (kind === "zip") {
    const names = [...readZip(bytes, { file: path }).keys()];
    if (names.some((name) => /(^|\/)data\.pkl$/.test(name))) return "pth";
    if (names.length > 0 && names.every((name) => name.endsWith(".npy"))) return "npz";
  }
  if (kind === undefined && path.endsWith(".safetensors")) return "safetensors"; // whose reader says what is damaged
  throw new RangeError(
    `Cannot read ${path} as weights as it must be safetensors, PyTorch's .pth, .npz or a pickle of arrays: ` +
      kindText(bytes),
  );
}

type Unwrapped = Omit<StateDictFile, "path" | "container">;

function unwrap(value: unknown, path: string, asked: string | undefined): Unwrapped {
  const found = tensorSets(value);
  if (found.length === 0) return refuseWithout(value, path);
  // The largest first: it is taken where no name says more.
  const sets = found.toSorted((a, b) => b.size - a.size);
  const chosen = chosenSet(sets.map(({ name }) => name), asked);
  const set = sets[Math.max(0, chosen)]!;
  return {
    ...split(set.items),
    extra: besides(value, set),
    set: set.name,
    sets: found.map(({ name }) => name),
    // A set of one may hold several by the names of its tensors.
    ...(asked !== undefined && (chosen < 0 || sets.length === 1 && asked !== set.name) ? { asked } : {}),
    passedOver: objectsIn(value),
  };
}

function refuseWithout(value: unknown, path: string): never {
  const model = wholeModelIn(value);
  if (model) {
    const place = model.keys.map((key) => `[${JSON.stringify(key)}]`).join("");
    throw new RangeError(
      `Cannot read ${path} as weights as it must hold a dictionary of tensors: current file holds a whole model with ` +
        `its class, ${model.name}; in Python: torch.save(torch.load(${JSON.stringify(path)})${place}.state_dict(), ` +
        `"weights.pth")`,
    );
  }
  const isOptimizer = value instanceof Map && value.has("state") && value.has("param_groups");
  const listed = value instanceof Map ? [...value.keys()].slice(0, 8).map(String).join(", ") || "none" : null;
  const keys = `keys are ${listed}${isOptimizer ? ", the state of an optimizer alone" : ""}`;
  refuse(path, "it must hold a dictionary of tensors", listed === null ? "value is something else" : keys);
}

/** What stands beside a set, and beside the dictionaries that it lies in; the outer one counts where names are equal. */
function besides(value: unknown, { keys }: TensorSet): ReadonlyMap<string, unknown> {
  const extra = new Map<string, unknown>();
  let part = value;
  for (const step of keys) {
    for (const [key, item] of part instanceof Map ? part : []) {
      if (String(key) !== step && !extra.has(String(key))) extra.set(String(key), item);
    }
    part = Array.isArray(part) ? part[Number(step)] : part instanceof Map ? part.get(step) : null;
  }
  return extra;
}

function split(state: ReadonlyMap<unknown, unknown>): Pick<StateDictFile, "tensors" | "values"> {
  const items = [...state].map(([key, item]) => [String(key), item] as const);
  const tensors = items.filter((pair): pair is [string, FileTensor] => pair[1] instanceof FileTensor);
  return {
    tensors: Object.fromEntries(tensors),
    values: new Map(items.filter(([, item]) => !(item instanceof FileTensor))),
  };
}
