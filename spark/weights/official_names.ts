/** @file The state dict of the official implementation: its names, its order, and the way back from it. */
import { requireOptions } from "../../tensor/kernel.ts";
import { type DType, sizeOf, Tensor, tensor, type Tree, treeFlatten, treeUnflatten } from "../../tensor/mod.ts";
import { namesOf } from "../../nn/mod.ts";
import { decays } from "../recipe.ts";
import { fromOfficial, type OfficialEntry, permutationOf } from "./official_layout.ts";

/** Parameters with their state, as `initParams` makes them; a `TrainState` is one. */
export interface Weights {
  /** Records and arrays of tensors. */
  readonly params: Tree;
  /** Running statistics, under the same names. */
  readonly state: Tree;
}

/** Official beginnings of names, in official order. */
const ROOTS: readonly (readonly [path: readonly string[], key: string])[] = [
  [["encoder"], "sparse_encoder.sp_cnn"],
  [["decoder", "blocks"], "dense_decoder.dec"],
  [["decoder", "projection"], "dense_decoder.proj"],
  [["densify", "norms"], "densify_norms"],
  [["densify", "projections"], "densify_projs"],
  [["densify", "maskTokens"], "mask_tokens"],
];

/** Names inside the decoder's blocks, which are positions in a sequence there. */
const DECODER_NAMES: Readonly<Record<string, string>> = {
  conv1: "conv.0",
  norm1: "conv.1",
  conv2: "conv.3",
  norm2: "conv.4",
};

/** Statistics of a batch normalisation, in official order. */
const BUFFERS: readonly (readonly [name: string, key: string])[] = [
  ["runningMean", "running_mean"],
  ["runningVar", "running_var"],
  ["count", "num_batches_tracked"],
];

/**
 * Lists the official state dict of pre-training, in its order.
 *
 * @param weights Parameters and state of a ResNet or ConvNeXt, with densification and decoder. Nothing is computed.
 * @param options `inputSize` in pixels, which one dead buffer has.
 * @returns One entry per tensor: three dead buffers, encoder, decoder, densification.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { resnet50 } from "@tessera/tessera/nn";
 * import { initParams, officialEntries } from "@tessera/tessera/spark";
 * import { random } from "@tessera/tessera/tensor";
 *
 * equal(officialEntries(initParams(resnet50(), random.key(0)), { inputSize: [224, 224] }).length, 425);
 * ```
 */
export function officialEntries(
  weights: Weights,
  options: { readonly inputSize: readonly [number, number] },
): readonly OfficialEntry[] {
  requireOptions("officialEntries", options, { inputSize: true });
  const { inputSize } = options;
  const channels = (at(weights.params, ["decoder", "projection", "bias"]) as Tensor | undefined)?.shape[0] ?? 3;
  const dead = (key: string, height: number, width: number): OfficialEntry => ({
    key,
    shape: [1, channels, height, width],
    dtype: "float32",
    kind: "buffer",
    decays: false,
    tree: null,
    path: [],
    ownShape: [],
  });
  return [
    dead("imn_m", 1, 1),
    dead("imn_s", 1, 1),
    dead("norm_black", ...inputSize),
    ...ROOTS.flatMap(([path, key]) => walk(at(weights.params, path), at(weights.state, path), path, key)),
  ];
}

/**
 * Lists the state dict of the encoder alone, as timm and the authors' ConvNeXt name it.
 *
 * @param encoder Parameters and state of a model.
 * @returns One entry per tensor, whose paths start at the model.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { resnet50 } from "@tessera/tessera/nn";
 * import { backboneEntries } from "@tessera/tessera/spark";
 * import { random } from "@tessera/tessera/tensor";
 *
 * equal(backboneEntries(resnet50().init(random.key(0))).length, 318);
 * ```
 */
export function backboneEntries(encoder: Weights): readonly OfficialEntry[] {
  return walk(encoder.params, encoder.state, [], "");
}

/**
 * Lists the classification head of a model as timm and torchvision (ResNets) and the authors (ConvNeXts) name it.
 *
 * @param head Parameters of `initHead`: a linear layer, or a record of layers.
 * @returns One entry per tensor: `fc.weight`, `fc.bias`, or `norm.weight`, …, `head.bias`. Their paths start at the head.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { resnet18 } from "@tessera/tessera/nn";
 * import { headEntries } from "@tessera/tessera/spark";
 * import { random } from "@tessera/tessera/tensor";
 *
 * const entries = headEntries(resnet18().initHead(random.key(0), { classes: 10 }));
 * deepStrictEqual(entries.map((entry) => [entry.key, ...entry.shape]), [["fc.weight", 10, 512], ["fc.bias", 10]]);
 * ```
 */
