/** @file What torchvision, detectron2 and mmdetection call the parts of a detector. */
import type { DetectorSettings } from "../../nn/mod.ts";
import { renameWeight } from "./weight_names.ts";

/**
 * Whose names a detector's file has. Those of mmdetection are of version 2 and later; files of SparK's and ConvNeXt's authors
 * have them.
 */
export type DetectorNaming = "torchvision" | "detectron2" | "mmdetection";

/** All namings, in the order in which a file's is looked for. */
export const DETECTOR_NAMINGS: readonly DetectorNaming[] = ["torchvision", "detectron2", "mmdetection"];

/** Names of the parts of a detector. */
export interface PartNames {
  /** Of the layer norm of a ConvNeXt's map. */
  readonly norm: (i: number) => string;
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
export interface UnitNames {
  readonly conv: readonly string[];
  readonly norm: string;
}

function torchvisionNames({ boxConvs, boxFcs }: DetectorSettings): PartNames {
  const unit = (name: string, ...old: readonly string[]) => ({ conv: [`${name}.0`, ...old], norm: `${name}.1` });
  const isPlain = boxConvs.length === 0 && boxFcs.length === 2;
  const pyramid = (part: string) => (i: number) => unit(`backbone.fpn.${part}.${i}`, `backbone.fpn.${part}.${i}`);
  return {
    norm: (i) => `backbone.body.norm${i}`,
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

function detectron2Names({ rpnConvs, strides }: DetectorSettings): PartNames {
  const unit = (name: string) => ({ conv: [name], norm: `${name}.norm` });
  const finest = Math.log2(strides[0]!);
  return {
    norm: (i) => `backbone.bottom_up.norm${i}`,
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

function mmdetectionNames({ rpnConvs }: DetectorSettings): PartNames {
  const unit = (name: string) => ({ conv: [`${name}.conv`], norm: `${name}.bn` });
  return {
    norm: (i) => `backbone.norm${i}`,
    lateral: (i) => unit(`neck.lateral_convs.${i}`),
    output: (i) => unit(`neck.fpn_convs.${i}`),
    rpnConv: (i) => [`rpn_head.rpn_conv${rpnConvs > 1 ? `.${i}.conv` : ""}`],
    rpnLogits: "rpn_head.rpn_cls",
    rpnDeltas: "rpn_head.rpn_reg",
    boxConv: (i) => unit(`roi_head.bbox_head.shared_convs.${i}`),
    fc: (i) => `roi_head.bbox_head.shared_fcs.${i}`,
    logits: "roi_head.bbox_head.fc_cls",
    deltas: "roi_head.bbox_head.fc_reg",
    maskConv: (i) => unit(`roi_head.mask_head.convs.${i}`),
    upsample: "roi_head.mask_head.upsample",
    maskLogits: "roi_head.mask_head.conv_logits",
  };
}

const NAMES: Readonly<Record<DetectorNaming, (settings: DetectorSettings) => PartNames>> = {
  torchvision: torchvisionNames,
  detectron2: detectron2Names,
  mmdetection: mmdetectionNames,
};

/** Names of all parts of a detector. */
export function partNames(settings: DetectorSettings, naming: DetectorNaming): PartNames {
  return NAMES[naming](settings);
}

/** What stands before the names of the backbone. */
export const BACKBONE_PREFIXES: Readonly<Record<DetectorNaming, string>> = {
  torchvision: "backbone.body.",
  detectron2: "backbone.bottom_up.",
  mmdetection: "backbone.",
};

/** Name of a weight of the backbone; detectron2 renames those of ResNets. */
export function backboneKey(key: string, naming: DetectorNaming, isResnet: boolean): string {
  const own = naming === "detectron2" && isResnet ? renameWeight(key, "detectron2") : key;
  return BACKBONE_PREFIXES[naming] + own;
}
