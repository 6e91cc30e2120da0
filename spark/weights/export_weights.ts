/** @file State dicts of this library's weights in the names and layouts of others. */
import { requireOptions } from "../../tensor/kernel.ts";
import { type Tensor, treeLeaves } from "../../tensor/mod.ts";
import type { Model, Moments } from "../../nn/mod.ts";
import { FileTensor, normalisationFor, orderedDict, PickleCall, PickleFloat, PickleTuple } from "../../data/mod.ts";
import type { SparkParams, SparkState } from "../forward.ts";
import { backboneEntries, headEntries, officialEntries, tensorOf, type Weights } from "./official_names.ts";
import { type OfficialEntry, toOfficial } from "./official_layout.ts";
import { optimizerOrder } from "./load_weights.ts";
import { renamedRank, renamedShape, renameWeight, type WeightNaming } from "./weight_names.ts";

/** Tensors by name, in the order of the library whose names they have. */
export type StateDict = ReadonlyMap<string, FileTensor>;

/** A tensor in official layout; float64 stays float64, counts become int64. */
async function exported(entry: OfficialEntry, x: Tensor, shape: readonly number[] = entry.shape): Promise<FileTensor> {
  const values = toOfficial(entry, await x.data());
  if (entry.dtype === "int64") return new FileTensor("I64", shape, BigInt64Array.from(values, BigInt));
  if (x.dtype === "float64") return new FileTensor("F64", shape, values);
  return new FileTensor("F32", shape, Float32Array.from(values));
}

/**
 * Exports an encoder, and its head if it has one.
 *
 * @param weights Parameters and state of a model, as its `init` makes them, and optionally the parameters of its `head`.
 * @param options `naming`: whose names.
 * @returns Tensors by name: kernels `[out, in, h, w]`, counts as int64.
 * @throws {RangeError} If `detectron2` is asked for a network that it does not have.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { resnet } from "@tessera/tessera/nn";
 * import { backboneStateDict } from "@tessera/tessera/spark";
 * import { random } from "@tessera/tessera/tensor";
 *
 * const model = resnet({ block: "basic", depths: [1], widths: [4], stemWidth: 4 });
 * const state = await backboneStateDict(model.init(random.key(0)), { naming: "detectron2" });
 * deepStrictEqual([...state.keys()].slice(0, 2), ["stem.conv1.weight", "stem.conv1.norm.weight"]);
 * ```
 */
export async function backboneStateDict(
  weights: Weights & { readonly head?: Weights["params"] },
  options: { readonly naming: WeightNaming },
): Promise<StateDict> {
  requireOptions("backboneStateDict", options, { naming: true });
  const { naming } = options;
  const entries = backboneEntries(weights);
  if (naming === "detectron2" && !entries.some(({ key }) => key === "layer1.0.conv1.weight")) {
    throw new RangeError(
      `Cannot export to detectron2 as it has no network but ResNet: current first weight is ${entries[0]?.key}`,
    );
  }
  const trees = { params: weights.params, state: weights.state, head: weights.head };
  const body = entries.map((entry) => ({ entry, x: tensorOf(trees[entry.tree!], entry) }));
  const head = weights.head
    ? headEntries(weights.head).map((entry) => ({ entry, x: tensorOf(weights.head!, entry) }))
    : [];
  const named = await Promise.all([...body, ...head].map(async ({ entry, x }) => {
    const shape = renamedShape(entry.key, entry.shape, naming);
    return [renameWeight(entry.key, naming), await exported(entry, x, shape)] as const;
  }));
  const isOwnOrder = naming !== "timm" && naming !== "torchvision";
  return new Map(isOwnOrder ? named : named.toSorted(([a], [b]) => renamedRank(a) - renamedRank(b)));
}

/** What an official checkpoint says besides the weights. */
export interface OfficialCheckpointOptions {
  /** Height and width of the images. The official code knows squares only and is given the height. */
  readonly inputSize: readonly [number, number];
  /** Share of masked patches; 0.6 if not given. */
  readonly maskRatio?: number;
  /** Finished epochs; 0 if not given, which official code goes on from with the first one. */
  readonly epochs?: number;
  /** Loss of the last epoch. */
  readonly loss?: number;
  /** Steps and moments to go on from. */
  readonly optimizer?: Moments<SparkParams>;
  /** Rates of the last step and settings of the optimizer; SparK's defaults for what is not given. */
  readonly rates?: {
    readonly learningRate?: number;
    readonly weightDecay?: number;
    readonly beta2?: number;
  };
  /** Whatever the run was called with. */
  readonly args?: string;
}

