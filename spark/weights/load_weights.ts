/** @file Everything of pre-training from a file: encoder, densification, decoder, and the optimizer's moments. */
import { requireOptions } from "../../tensor/kernel.ts";
import { random, tensor } from "../../tensor/mod.ts";
import type { Model, Moments } from "../../nn/mod.ts";
import {
  FileTensor,
  numbersOf,
  PickleTuple,
  readStateDict,
  type SafetensorsTensor,
  type StateDictFile,
} from "../../data/mod.ts";
import {
  INIT_PARAMS_OPTIONS,
  initParams,
  type InitParamsOptions,
  type SparkParams,
  type SparkState,
} from "../forward.ts";
import type { OfficialEntry } from "./official_layout.ts";
import { importOfficial, officialEntries } from "./official_names.ts";
import { accountOf, type WeightAccount } from "./weight_account.ts";
import { matchWeights, type SourceNaming, withTensors } from "./weight_source.ts";

/** Parameters, statistics and moments of pre-training. */
export interface SparkWeights {
  /** Parameters, as `initParams` makes them. */
  readonly params: SparkParams;
  /** Running statistics. */
  readonly state: SparkState;
  /** Steps and moments; `null` if the file has none. */
  readonly optimizer: Moments<SparkParams> | null;
  /** Whose names the file has. */
  readonly naming: SourceNaming;
  /** What was read of the file, and what was not. */
  readonly account: WeightAccount;
}

/** Moments by the names of PyTorch's optimizers: those of LAMB and AdamW, that of SGD. */
const MOMENTS: ReadonlyMap<unknown, string> = new Map([
  ["exp_avg", "first"],
  ["exp_avg_sq", "second"],
  ["momentum_buffer", "velocity"],
]);

/** Name of the weight that tells the decoder's width, here and there; its last axis here, its first there. */
const WIDTH_KEYS = ["params.decoder.blocks.0.conv1.weight", "dense_decoder.dec.0.conv.0.weight"];

/**
 * Tells the width of the decoder in a file of pre-training.
 *
 * @param file Of `readStateDict`.
 * @returns Channels at the coarsest scale; `null` if the file has no decoder.
 */
export function decoderWidthOf({ tensors }: StateDictFile): number | null {
  for (const [name, { shape }] of Object.entries(tensors)) {
    if (WIDTH_KEYS.some((end) => name.endsWith(end)) && shape.length === 4) {
      return name.endsWith(WIDTH_KEYS[0]!) ? shape[3]! : shape[0]!;
    }
  }
  return null;
}

/** Scales that have a mask token in a file; all of the model's if it has none. */
function scalesOf({ tensors }: StateDictFile, model: Model): number {
  const count = Object.keys(tensors).filter((name) =>
    /(^|\.)(mask_tokens|params\.densify\.maskTokens)\.\d+$/.test(name)
  );
  const unique = new Set(count.filter((name) => !name.startsWith("optimizer") && !name.startsWith("average")));
  return Math.min(unique.size || model.channels.length, model.channels.length);
}

/**
 * Takes everything of pre-training from a file that was read.
 *
 * @param file Of `readStateDict`.
 * @param model The model; its sizes must be those of the file.
 * @param options As of `initParams`; the width of the decoder and the number of scales are
 * those of the file if not given.
 * @returns Parameters, state, and the optimizer's moments if the file has them. Nothing is computed on a device.
 * @throws {RangeError} If a weight is missing, not finite or of another shape, naming file and weight.
 *
 * @example Usage
 * ```ts
 * import { throws } from "node:assert/strict";
 * import { decodeStateDict, encodeSafetensors } from "@tessera/tessera/data";
 * import { tinyResnet } from "@tessera/tessera/nn";
 * import { weightsOf } from "@tessera/tessera/spark";
 *
 * const file = decodeStateDict(encodeSafetensors({}), "empty.safetensors");
 * throws(() => weightsOf(file, tinyResnet()), /Cannot load empty.safetensors into tiny_resnet/);
 * ```
 */
