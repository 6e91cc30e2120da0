/** @file Backbones from files of this and of other libraries. */
import { requireOptions } from "../../tensor/kernel.ts";
import { type DType, random, type Tree } from "../../tensor/mod.ts";
import type { Classifier, Model } from "../../nn/mod.ts";
import { readStateDict, type StateDictFile, type StateDictOptions } from "../../data/mod.ts";
import type { OfficialEntry } from "./official_layout.ts";
import { backboneEntries, headEntries, importOfficial } from "./official_names.ts";
import { renameWeight } from "./weight_names.ts";
import { accountOf, type WeightAccount } from "./weight_account.ts";
import { bareName, matchWeights, type SourceNaming, type WeightSource, withTensors } from "./weight_source.ts";
import { unwrapped } from "./wrapped_names.ts";

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
  /** What was read of the file, and what was not. */
  readonly account: WeightAccount;
}

/** Options of `loadBackbone`. */
export interface LoadBackboneOptions extends StateDictOptions {
  /** Type of the weights; float32 if not given. Half precision in files is widened. */
  readonly dtype?: DType;
}

/**
 * Takes the weights of a model from a file that was read.
 *
 * @param given Of `readStateDict`.
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
  given: StateDictFile,
  model: Model,
  options: Pick<LoadBackboneOptions, "dtype"> = {},
): Backbone {
  requireOptions("backboneOf", options, { dtype: true });
  const { dtype = "float32" } = options;
  const { file, wrappers } = unwrapped(given);
  const { skeleton, entries, source } = match(file, model);
  const { params, state } = importOfficial(skeleton, entries, source.read, { dtype });
  const found = headOf(file, model, { source, dtype });
  const account = accountOf({
    ...{ file, source, entries, model: model.name, others: found?.names ?? [] },
    ...{ headClasses: found?.classes ?? null, wrappers },
  });
  return { params, state, head: found?.head ?? null, naming: source.naming, account };
}

/**
 * Reads the weights of a model from a file: SparK's full checkpoints (wrapped or bare, with or without optimizer) and
 * backbones, timm's, torchvision's, Detectron2's, and checkpoints of this library, those of detectors too; in safetensors,
 * `.pth`, `.npz` or `.pkl`, known by the content. The largest group of tensors in a file is taken, whatever stands before
 * their names; of several sets, the one that the file says it stands for, else a moving average. The head of a fine-tuned
 * model comes along.
 *
 * @param path The file.
 * @param model The model; its sizes must be those of the file.
 * @param options Type of the weights; which of several sets.
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
  requireOptions("loadBackbone", options, { dtype: true, weights: true });
  const { weights, ...rest } = options;
  return backboneOf(await readStateDict(path, weights === undefined ? {} : { weights }), model, rest);
}

/** Where a backbone stands in the trees of this library: of pre-training and fine-tuning, of detectors, by itself. */
const OWN_ROOTS = ["encoder", "backbone", ""];