/** The official state dict with the dead buffers, whose values nothing reads. */
async function moduleOf(
  weights: { readonly params: SparkParams; readonly state: SparkState },
  entries: readonly OfficialEntry[],
): Promise<StateDict> {
  const named = await Promise.all(entries.map(async (entry) => {
    if (entry.tree === null) return [entry.key, deadBuffer(entry)] as const;
    return [entry.key, await exported(entry, tensorOf(weights[entry.tree], entry))] as const;
  }));
  return new Map(named);
}

/** Mean, deviation, and black in normalised values, as the first versions of the official code had them. */
function deadBuffer({ key, shape }: OfficialEntry): FileTensor {
  const [channels, area] = [shape[1]!, shape[2]! * shape[3]!];
  const values = new Float32Array(channels * area);
  const { mean: means, std } = normalisationFor(channels);
  means.forEach((mean, c) => {
    const deviation = std[c]!;
    values.fill(key === "imn_m" ? mean : key === "imn_s" ? deviation : -mean / deviation, c * area, (c + 1) * area);
  });
  return new FileTensor("F32", shape, values);
}

/**
 * Exports everything of pre-training as the official implementation saves it: what `writePth` writes as
 * `…_withdecoder_1kpretrained_spark_style.pth`.
 *
 * @param model The model.
 * @param weights Parameters and state, as `initParams` makes them.
 * @param options Size of the images, configuration, optimizer.
 * @returns A map with `args`, `input_size`, `arch`, `epoch`, `performance_desc`, `module` (with `config`), `optimizer` and
 * `is_pretrain`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { tinyResnet } from "@tessera/tessera/nn";
 * import { initParams, officialCheckpoint } from "@tessera/tessera/spark";
 * import { random } from "@tessera/tessera/tensor";
 *
 * const model = tinyResnet();
 * const weights = initParams(model, random.key(0), { decoderWidth: 16 });
 * const saved = await officialCheckpoint(model, weights, { inputSize: [96, 96] });
 * deepStrictEqual([saved.get("arch"), saved.get("input_size")], ["tiny_resnet", 96]);
 * ```
 */
export async function officialCheckpoint(
  model: Model,
  weights: { readonly params: SparkParams; readonly state: SparkState },
  options: OfficialCheckpointOptions,
): Promise<ReadonlyMap<string, unknown>> {
  requireOptions("officialCheckpoint", options, {
    inputSize: true,
    maskRatio: true,
    epochs: true,
    loss: true,
    optimizer: true,
    rates: true,
    args: true,
  });
  const { inputSize, epochs = 0, loss, optimizer, args = "{}" } = options;
  const entries = officialEntries(weights, { inputSize });
  const state: Map<unknown, unknown> = new Map(await moduleOf(weights, entries));
  state.set("config", officialConfig(model, weights, options));
  const described = loss === undefined ? "nan nan" : `${loss.toFixed(4)} ${loss.toFixed(4)}`;
  return new Map<string, unknown>([
    ["args", args],
    ["input_size", inputSize[0]],
    ["arch", model.name],
    ["epoch", epochs - 1],
    ["performance_desc", described],
    ["module", orderedDict(state)],
    ["optimizer", await officialOptimizer(entries, optimizer ?? null, options.rates ?? {}, model.recipe.beta2)],
    ["is_pretrain", true],
  ]);
}

/** Settings that the official code compares on loading. */
function officialConfig(
  model: Model,
  { params }: { readonly params: SparkParams },
  { maskRatio = 0.6, inputSize }: OfficialCheckpointOptions,
): ReadonlyMap<string, unknown> {
  const width = (treeLeaves(params.decoder.blocks[0]!.conv1) as readonly Tensor[])[0]!.shape.at(-1)!;
  return new Map<string, unknown>([
    ["mask_ratio", maskRatio],
    ["densify_norm_str", model.densifyNorm === "none" ? "" : model.densifyNorm],
    ["sbn", false],
    ["hierarchy", model.channels.length],
    ["sparse_encoder.input_size", inputSize[0]],
    ["dense_decoder.width", width],
  ]);
}