export function weightsOf(file: StateDictFile, model: Model, options: InitParamsOptions = {}): SparkWeights {
  requireOptions("weightsOf", options, INIT_PARAMS_OPTIONS);
  const { decoderWidth = decoderWidthOf(file) ?? 768, scales = scalesOf(file, model), dtype = "float32" } = options;
  const skeleton = initParams(model, random.key(0), { ...options, decoderWidth, scales });
  const entries = officialEntries(skeleton, { inputSize: [1, 1] }).filter(({ tree }) => tree !== null);
  const source = matchWeights(file, entries, { model: `${model.name} with decoder`, own: [""] });
  const { params, state } = importOfficial(skeleton, entries, source.read, { dtype });
  const found = source.naming === "tessera" ? ownMoments(file, entries) : officialMoments(file, entries);
  const matched = { file, source, entries, model: `${model.name} with its decoder` };
  if (!found) return { params, state, optimizer: null, naming: source.naming, account: accountOf(matched) };
  const moments = Object.entries(found.moments).map(([name, tensors]) => {
    const moment = { params: skeleton.params, state: {} };
    const own = entries.filter(({ tree }) => tree === "params");
    const named = Object.fromEntries(own.map((entry, i) => [momentKey(source.naming, entry), tensors[i]!]));
    const one = matchWeights(withTensors(file, named), own, { model: `${name} of ${model.name}`, own: [""] });
    return [name, importOfficial(moment, own, one.read, { dtype }).params];
  });
  const optimizer = { step: tensor(found.step, { dtype: "int32" }), moments: Object.fromEntries(moments) };
  const others = Object.keys(file.tensors).filter((name) => name.startsWith("optimizer."));
  return { params, state, optimizer, naming: source.naming, account: accountOf({ ...matched, others }) };
}

const momentKey = (naming: SourceNaming, { key, path }: OfficialEntry): string =>
  naming === "tessera" ? ["params", ...path].join(".") : key;

/** Tensors of the moments by our names, in the order of the entries' parameters. */
interface FoundMoments {
  readonly step: number;
  readonly moments: Readonly<Record<string, readonly SafetensorsTensor[]>>;
}

/** A moment in a checkpoint of this library: kept by a link of the optimizer, or by name alone. */
const MOMENT_KEY = /^optimizer\.(?:moments|links\.\d+)\.(\w+)\.(.+)$/;

function ownMoments({ tensors }: StateDictFile, entries: readonly OfficialEntry[]): FoundMoments | null {
  const step = tensors["optimizer.step"];
  if (!step) return null;
  const params = entries.filter(({ tree }) => tree === "params");
  const byMoment = new Map<string, Map<string, SafetensorsTensor>>();
  for (const [name, found] of Object.entries(tensors)) {
    const [, moment, path] = MOMENT_KEY.exec(name) ?? [];
    if (moment === undefined || path === undefined) continue;
    byMoment.set(moment, (byMoment.get(moment) ?? new Map()).set(path, found));
  }
  const moments = [...byMoment].map(([name, found]) => [name, params.map(({ path }) => found.get(path.join("."))!)]);
  return { step: numbersOf(step)[0] ?? 0, moments: Object.fromEntries(moments) };
}

/** PyTorch numbers the parameters group by group: first those that decay, then the others. */
export function optimizerOrder(entries: readonly OfficialEntry[]): readonly OfficialEntry[] {
  const params = entries.filter(({ kind }) => kind === "param");
  return [...params.filter(({ decays }) => decays), ...params.filter(({ decays }) => !decays)];
}

