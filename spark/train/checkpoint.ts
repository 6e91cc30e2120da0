/** @file A training state as one safetensors file: parameters, running statistics, moments, step, key. */
import { type Tensor, type Tree, treeFlatten, treeUnflatten, type TypedArray } from "../../tensor/mod.ts";
import { leaf, requireOptions, sameShape } from "../../tensor/kernel.ts";
import { type Moments, namesOf, type OptimizerState } from "../../nn/mod.ts";
import {
  FILE_DTYPES,
  fileTensors,
  readSafetensors,
  type SafetensorsTensor,
  SET_METADATA,
  writeSafetensors,
} from "../../data/mod.ts";
import type { TrainState } from "../train_state.ts";

/** A state that can be saved: of pre-training or of fine-tuning. */
export interface Savable extends Pick<TrainState, "key"> {
  /** State of an optimizer; or its moments by name, for whatever chain goes on from them. */
  readonly optimizer: OptimizerState | Moments;
  /** Parameters. */
  readonly params: Tree;
  /** Running statistics. */
  readonly state: Tree;
  /** Moving average of both. */
  readonly average?: { readonly params: Tree; readonly state: Tree };
}

/** Written into every checkpoint, so that other safetensors files are told apart. */
const FORMAT = "tessera.spark.train/1";

/** The same of weights alone, which nothing goes on from. */
export const WEIGHTS_FORMAT = "tessera.weights/1";

/** A checkpoint that was read, its state not yet put together. */
export interface Checkpoint {
  /** Where it was read. */
  readonly path: string;
  /** Whatever plain data it was saved with; `null` if none. */
  readonly configuration: unknown;
  /** Tensors by their way in the state, such as `params.encoder.layer1.0.conv1.weight`. */
  readonly tensors: Readonly<Record<string, SafetensorsTensor>>;
}

/**
 * Saves a training state: all that the next step depends on. The file is written beside its name and then renamed, so
 * that a crash leaves the old checkpoint or the new one, whole.
 *
 * @param path The file; its folder must exist.
 * @param train The state.
 * @param options `configuration`: plain data to keep with it, such as the options of the run. `set`: which of its weights the
 * file stands for where none are asked for; the average if there is one, if not given.
 * @returns When the file is safe on the disk.
 * @throws {RangeError} If a value is not finite, naming it; the old file stays, as nothing can go on from such a state.
 * @throws {Error} If the file cannot be written.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { tinyResnet } from "@tessera/tessera/nn";
 * import { init, load, pretrainOptimizer, save } from "@tessera/tessera/spark";
 * import { random } from "@tessera/tessera/tensor";
 *
 * const train = init(tinyResnet(), pretrainOptimizer({ learningRate: 1e-3 }), random.key(0), { decoderWidth: 16 });
 * const path = await Deno.makeTempFile();
 * await save(path, train);
 * deepStrictEqual(await (await load(path, train)).key.data(), await train.key.data());
 * await Deno.remove(path);
 * ```
 */
export async function save(
  path: string,
  train: Savable,
  options: { readonly configuration?: unknown; readonly set?: "raw" | "average" } = {},
): Promise<void> {
  requireOptions("save", options, { configuration: true, set: true });
  const { configuration = null, set } = options;
  await write(path, train, { format: FORMAT, configuration, ...set && { set } });
}

/**
 * Saves what was evaluated: weights alone, of a moving average under its name. The file is written as by `save`.
 *
 * @param path The file; its folder must exist.
 * @param weights Parameters and running statistics, or those of an average.
 * @param configuration Plain data to keep with them.
 * @throws {Error} As `save`.
 */
export async function saveWeights(
  path: string,
  weights: Pick<Savable, "params" | "state"> | Required<Pick<Savable, "average">>,
  configuration: unknown,
): Promise<void> {
  await write(path, weights, { format: WEIGHTS_FORMAT, configuration });
}

async function write(
  path: string,
  tree: object,
  { format, configuration, set }: { readonly format: string; readonly configuration: unknown; readonly set?: string },
): Promise<void> {
  const tensors = await fileTensors(tree as Tree);
  Object.entries(tensors).forEach(([name, { data }]) => requireFinite(path, name, data as TypedArray));
  const named = set === undefined ? {} : { [SET_METADATA]: set };
  await writeSafetensors(path, tensors, { format, configuration: JSON.stringify(configuration), ...named });
}

function requireFinite(path: string, name: string, values: TypedArray): void {
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return;
  throw new RangeError(
    `Cannot save ${path} as every value must be finite: current value of ${name} at ${bad} is ${values[bad]}`,
  );
}