export function headEntries(head: Tree): readonly OfficialEntry[] {
  return walk(head, {}, [], at(head, ["weight"]) instanceof Tensor ? "fc" : "");
}

/** The subtree at a path, `undefined` where there is none. */
function at(tree: unknown, path: readonly string[]): unknown {
  return path.reduce((node, name) => (node as Readonly<Record<string, unknown>> | undefined)?.[name], tree);
}

function walk(params: unknown, state: unknown, path: readonly string[], key: string): readonly OfficialEntry[] {
  if (params instanceof Tensor) return [entryOf(params, "params", path, key)];
  const join = (name: string) => key === "" ? name : `${key}.${name}`;
  const own = Object.keys(params ?? {}).flatMap((name) => {
    const inDecoder = key.startsWith("dense_decoder.");
    const official = inDecoder && DECODER_NAMES[name] || name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    return walk(at(params, [name]), at(state, [name]), [...path, name], join(official));
  });
  const buffers = BUFFERS.flatMap(([name, official]) => {
    const buffer = at(state, [name]);
    return buffer instanceof Tensor ? [entryOf(buffer, "state", [...path, name], join(official))] : [];
  });
  return [...own, ...buffers];
}

function entryOf(x: Tensor, tree: "params" | "state", path: readonly string[], key: string): OfficialEntry {
  const isToken = path.includes("maskTokens");
  return {
    key,
    shape: isToken ? [1, x.shape[0]!, 1, 1] : permutationOf(x.shape.length).map((axis) => x.shape[axis]!),
    dtype: path.at(-1) === "count" ? "int64" : "float32",
    kind: tree === "params" ? "param" : "buffer",
    decays: tree === "params" && decays(key, x),
    tree,
    path,
    ownShape: x.shape,
  };
}

/**
 * Replaces weights by those of an official state dict.
 *
 * @param weights Parameters and state of the same sizes; their values are not read.
 * @param entries Of `officialEntries` or `backboneEntries` of these weights.
 * @param read Numbers of an entry in official order.
 * @param options `dtype` of the floating tensors; float32 if not given.
 * @returns Weights of the same form.
 * @throws {RangeError} If an entry has too many or too few numbers.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { backboneEntries, importOfficial } from "@tessera/tessera/spark";
 * import { zeros } from "@tessera/tessera/tensor";
 *
 * const weights = { params: { weight: zeros([2, 1]) }, state: {} };
 * const { params } = importOfficial(weights, backboneEntries(weights), () => [5, 6]);
 * deepStrictEqual(await params.weight.data(), new Float32Array([5, 6]));
 * ```
 */
export function importOfficial<W extends Weights>(
  weights: W,
  entries: readonly OfficialEntry[],
  read: (entry: OfficialEntry) => ArrayLike<number>,
  options: { readonly dtype?: DType } = {},
): Pick<W, "params" | "state"> {
  requireOptions("importOfficial", options, { dtype: true });
  const { dtype = "float32" } = options;
  const made = new Map<string, Tensor>();
  for (const entry of entries.filter(({ tree }) => tree !== null)) {
    const values = read(entry);
    if (values.length !== sizeOf(entry.ownShape)) {
      throw new RangeError(
        `Cannot import ${entry.key} as it must have ${sizeOf(entry.ownShape)} numbers, shape [${entry.shape}]: ` +
          `current number is ${values.length}`,
      );
    }
    const type = entry.dtype === "int64" ? "int32" : dtype;
    const own = tensor(fromOfficial(entry, values), { dtype: type, shape: entry.ownShape });
    made.set([entry.tree, ...entry.path].join("."), own);
  }
  const rebuild = (tree: "params" | "state") => {
    const { leaves, structure } = treeFlatten(weights[tree]);
    const names = namesOf(weights[tree]);
    return treeUnflatten(structure, leaves.map((old, i) => made.get(`${tree}.${names[i]}`) ?? old));
  };
  return { params: rebuild("params"), state: rebuild("state") };
}

/**
 * Finds the tensor of an entry in a tree: in the parameters, or in gradients or moments of their form.
 *
 * @param tree The tree that `entry.tree` names, or one of its form.
 * @param entry The entry.
 * @returns The tensor.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { backboneEntries, tensorOf } from "@tessera/tessera/spark";
 * import { zeros } from "@tessera/tessera/tensor";
 *
 * const params = { weight: zeros([2, 1]) };
 * equal(tensorOf(params, backboneEntries({ params, state: {} })[0]!), params.weight);
 * ```
 */
export function tensorOf(tree: Tree, entry: OfficialEntry): Tensor {
  return at(tree, entry.path) as Tensor;
}