function officialMoments(file: StateDictFile, entries: readonly OfficialEntry[]): FoundMoments | null {
  const saved = savedOptimizer(file);
  if (!saved) return null;
  const [state, groups] = [saved.get("state"), saved.get("param_groups")];
  const refuse = (requirement: string, current: string): never => {
    throw new RangeError(`Cannot load the optimizer of ${file.path} as ${requirement}: current ${current}`);
  };
  if (!(state instanceof Map) || !Array.isArray(groups)) return refuse("it must have state and groups", "it has not");
  if (state.size === 0) return null;
  const ordered = optimizerOrder(entries);
  const decaying = ordered.filter(({ decays }) => decays).length;
  const sizes = groups.map((group) => listOf(group instanceof Map ? group.get("params") : []).length);
  if (sizes.length !== 2 || sizes[0] !== decaying || sizes[1] !== ordered.length - decaying) {
    const wanted = `${decaying} and ${ordered.length - decaying}`;
    return refuse(`it must have groups of ${wanted} parameters`, `sizes are ${sizes.join(", ")}`);
  }
  const indices = groups.flatMap((group) => listOf(group.get("params")));
  const at = new Map(ordered.map((entry, i) => [entry, indices[i]]));
  const params = entries.filter(({ kind }) => kind === "param");
  const first = state.get(indices[0]);
  const kinds = first instanceof Map ? [...first.keys()].filter((kind) => MOMENTS.has(kind)) : [];
  const moments = kinds.map((kind) => {
    const tensors = params.map((entry) => {
      const found = state.get(at.get(entry))?.get?.(kind);
      return found instanceof FileTensor ? found : refuse(`it must have ${kind} of ${entry.key}`, "value is absent");
    });
    return [MOMENTS.get(kind)!, tensors] as const;
  });
  return { step: stepOf(groups[0], first), moments: Object.fromEntries(moments) };
}

/** The optimizer's state dict; safetensors hold its tensors among the others and its numbers as JSON. */
function savedOptimizer({ path, tensors, extra }: StateDictFile): ReadonlyMap<unknown, unknown> | null {
  const saved = extra.get("optimizer");
  if (saved instanceof Map) return saved;
  if (typeof saved !== "string") return null;
  const state = new Map<number, Map<string, FileTensor>>();
  for (const [name, { dtype, shape, data }] of Object.entries(tensors)) {
    const [, index, kind] = /^optimizer\.state\.(\d+)\.(\w+)$/.exec(name) ?? [];
    if (index === undefined || kind === undefined) continue;
    const moments = state.get(Number(index)) ?? new Map<string, FileTensor>();
    state.set(Number(index), moments.set(kind, new FileTensor(dtype, shape, data)));
  }
  try {
    const { param_groups: groups } = JSON.parse(saved);
    return new Map<unknown, unknown>([
      ["state", state],
      ["param_groups", (groups as readonly object[]).map((group) => new Map(Object.entries(group)))],
    ]);
  } catch (cause) {
    throw new RangeError(
      `Cannot load the optimizer of ${path} as its metadata must be JSON with groups: current text is ${
        saved.slice(0, 80)
      }`,
      { cause },
    );
  }
}

const listOf = (value: unknown): readonly unknown[] =>
  Array.isArray(value) ? value : value instanceof PickleTuple ? value.items : [];

/** LAMB keeps the steps in the group, AdamW with each parameter, as a number or a tensor. */
function stepOf(group: ReadonlyMap<unknown, unknown>, state: ReadonlyMap<unknown, unknown>): number {
  const step = group.get("step") ?? state.get("step") ?? 0;
  return step instanceof FileTensor ? numbersOf(step)[0] ?? 0 : Number(step);
}

/**
 * Reads everything of pre-training from a file: SparK's full checkpoint (`.pth`, wrapped or bare, with or without
 * optimizer, or in safetensors) or a checkpoint of this library. For the encoder alone see `loadBackbone`.
 *
 * @param path The file.
 * @param model The model; its sizes must be those of the file.
 * @param options As of `initParams`; the width of the decoder and the number of scales are
 * those of the file if not given.
 * @returns Parameters, state, and the optimizer's moments if the file has them.
 * @throws {RangeError} If a weight is missing, not finite or of another shape, or the file is damaged or would run code,
 * naming file and reason.
 * @throws {Error} If it cannot be read.
 *
 * @example Usage
 * ```ts
 * import { rejects } from "node:assert/strict";
 * import { resnet50 } from "@tessera/tessera/nn";
 * import { loadWeights } from "@tessera/tessera/spark";
 *
 * await rejects(loadWeights("missing.pth", resnet50()), /Cannot read missing.pth/);
 * ```
 */
export async function loadWeights(path: string, model: Model, options: InitParamsOptions = {}): Promise<SparkWeights> {
  requireOptions("loadWeights", options, INIT_PARAMS_OPTIONS);
  return weightsOf(await readStateDict(path), model, options);
}
