/** @file Backbones from files of this and of other libraries. */
import { type DType, random, type Tree } from "../../tensor/mod.ts";
import type { Classifier, Model } from "../../nn/mod.ts";
import { readStateDict, type StateDictFile } from "../../data/mod.ts";
import type { OfficialEntry } from "./official_layout.ts";
import { backboneEntries, headEntries, importOfficial } from "./official_names.ts";
import { renameWeight } from "./weight_names.ts";
import { matchWeights, type SourceNaming, type WeightSource } from "./weight_source.ts";

/** A pre-trained or fine-tuned model. */
export interface Backbone {
  /** Parameters of the model, as its `init` makes them: what `features` and `logits({ encoder, … })` take. */
  readonly params: Tree;
  /** Running statistics, as its `init` makes them. */
  readonly state: Tree;
  /** Parameters of the head, as `initHead` makes them; `null` if the file or the model has none. */
  readonly head: Tree | null;
  /** Whose names the file has. */
  readonly naming: SourceNaming;
}

/** Options of `loadBackbone`. */
export interface LoadBackboneOptions {
  /** Type of the weights; float32 if not given. Half precision in files is widened. */
  readonly dtype?: DType;
}

/** Beginnings of what else may lie beside an encoder without a prefix: rest of SparK, heads, dead buffers. */
const BESIDE =
  /^(dense_decoder|densify_|mask_tokens|imn_[ms]|norm_black|fc\.|head\.|norm\.|classifier\.|optimizer|params|state|key|ema)/;

/**
 * Takes the weights of a model from a file that was read.
 *
 * @param file Of `readStateDict`.
 * @param model The model; its sizes must be those of the file.
 * @param options Type of the weights.
 * @returns Parameters, state and, where there is one, the head. Nothing is computed on a device.
 * @throws {RangeError} If a weight is missing, too many, not finite or of another shape, naming file and weight.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { decodeStateDict, encodePth } from "@tessera/tessera/data";
 * import { tinyResnet } from "@tessera/tessera/nn";
 * import { backboneOf, backboneStateDict } from "@tessera/tessera/spark";
 * import { random } from "@tessera/tessera/tensor";
 *
 * const weights = tinyResnet().init(random.key(0));
 * const bytes = encodePth(await backboneStateDict(weights, { naming: "timm" }));
 * equal(backboneOf(decodeStateDict(bytes, "tiny.pth"), tinyResnet()).head, null);
 * ```
 */
export function backboneOf(
  file: StateDictFile,
  model: Model,
  { dtype = "float32" }: LoadBackboneOptions = {},
): Backbone {
  const { skeleton, entries, source } = match(file, model);
  const { params, state } = importOfficial(skeleton, entries, source.read, { dtype });
  return { params, state, head: headOf(file, model, { source, dtype }), naming: source.naming };
}

/**
 * Reads the weights of a model from a file: SparK's full checkpoints (wrapped or bare, with or without optimizer) and
 * backbones, timm's, torchvision's, Detectron2's, and checkpoints of this library; in safetensors, `.pth`, `.npz` or
 * `.pkl`, known by the content. The head of a fine-tuned model comes along.
 *
 * @param path The file.
 * @param model The model; its sizes must be those of the file.
 * @param options Type of the weights.
 * @returns `params` and `state` as `model.init` makes them, `head` as `initHead` makes it or `null`.
 * @throws {RangeError} If a weight is missing, too many, not finite or of another shape, or the file is damaged or
 * would run code, naming file and reason.
 * @throws {Error} If it cannot be read.
 *
 * @example Usage
 * ```ts
 * import { rejects } from "node:assert/strict";
 * import { resnet50 } from "@tessera/tessera/nn";
 * import { loadBackbone } from "@tessera/tessera/spark";
 *
 * await rejects(loadBackbone("missing.pth", resnet50()), /Cannot read missing.pth/);
 * ```
 */
export async function loadBackbone(path: string, model: Model, options: LoadBackboneOptions = {}): Promise<Backbone> {
  return backboneOf(await readStateDict(path), model, options);
}

function match(file: StateDictFile, model: Model) {
  const skeleton = model.init(random.key(0));
  const entries = backboneEntries(skeleton);
  const source = matchWeights(file, entries, { model: model.name, own: ["encoder", ""] });
  refuseUnexpected(file, source, { entries, model });
  return { skeleton, entries, source };
}

/**
 * Tells whether a file holds the weights of a model, by names and shapes alone.
 *
 * @param file Of `readStateDict`.
 * @param model The model.
 * @returns True if `backboneOf` would find all weights, and none too many.
 */
export function holdsBackbone(file: StateDictFile, model: Model): boolean {
  try {
    match(file, model);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** A larger model of the same family would have all names of a smaller one. */
function refuseUnexpected(
  file: StateDictFile,
  source: WeightSource,
  { entries, model }: { readonly entries: readonly OfficialEntry[]; readonly model: Model },
): void {
  const known = new Set(entries.map(source.keyOf));
  const isBeside = source.naming === "tessera"
    ? (name: string) => !/^(params|state)\.encoder\./.test(name)
    : source.prefix === ""
    ? (name: string) => BESIDE.test(name)
    : (name: string) => !name.startsWith(source.prefix) || BESIDE.test(name.slice(source.prefix.length));
  const unexpected = Object.keys(file.tensors).filter((name) => !known.has(name) && !isBeside(name));
  if (unexpected.length === 0) return;
  throw new RangeError(
    `Cannot load ${file.path} into ${model.name} as it must hold that model's weights alone: current file also has ` +
      `${unexpected[0]}${unexpected.length > 1 ? ` and ${unexpected.length - 1} more` : ""}`,
  );
}

function headOf(
  file: StateDictFile,
  model: Model & Partial<Classifier>,
  { source, dtype }: { readonly source: WeightSource; readonly dtype: DType },
): Tree | null {
  if (!model.initHead) return null;
  const entries = headEntries(model.initHead(random.key(0), { classes: 1 }));
  const scores = entries.find(({ key }) => /^(fc|head)\.weight$/.test(key)); // last layer, [classes, channels]
  if (!scores) return null;
  // Heads have no `encoder` before their names but a `head`.
  const nameOf = (entry: OfficialEntry) =>
    source.naming === "tessera"
      ? ["params.head", ...entry.path].join(".")
      : source.prefix + renameWeight(entry.key, source.naming);
  const found = file.tensors[nameOf(scores)];
  if (!found || found.shape.length !== 2) return null;
  const classes = source.naming === "tessera" ? found.shape[1]! : found.shape[0]!;
  const skeleton = { params: model.initHead(random.key(0), { classes }), state: {} };
  const own = headEntries(skeleton.params);
  const missing = own.find((entry) => !Object.hasOwn(file.tensors, nameOf(entry)));
  if (missing) return null;
  const head = {
    ...file,
    tensors: Object.fromEntries(own.map((entry) => [headKey(source, entry), file.tensors[nameOf(entry)]!])),
  };
  const headSource = matchWeights(head, own, { model: `the head of ${model.name}`, own: ["head"] });
  return importOfficial(skeleton, own, headSource.read, { dtype }).params;
}

/** Name under which a head's weight is looked for once it was found: without what stands before the encoder. */
function headKey({ naming }: WeightSource, entry: OfficialEntry): string {
  return naming === "tessera" ? ["params.head", ...entry.path].join(".") : renameWeight(entry.key, naming);
}
