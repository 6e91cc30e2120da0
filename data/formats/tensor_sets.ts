/** @file Finds the weights among whatever a training script saved: the largest group of tensors, wherever it lies. */
import { FileTensor } from "./file_tensor.ts";
import { PickleObject, PickleTuple } from "./pickle/pickle_value.ts";

/** A dictionary of tensors inside a file. */
export interface TensorSet {
  /** The keys that lead to it, such as `state_dict` or `checkpoint.model`; empty for the file itself. */
  readonly name: string;
  /** The same, one by one. */
  readonly keys: readonly string[];
  /** What it holds: tensors, and other values beside them. */
  readonly items: ReadonlyMap<unknown, unknown>;
  /** Number of its weights: tensors of fractions that are no single numbers. */
  readonly size: number;
}

/** A set is as large as another if it has at least this share of its tensors: an average, a teacher, a second network. */
const COMPARABLE = 0.5;

/** Deeper than any file that has been seen; objects may refer to each other. */
const MAX_DEPTH = 32;

/** What is like a dictionary: one, or the items or attributes of an object. */
function mapOf(value: unknown): ReadonlyMap<unknown, unknown> | null {
  if (value instanceof Map) return value;
  if (!(value instanceof PickleObject)) return null;
  return value.items.size > 0 ? value.items : value.state instanceof Map ? value.state : null;
}

/** Parts of a value that weights may lie in, by their keys. Keys that are numbers are those of optimizers. */
function partsOf(value: unknown): readonly (readonly [string, unknown])[] {
  const elements = value instanceof PickleTuple ? value.items : value;
  if (Array.isArray(elements)) return elements.map((item, i) => [String(i), item]);
  const items = isModule(value) ? [] : [...mapOf(value) ?? []];
  return items.flatMap(([key, item]) => typeof key === "string" ? [[key, item] as const] : []);
}

/** Calls back with every container inside a value once, in the order of the file. */
function visit(root: unknown, see: (value: object, keys: readonly string[]) => void): void {
  const seen = new Set<unknown>();
  const walk = (value: unknown, keys: readonly string[]): void => {
    if (typeof value !== "object" || value === null || value instanceof FileTensor) return;
    if (seen.has(value) || keys.length > MAX_DEPTH) return;
    seen.add(value);
    see(value, keys);
    for (const [key, part] of partsOf(value)) walk(part, [...keys, key]);
  };
  walk(root, []);
}

/** Losses, counts and states of random generators are no weights. */
const isWeight = (item: unknown): boolean =>
  item instanceof FileTensor && item.shape.length > 0 && /^(?:B?F\d+)$/.test(item.dtype);

/** A set of whatever tensors is one too, but smaller than any of weights. */
function sizeOf(items: ReadonlyMap<unknown, unknown>): number {
  const tensors = [...items.values()].filter((item) => item instanceof FileTensor);
  return tensors.length === 0 ? 0 : tensors.filter(isWeight).length || 1e-6 * tensors.length;
}

/**
 * Finds the sets of weights in what a file holds.
 *
 * @param value What was read of a pickle.
 * @returns The largest set, and those that have at least half of its tensors, in the order of the file; none if there is
 * no tensor in a dictionary. Moments of optimizers and gradients, by their names, are no weights where there are others.
 */
export function tensorSets(value: unknown): readonly TensorSet[] {
  const found: TensorSet[] = [];
  visit(value, (part, keys) => {
    const items = isModule(part) ? null : mapOf(part);
    const size = items && sizeOf(items);
    if (items && size) found.push({ name: keys.join("."), keys, items, size });
  });
  const weights = found.filter(({ name }) => !isTrainingName(name));
  const sets = weights.length > 0 ? weights : found;
  const largest = Math.max(0, ...sets.map(({ size }) => size));
  return sets.filter(({ size }) => size >= COMPARABLE * largest);
}

/** What `torch.nn.Module` keeps its parts in. */
function isModule(value: unknown): value is PickleObject {
  return value instanceof PickleObject && value.state instanceof Map && value.state.has("_modules") &&
    value.state.has("_parameters");
}

/**
 * Finds a whole model among what a file holds: an object with its code, not only its weights.
 *
 * @param value What was read of a pickle.
 * @returns Its class, and the keys that lead to it; `null` if there is none.
 */
export function wholeModelIn(value: unknown): { readonly name: string; readonly keys: readonly string[] } | null {
  const found: { name: string; keys: readonly string[] }[] = [];
  visit(value, (part, keys) => {
    if (isModule(part)) found.push({ name: part.name, keys });
  });
  return found[0] ?? null;
}

/**
 * Lists the classes of objects that were passed over.
 *
 * @param value What was read of a pickle.
 * @returns How many there are of each class, by its name.
 */
export function objectsIn(value: unknown): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  visit(value, (part) => {
    if (part instanceof PickleObject) counts.set(part.name, (counts.get(part.name) ?? 0) + 1);
  });
  return counts;
}

/** Words by which scripts name a moving average of weights. */
const AVERAGE = /(^|[._])(ema|average|averaged|avg|swa|teacher)([._]|\d*$)/i;

/** Keys by which scripts name what optimizers keep of each weight, and gradients. A `momentum_encoder` is a network. */
const TRAINING =
  /(^|\.)((\w+_)?optim(izer)?s?(_\w+)?|exp_avg(_sq)?s?|moments?|momentums?|momentum_buffers?|velocity|grads?|gradients?)(\.|$)/i;

/** Whether the name of a set says that it is kept for training: as large as the weights, and none. */
function isTrainingName(name: string): boolean {
  return TRAINING.test(name);
}

/**
 * Tells whether the name of a set says that it is a moving average.
 *
 * @param name Keys or a prefix, such as `state_dict_ema`, `teacher` or `average.`.
 * @returns True if it does; the averages of gradients that optimizers keep are none.
 */
export function isAverageName(name: string): boolean {
  return AVERAGE.test(name) && !isTrainingName(name);
}

/**
 * Chooses one of several sets.
 *
 * @param names Their names, in the order of the file, the largest first where one is.
 * @param asked Name, its last part, `average` or `raw`; the average if there is one, else the first, if not given.
 * @returns Its index; -1 if what was asked for is not among them. What optimizers keep is none unless it is asked for by name.
 */
export function chosenSet(names: readonly string[], asked: string | undefined): number {
  const averages = names.map(isAverageName);
  const raw = names.findIndex((name, i) => !averages[i] && !isTrainingName(name));
  if (asked === undefined) return averages.includes(true) ? averages.indexOf(true) : Math.max(0, raw);
  const plain = names.map((name) => name.replace(/\.$/, ""));
  const exact = plain.indexOf(asked.replace(/\.$/, ""));
  if (exact >= 0) return exact;
  const ends = plain.flatMap((name, i) => name.endsWith(`.${asked}`) ? [i] : []);
  if (ends.length === 1) return ends[0]!;
  if (asked === "average") return averages.indexOf(true);
  return asked === "raw" ? raw : -1;
}
