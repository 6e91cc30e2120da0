/** @file Reads weights whatever the container: safetensors, PyTorch, NumPy, Detectron2's pickles. */
import { FileTensor } from "./file_tensor.ts";
import { decodeNumpyPickle } from "./pickle/numpy_pickle.ts";
import { decodeNpz } from "./npy.ts";
import { decodePth, isLegacyPth } from "./pickle/pth.ts";
import { readBytes } from "./bytes.ts";
import { decodeSafetensors, type SafetensorsTensor } from "./safetensors.ts";

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
}

/** Where training scripts put the state dict, the likeliest first. */
const PLACES = ["module", "state_dict", "model", "model_state", "state", "net"];

/**
 * Decodes a file of weights.
 *
 * @param bytes The whole file.
 * @param path What errors call it.
 * @returns Weights, found at the root or under `module`, `state_dict`, `model`, `state` or `net`.
 * @throws {RangeError} If it is none of the known containers, is damaged, or holds no state dict, naming path and reason.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { decodeStateDict, encodePth, FileTensor } from "@tessera/tessera/data";
 *
 * const state = new Map([["w", new FileTensor("F32", [1], Float32Array.of(2))]]);
 * const file = decodeStateDict(encodePth(new Map<string, unknown>([["module", state], ["epoch", 3]])), "a.pth");
 * deepStrictEqual([Object.keys(file.tensors), file.extra.get("epoch")], [["w"], 3]);
 * ```
 */
export function decodeStateDict(bytes: Uint8Array, path: string): StateDictFile {
  const container = containerOf(bytes);
  if (container === "safetensors") {
    const { tensors, metadata } = decodeSafetensors(bytes, path);
    return { path, container, tensors, values: new Map(), extra: new Map(Object.entries(metadata)) };
  }
  if (container === "npz") {
    return { path, container, tensors: decodeNpz(bytes, path), values: new Map(), extra: new Map() };
  }
  const value = container === "pkl" ? decodeNumpyPickle(bytes, path) : decodePth(bytes, path);
  return { path, container, ...unwrap(value, path) };
}

/**
 * Reads a file of weights.
 *
 * @param path The file.
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
export async function readStateDict(path: string): Promise<StateDictFile> {
  return decodeStateDict(await readBytes(path), path);
}

/** Known by the first bytes. In a zip archive the first file tells: `….npy`, or what PyTorch puts there. */
function containerOf(bytes: Uint8Array): StateDictContainer {
  if (bytes[0] === 0x50 && bytes[1] === 0x4b) {
    const nameBytes = bytes.length > 30 ? bytes[26]! + 256 * bytes[27]! : 0;
    return new TextDecoder().decode(bytes.subarray(30, 30 + nameBytes)).endsWith(".npy") ? "npz" : "pth";
  }
  if (isLegacyPth(bytes)) return "pth";
  if (bytes[0] === 0x80 && bytes[1]! <= 5 && bytes[8] !== 0x7b) return "pkl";
  return new TextDecoder().decode(bytes.subarray(257, 262)) === "ustar" ? "pth" : "safetensors";
}

function unwrap(value: unknown, path: string): Pick<StateDictFile, "tensors" | "values" | "extra"> {
  const refuse = (current: string): never => {
    throw new RangeError(`Cannot read ${path} as weights as it must hold a dictionary of tensors: current ${current}`);
  };
  if (!(value instanceof Map)) return refuse("value is something else");
  if (holdsTensors(value)) return { ...split(value), extra: new Map() };
  const place = PLACES.find((name) => holdsTensors(value.get(name)));
  if (place === undefined) return refuse(`keys are ${[...value.keys()].slice(0, 8).map(String).join(", ") || "none"}`);
  const extra = new Map([...value].filter(([key]) => key !== place).map(([key, item]) => [String(key), item]));
  return { ...split(value.get(place)), extra };
}

const holdsTensors = (value: unknown): value is Map<unknown, unknown> =>
  value instanceof Map && [...value.values()].some((item) => item instanceof FileTensor);

function split(state: ReadonlyMap<unknown, unknown>): Pick<StateDictFile, "tensors" | "values"> {
  const items = [...state].map(([key, item]) => [String(key), item] as const);
  const tensors = items.filter((pair): pair is [string, FileTensor] => pair[1] instanceof FileTensor);
  return {
    tensors: Object.fromEntries(tensors),
    values: new Map(items.filter(([, item]) => !(item instanceof FileTensor))),
  };
}
