/** @file What torchvision and detectron2 call the weights of a whole detector, and how they lie there. */
import { requireOptions } from "../../tensor/kernel.ts";
import { type Shape, Tensor } from "../../tensor/mod.ts";
import type { Detector, DetectorParams, DetectorState } from "../../nn/mod.ts";
import { type OfficialEntry, permutationOf } from "./official_layout.ts";
import { backboneEntries } from "./official_names.ts";
import { renameWeight } from "./weight_names.ts";

/** Whose names a detector's file has. */
export type DetectorNaming = "torchvision" | "detectron2";

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

/** Names of the parts of a detector. */
interface PartNames {
  readonly lateral: (i: number) => UnitNames;
  readonly output: (i: number) => UnitNames;
  readonly rpnConv: (i: number) => readonly string[];
  readonly rpnLogits: string;
  readonly rpnDeltas: string;
  readonly boxConv: (i: number) => UnitNames;
  readonly fc: (i: number) => string;
  readonly logits: string;
  readonly deltas: string;
  readonly maskConv: (i: number) => UnitNames;
  readonly upsample: string;
  readonly maskLogits: string;
}

/** Names of a convolution, the first of which is written, and of its norm. */
interface UnitNames {
  readonly conv: readonly string[];
  readonly norm: string;
}

function torchvisionNames({ settings: { boxConvs, boxFcs } }: Detector): PartNames {
  const unit = (name: string, ...old: readonly string[]) => ({ conv: [`${name}.0`, ...old], norm: `${name}.1` });
  const isPlain = boxConvs.length === 0 && boxFcs.length === 2;
  const pyramid = (part: string) => (i: number) => unit(`backbone.fpn.${part}.${i}`, `backbone.fpn.${part}.${i}`);
  return {
    lateral: pyramid("inner_blocks"),
    output: pyramid("layer_blocks"),
    rpnConv: (i) => [`rpn.head.conv.${i}.0`, ...(i === 0 ? ["rpn.head.conv"] : [])],
    rpnLogits: "rpn.head.cls_logits",
    rpnDeltas: "rpn.head.bbox_pred",
    boxConv: (i) => unit(`roi_heads.box_head.${i}`),
    // A sequence: convolutions, flattening, then linear layers and activations in turn.
    fc: (i) => `roi_heads.box_head.${isPlain ? `fc${6 + i}` : boxConvs.length + 1 + 2 * i}`,
    logits: "roi_heads.box_predictor.cls_score",
    deltas: "roi_heads.box_predictor.bbox_pred",
    maskConv: (i) => unit(`roi_heads.mask_head.${i}`, `roi_heads.mask_head.mask_fcn${i + 1}`),
    upsample: "roi_heads.mask_predictor.conv5_mask",
    maskLogits: "roi_heads.mask_predictor.mask_fcn_logits",
  };
}

function detectron2Names({ settings: { rpnConvs, strides } }: Detector): PartNames {
  const unit = (name: string) => ({ conv: [name], norm: `${name}.norm` });
  const finest = Math.log2(strides[0]!);
  return {
    lateral: (i) => unit(`backbone.fpn_lateral${finest + i}`),
    output: (i) => unit(`backbone.fpn_output${finest + i}`),
    rpnConv: (i) => [`proposal_generator.rpn_head.conv${rpnConvs > 1 ? `.conv${i}` : ""}`],
    rpnLogits: "proposal_generator.rpn_head.objectness_logits",
    rpnDeltas: "proposal_generator.rpn_head.anchor_deltas",
    boxConv: (i) => unit(`roi_heads.box_head.conv${i + 1}`),
    fc: (i) => `roi_heads.box_head.fc${i + 1}`,
    logits: "roi_heads.box_predictor.cls_score",
    deltas: "roi_heads.box_predictor.bbox_pred",
    maskConv: (i) => unit(`roi_heads.mask_head.mask_fcn${i + 1}`),
    upsample: "roi_heads.mask_head.deconv",
    maskLogits: "roi_heads.mask_head.predictor",
  };
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
  const entries = backboneEntries({ params: params.backbone, state: state.backbone });
  if (backbone.densifyNorm !== "bn") {
    throw new RangeError(
      `Cannot name the weights as ${naming} as it has detectors of ResNets only: current backbone is ${backbone.name} ` +
        "(save and load keep all others)",
    );
  }
  const keyOf = naming === "torchvision"
    ? (key: string) => `backbone.body.${key}`
    : (key: string) => `backbone.bottom_up.${renameWeight(key, "detectron2")}`;
  return entries.map((entry) => ({
    ...entry,
    key: keyOf(entry.key),
    path: ["backbone", ...entry.path],
    fileShape: entry.shape,
    aliases: [],
  }));
}

/** Settings of `detectorEntries`. */
export interface DetectorEntryOptions {
  /** Whose names. */
  readonly naming: DetectorNaming;
  /** Where background stands among the classes; `first` for torchvision's names, `last` for detectron2's by default. */
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
 * @param model The detector; its backbone is a ResNet.
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
  const names = naming === "torchvision" ? torchvisionNames(model) : detectron2Names(model);
  const count = (n: number) => Array.from({ length: n }, (_, i) => i);
  const columns = channelsFirst(boxConvs.at(-1) ?? fpnChannels, boxSize);
  const rows = (each: number, own: number | null): Order =>
    background === "first" ? { rows: backgroundFirst(classes, each, own) } : {};
  const at = (...path: readonly (string | number)[]) => path.map(String);
  const maps = count(strides.length - 1);
  return [
    ...backbonePart(model, weights, naming),
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
