/** @file What other libraries call the weights of a whole detector, and how they lie there. */
import { requireOptions } from "../../tensor/kernel.ts";
import { type Shape, Tensor } from "../../tensor/mod.ts";
import type { Detector, DetectorParams, DetectorState } from "../../nn/mod.ts";
import { type OfficialEntry, permutationOf } from "./official_layout.ts";
import { backboneEntries } from "./official_names.ts";
import { backboneKey, type DetectorNaming, partNames, type UnitNames } from "./detector_part_names.ts";

/** Parameters and running statistics of a detector. */
export interface DetectorWeights {
  /** What is trained. */
  readonly params: DetectorParams;
  /** Running statistics of norms. */
  readonly state: DetectorState;
}

/** A tensor of a detector's file: rows and columns may stand in another order, and rows that nothing reads be added. */
export interface DetectorEntry extends OfficialEntry {
  /** Other names that files have for it, of older versions. */
  readonly aliases: readonly string[];
  /** Shape in the file. */
  readonly fileShape: Shape;
  /** For each row of the file, its row in the order of `shape`; -1 for one that nothing reads. As they are if not given. */
  readonly rows?: readonly number[];
  /** For each column of the file, its column in the order of `shape`. */
  readonly columns?: readonly number[];
}

const BUFFERS = [["runningMean", "running_mean"], ["runningVar", "running_var"], [
  "count",
  "num_batches_tracked",
]] as const;

/** How rows and columns stand in the file. */
type Order = Pick<DetectorEntry, "rows" | "columns">;

function at(tree: unknown, path: readonly string[]): unknown {
  return path.reduce((node, name) => (node as Readonly<Record<string, unknown>> | undefined)?.[name], tree);
}

/** Entries of a record of weight and bias, under a name; the first name is written. */
function layer(
  weights: DetectorWeights,
  path: readonly string[],
  [name, ...old]: readonly string[],
  order: Order = {},
): readonly DetectorEntry[] {
  return ["weight", "bias"].flatMap((part) => {
    const x = at(weights.params, [...path, part]);
    if (!(x instanceof Tensor)) return [];
    const { rows, columns } = order;
    const own = { ...(rows ? { rows } : {}), ...(columns && part === "weight" ? { columns } : {}) };
    return [
      entryOf(x, "params", [...path, part], { name: `${name}.${part}`, old: old.map((o) => `${o}.${part}`) }, own),
    ];
  });
}

function entryOf(
  x: Tensor,
  tree: "params" | "state",
  path: readonly string[],
  { name, old }: { readonly name: string; readonly old: readonly string[] },
  order: Order,
): DetectorEntry {
  const shape = permutationOf(x.shape.length).map((axis) => x.shape[axis]!);
  return {
    key: name,
    aliases: old,
    shape,
    fileShape: order.rows ? [order.rows.length, ...shape.slice(1)] : shape,
    dtype: path.at(-1) === "count" ? "int64" : "float32",
    kind: tree === "params" ? "param" : "buffer",
    decays: false,
    tree,
    path,
    ownShape: x.shape,
    ...order,
  };
}

/** A convolution with its norm. */
function unit(weights: DetectorWeights, path: readonly string[], { conv, norm }: UnitNames): readonly DetectorEntry[] {
  const buffers = BUFFERS.flatMap(([own, key]) => {
    const x = at(weights.state, [...path, "norm", own]);
    const named = { name: `${norm}.${key}`, old: [] };
    return x instanceof Tensor ? [entryOf(x, "state", [...path, "norm", own], named, {})] : [];
  });
  return [...layer(weights, [...path, "conv"], conv), ...layer(weights, [...path, "norm"], [norm]), ...buffers];
}