async function officialOptimizer(
  entries: readonly OfficialEntry[],
  optimizer: Moments<SparkParams> | null,
  { learningRate = 0, weightDecay = 0.04, beta2 }: NonNullable<OfficialCheckpointOptions["rates"]>,
  recipeBeta2: number,
): Promise<ReadonlyMap<string, unknown>> {
  const ordered = optimizerOrder(entries);
  const decaying = ordered.filter(({ decays }) => decays).length;
  const step = optimizer ? await optimizer.step.item() : 0;
  const group = (scale: number, from: number, to: number) =>
    new Map<string, unknown>([
      ["weight_decay_scale", new PickleFloat(scale)],
      ["lr_scale", new PickleFloat(1)],
      ["lr", new PickleFloat(learningRate)],
      ["bias_correction", true],
      ["betas", new PickleTuple([0.9, beta2 ?? recipeBeta2])],
      ["eps", 1e-6],
      ["weight_decay", new PickleFloat(weightDecay * scale)],
      ["grad_averaging", true],
      ["max_grad_norm", new PickleFloat(5)],
      ["trust_clip", false],
      ["always_adapt", false],
      ["step", step],
      ["params", Array.from({ length: to - from }, (_, i) => from + i)],
    ]);
  const state = optimizer ? await momentsOf(ordered, optimizer) : new Map();
  return new Map<string, unknown>([
    ["state", state],
    ["param_groups", [group(1, 0, decaying), group(0, decaying, ordered.length)]],
  ]);
}

/** PyTorch's names of the moments. */
const NAMES: Readonly<Record<string, string>> = { first: "exp_avg", second: "exp_avg_sq", velocity: "momentum_buffer" };

async function momentsOf(ordered: readonly OfficialEntry[], { moments }: Moments<SparkParams>) {
  const states = await Promise.all(ordered.map(async (entry, i) => {
    const named = await Promise.all(
      Object.entries(moments).map(async ([name, tree]) =>
        [NAMES[name] ?? name, await exported(entry, tensorOf(tree, entry))] as const
      ),
    );
    return [i, new Map(named)] as const;
  }));
  return new Map(states);
}

/**
 * Flattens an official checkpoint for safetensors: weights under their official names, moments as
 * `optimizer.state.0.exp_avg`, everything else as metadata.
 *
 * @param checkpoint Of `officialCheckpoint`.
 * @returns Tensors and metadata, for `writeSafetensors`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { flattenOfficial } from "@tessera/tessera/spark";
 *
 * deepStrictEqual(flattenOfficial(new Map([["epoch", 3]])).metadata, { format: "pt", epoch: "3" });
 * ```
 */
export function flattenOfficial(checkpoint: ReadonlyMap<string, unknown>): {
  readonly tensors: Readonly<Record<string, FileTensor>>;
  readonly metadata: Readonly<Record<string, string>>;
} {
  const tensors = new Map<string, FileTensor>();
  const metadata: Record<string, string> = { format: "pt" };
  const visit = (value: unknown, path: readonly string[]): unknown => {
    if (value instanceof FileTensor) {
      tensors.set(path.join("."), value);
      return undefined;
    }
    if (value instanceof PickleCall) return visit(value.items, path);
    if (value instanceof PickleTuple) return value.items.map((item) => visit(item, path));
    if (value instanceof PickleFloat) return value.value;
    if (Array.isArray(value)) return value.map((item, i) => visit(item, [...path, String(i)]));
    if (!(value instanceof Map)) return value;
    const items = [...value].map(([key, item]) => [String(key), visit(item, [...path, String(key)])] as const);
    return Object.fromEntries(items.filter(([, item]) => item !== undefined));
  };
  for (const [key, value] of checkpoint) {
    const rest = visit(value, key === "module" ? [] : [key]);
    if (rest !== undefined) metadata[key] = typeof rest === "string" ? rest : JSON.stringify(rest);
  }
  return { tensors: Object.fromEntries(tensors), metadata };
}