function match(file: StateDictFile, model: Model) {
  const skeleton = model.init(random.key(0));
  const entries = backboneEntries(skeleton);
  const source = matchWeights(file, entries, { model: model.name, own: OWN_ROOTS });
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
    match(unwrapped(withTensors(file, file.tensors)).file, model);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** Words of a name without their numbers: all stages of a network look alike. */
const wordOf = (name: string): string => name.replace(/\..*$/s, "").replaceAll(/\d+/g, "#");

/** A larger model of the same family would have all names of a smaller one, and more that begin alike. */
function refuseUnexpected(
  file: StateDictFile,
  { naming, prefix, keyOf }: WeightSource,
  { entries, model }: { readonly entries: readonly OfficialEntry[]; readonly model: Model },
): void {
  const known = new Set(entries.map(keyOf));
  // Files of this library hold parameters and statistics side by side: their trees, then the root.
  const roots = naming === "tessera"
    ? [...new Set(entries.map((entry) => keyOf(entry).slice(0, -entry.path.join(".").length)))]
    : [prefix];
  const words = new Set(
    roots.flatMap((root) =>
      [...known].filter((name) => name.startsWith(root)).map((name) => wordOf(name.slice(root.length)))
    ),
  );
  const isUnexpected = (name: string) =>
    !known.has(name) && roots.some((root) => name.startsWith(root) && words.has(wordOf(name.slice(root.length))));
  const unexpected = Object.keys(file.tensors).filter(isUnexpected);
  if (unexpected.length === 0) return;
  throw new RangeError(
    `Cannot load ${file.path} into ${model.name} as it must hold that model's weights alone: current file also has ` +
      `${unexpected[0]}${unexpected.length > 1 ? ` and ${unexpected.length - 1} more` : ""}`,
  );
}

/** A head that was found. */
interface FoundHead {
  readonly head: Tree;
  readonly classes: number;
  /** Names of its tensors in the file. */
  readonly names: readonly string[];
}

/**
 * What may stand before a head: what stands before the encoder, or less of it, as in `model.backbone.` and `model.fc`; else
 * whatever stands before the only one, as in `backbone.` and `head.fc`.
 */
function headPrefixes({ tensors }: StateDictFile, { prefix, prefixes }: WeightSource, key: string): readonly string[] {
  const words = prefix.split(".").slice(0, -1);
  const before = [...words.keys(), words.length].reverse().map((count) =>
    words.slice(0, count).map((word) => `${word}.`).join("")
  );
  const beside = Object.keys(tensors).filter((name) => name.endsWith(`.${key}`)).map((name) =>
    name.slice(0, -key.length)
  );
  const only = beside.length === 1 && !prefixes.some((other) => other !== "" && beside[0]!.startsWith(other));
  return only ? [...before, ...beside] : before;
}

function headOf(
  file: StateDictFile,
  model: Model & Partial<Classifier>,
  { source, dtype }: { readonly source: WeightSource; readonly dtype: DType },
): FoundHead | null {
  if (!model.initHead) return null;
  const entries = headEntries(model.initHead(random.key(0), { classes: 1 }));
  const scores = entries.find(({ key }) => /^(fc|head)\.weight$/.test(key)); // last layer, [classes, channels]
  if (!scores) return null;
  const isOurs = source.naming === "tessera";
  for (const prefix of isOurs ? [source.prefix] : headPrefixes(file, source, headKey(source, scores))) {
    // Heads have no `encoder` before their names but a `head`.
    const nameOf = (entry: OfficialEntry) => prefix + headKey(source, entry);
    const found = file.tensors[nameOf(scores)];
    if (!found || found.shape.length !== 2) continue;
    const [classes, channels] = isOurs ? found.shape.toReversed() as [number, number] : found.shape as [number, number];
    if (channels !== model.channels.at(-1)) continue;
    const head = readHead(file, model, { source, classes, nameOf, dtype });
    if (head) return head;
  }
  const layer = isOurs ? null : onlyLayer(file, source, model);
  if (layer === null || entries.length !== 2) return null;
  const classes = file.tensors[`${layer}.weight`]!.shape[0]!;
  return readHead(file, model, { source, classes, nameOf: ({ key }) => key.replace(/^.*(?=\.)/, layer), dtype });
}

/** Reads a head whose tensors are called as `nameOf` says; null where one of them is not there. */
function readHead(
  file: StateDictFile,
  model: Model & Partial<Classifier>,
  { source, classes, nameOf, dtype }: {
    readonly source: WeightSource;
    readonly classes: number;
    readonly nameOf: (entry: OfficialEntry) => string;
    readonly dtype: DType;
  },
): FoundHead | null {
  const skeleton = { params: model.initHead!(random.key(0), { classes }), state: {} };
  const own = headEntries(skeleton.params);
  if (own.some((entry) => !Object.hasOwn(file.tensors, nameOf(entry)))) return null;
  const tensors = Object.fromEntries(
    own.map((entry) => [bareName(headKey(source, entry)), file.tensors[nameOf(entry)]!]),
  );
  const matched = matchWeights(withTensors(file, tensors), own, { model: `the head of ${model.name}`, own: ["head"] });
  const head = importOfficial(skeleton, own, matched.read, { dtype }).params;
  return { head, classes, names: own.map(nameOf) };
}

/**
 * The only linear layer of a file whose network has no others, under whatever name: `fc.1` of a sequence with dropout,
 * `last_linear`, `classifier`. Several are no head of one layer.
 */
function onlyLayer({ tensors }: StateDictFile, { prefix, prefixes }: WeightSource, { channels }: Model): string | null {
  const isOther = (name: string) =>
    prefixes.some((other) => other !== prefix && other !== "" && name.startsWith(other));
  const flat = Object.entries(tensors).filter(([name, { shape }]) => shape.length === 2 && !isOther(name));
  const [[name, tensor] = ["", null]] = flat;
  if (flat.length !== 1 || !name.endsWith(".weight") || tensor?.shape[1] !== channels.at(-1)) return null;
  const layer = name.slice(0, -".weight".length);
  const bias = tensors[`${layer}.bias`];
  return bias?.shape.length === 1 && bias.shape[0] === tensor!.shape[0] ? layer : null;
}

/** Name under which a head's weight is looked for: without what stands before the encoder. */
function headKey({ naming }: WeightSource, entry: OfficialEntry): string {
  if (naming === "tessera") return ["params.head", ...entry.path].join(".");
  return renameWeight(entry.key, naming);
}