function backbonePart(model: Detector, { params, state }: DetectorWeights, naming: DetectorNaming): DetectorEntry[] {
  const { backbone } = model.settings;
  const isResnet = backbone.densifyNorm === "bn";
  if (naming === "torchvision" && !isResnet) {
    throw new RangeError(
      `Cannot name the weights as torchvision as it has detectors of ResNets only: current backbone is ${backbone.name} ` +
        "(detectron2 and mmdetection have names for it)",
    );
  }
  return backboneEntries({ params: params.backbone, state: state.backbone }).map((entry) => ({
    ...entry,
    key: backboneKey(entry.key, naming, isResnet),
    path: ["backbone", ...entry.path],
    fileShape: entry.shape,
    aliases: [],
  }));
}

/** Settings of `detectorEntries`. */
export interface DetectorEntryOptions {
  /** Whose names. */
  readonly naming: DetectorNaming;
  /** Where background stands among the classes; `first` for torchvision's names, `last` for all others by default. */
  readonly background?: "first" | "last";
}

/** Rows of the outputs of `each` numbers a class where background stands first; nothing reads its own but the class scores. */
function backgroundFirst(classes: number, each: number, background: number | null): readonly number[] {
  const first = Array.from({ length: each }, () => background ?? -1);
  return [...first, ...Array.from({ length: classes * each }, (_, i) => i)];
}

/** Columns of the first linear layer: files flatten channels first. */
function channelsFirst(channels: number, size: number): readonly number[] {
  const cells = size * size;
  return Array.from({ length: channels * cells }, (_, i) => (i % cells) * channels + Math.floor(i / cells));
}

/**
 * The tensors of a detector under the names of another library.
 *
 * @param model The detector.
 * @param weights Parameters and state, for their shapes.
 * @param options Names.
 * @returns One entry a tensor.
 * @throws {RangeError} If the library has no such backbone.
 */
export function detectorEntries(
  model: Detector,
  weights: DetectorWeights,
  options: DetectorEntryOptions,
): readonly DetectorEntry[] {
  requireOptions("detectorEntries", options, { naming: true, background: true });
  const { naming, background = naming === "torchvision" ? "first" : "last" } = options;
  const { classes, boxConvs, boxFcs, boxSize, fpnChannels, maskConvs, rpnConvs, strides } = model.settings;
  const names = partNames(model.settings, naming);
  const count = (n: number) => Array.from({ length: n }, (_, i) => i);
  const columns = channelsFirst(boxConvs.at(-1) ?? fpnChannels, boxSize);
  const rows = (each: number, own: number | null): Order =>
    background === "first" ? { rows: backgroundFirst(classes, each, own) } : {};
  const at = (...path: readonly (string | number)[]) => path.map(String);
  const maps = count(strides.length - 1);
  return [
    ...backbonePart(model, weights, naming),
    ...weights.params.norms.flatMap((_, i) => layer(weights, at("norms", i), [names.norm(i)])),
    ...maps.flatMap((i) => unit(weights, at("fpn", "lateral", i), names.lateral(i))),
    ...maps.flatMap((i) => unit(weights, at("fpn", "output", i), names.output(i))),
    ...count(rpnConvs).flatMap((i) => layer(weights, at("rpn", "convs", i), names.rpnConv(i))),
    ...layer(weights, ["rpn", "logits"], [names.rpnLogits]),
    ...layer(weights, ["rpn", "deltas"], [names.rpnDeltas]),
    ...boxConvs.flatMap((_, i) => unit(weights, at("box", "convs", i), names.boxConv(i))),
    ...boxFcs.flatMap((_, i) => layer(weights, at("box", "fcs", i), [names.fc(i)], i === 0 ? { columns } : {})),
    ...layer(weights, ["box", "logits"], [names.logits], rows(1, classes)),
    ...layer(weights, ["box", "deltas"], [names.deltas], rows(4, null)),
    ...(weights.params.mask ? maskConvs : []).flatMap((_, i) =>
      unit(weights, at("mask", "convs", i), names.maskConv(i))
    ),
    ...(weights.params.mask ? layer(weights, ["mask", "upsample"], [names.upsample]) : []),
    ...(weights.params.mask ? layer(weights, ["mask", "logits"], [names.maskLogits], rows(1, null)) : []),
  ];
}