/**
 * Reads a checkpoint, whatever its model.
 *
 * @param path The file.
 * @returns Its tensors and configuration, for `restore`.
 * @throws {Error} If it cannot be read, is truncated, or is no training state, naming the file.
 *
 * @example Usage
 * ```ts
 * import { rejects } from "node:assert/strict";
 * import { readCheckpoint } from "@tessera/tessera/spark";
 *
 * await rejects(readCheckpoint("missing.safetensors"), /Cannot read missing.safetensors/);
 * ```
 */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  const { metadata, tensors } = await readSafetensors(path);
  if (metadata.format !== FORMAT) {
    throw new RangeError(
      `Cannot read ${path} as a checkpoint as its metadata must name the format ${FORMAT}: current format is ` +
        `${metadata.format ?? "absent"}`,
    );
  }
  return { path, configuration: parseConfiguration(path, metadata.configuration ?? "null"), tensors };
}

function parseConfiguration(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RangeError(
      `Cannot read ${path} as a checkpoint as its configuration must be JSON: current text is ${text.slice(0, 80)}`,
      { cause },
    );
  }
}

/**
 * Puts the state of a checkpoint together.
 *
 * @param checkpoint Of `readCheckpoint`.
 * @param like A state of the same model and optimizer, such as that of `init`; its values are not computed.
 * @returns The state that was saved.
 * @throws {RangeError} If the checkpoint is of another model or optimizer, naming the file and the first name that is
 * missing, too many, or of another shape or dtype.
 *
 * @example Usage
 * ```ts
 * import { throws } from "node:assert/strict";
 * import { tinyResnet } from "@tessera/tessera/nn";
 * import { init, pretrainOptimizer, restore } from "@tessera/tessera/spark";
 * import { random } from "@tessera/tessera/tensor";
 *
 * const train = init(tinyResnet(), pretrainOptimizer({ learningRate: 1e-3 }), random.key(0), { decoderWidth: 16 });
 * throws(() => restore({ path: "empty", configuration: null, tensors: {} }, train), /Cannot restore empty/);
 * ```
 */
export function restore<T extends Savable>({ path, tensors }: Checkpoint, like: T): T {
  const { leaves, structure } = treeFlatten(like);
  const names = namesOf(like);
  const sources = names.map((name) => name in tensors ? name : momentName(name));
  const known = new Set(sources);
  const extra = Object.keys(tensors).find((name) => !known.has(name));
  const restored = (leaves as readonly Tensor[]).map((x, i) => {
    const name = names[i]!;
    const saved = tensors[sources[i]!];
    if (!saved) return refuse(path, name, specText(FILE_DTYPES[x.dtype], x.shape), "absent");
    if (saved.dtype !== FILE_DTYPES[x.dtype] || !sameShape(saved.shape, x.shape)) {
      refuse(path, name, specText(FILE_DTYPES[x.dtype], x.shape), specText(saved.dtype, saved.shape));
    }
    return leaf({ shape: x.shape, dtype: x.dtype }, { host: saved.data as TypedArray });
  });
  if (extra !== undefined) refuse(path, extra, "absent", specText(tensors[extra]!.dtype, tensors[extra]!.shape));
  return treeUnflatten(structure, restored) as T;
}

/** The name of a moment in files that do not say which link of the optimizer keeps it. */
function momentName(name: string): string {
  return name.replace(/^optimizer\.links\.\d+\./, "optimizer.moments.");
}

function specText(dtype: string, shape: readonly number[]): string {
  return `${dtype} [${shape.join(", ")}]`;
}

function refuse(path: string, name: string, wanted: string, found: string): never {
  throw new RangeError(
    `Cannot restore ${path} as it must be of the same model and optimizer, with ${name} ${wanted}: current ${name} is ` +
      found,
  );
}

/**
 * Loads a training state.
 *
 * @param path The file.
 * @param like A state of the same model and optimizer, such as that of `init`; its values are not computed.
 * @returns The state that was saved.
 * @throws {Error} As `readCheckpoint` and `restore`.
 *
 * @example Usage
 * ```ts
 * import { rejects } from "node:assert/strict";
 * import { tinyResnet } from "@tessera/tessera/nn";
 * import { init, load, pretrainOptimizer } from "@tessera/tessera/spark";
 * import { random } from "@tessera/tessera/tensor";
 *
 * const train = init(tinyResnet(), pretrainOptimizer({ learningRate: 1e-3 }), random.key(0), { decoderWidth: 16 });
 * await rejects(load("missing.safetensors", train), /Cannot read missing.safetensors/);
 * ```
 */
export async function load<T extends Savable>(path: string, like: T): Promise<T> {
  return restore(await readCheckpoint(path), like);
}
