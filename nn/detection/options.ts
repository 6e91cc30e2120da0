/** @file What varies between detectors: sizes, and the rules by which detectron2, torchvision and mmdetection differ. */
import type { BoxWeights } from "../../data/boxes/box_coder.ts";
import type { MatchOptions } from "../../data/boxes/matcher.ts";
import { RPN_MATCH } from "../../data/boxes/rpn_targets.ts";
import { type OptionNames, requireOptions } from "../../tensor/parts.ts";
import type { Model } from "../models/model.ts";

/** Whose rules are followed where an option is not given. */
export type DetectorVariant = "detectron2" | "torchvision" | "mmdetection";

/** Rules that the libraries differ in. */
export interface DetectorRules {
  /** True to round anchors of a cell to whole pixels. */
  readonly roundAnchors: boolean;
  /** Pixels from one anchor to the next: the `stride` of the map, or those of the padded image by the cells, rounded down (`fit`). */
  readonly anchorStep: "stride" | "fit";
  /** Order of anchors of a cell of several sizes. */
  readonly anchorOuter: "size" | "ratio";
  /** False to learn from no anchor that lies in the filling of an image, beyond the stride of the backbone. */
  readonly paddingAnchors: boolean;
  /** Matching of anchors. */
  readonly rpnMatch: MatchOptions;
  /** Overlap from which a proposal belongs to an object, and perhaps the rule of proposals that are best for one. */
  readonly roiMatch: Pick<MatchOptions, "high" | "lowQuality" | "minimum">;
  /** What losses of the proposal network are divided by: anchors that are asked for (`batch`) or found (`sampled`). */
  readonly rpnDivisor: "batch" | "sampled";
  /** Proposals are sorted over all levels by `logit` or by `sigmoid`, which is 1 for many of them in float32. */
  readonly proposalOrder: "logit" | "sigmoid";
  /** Proposals after suppression, in training and evaluation. */
  readonly postNms: readonly [train: number, evaluate: number];
  /** Sides of proposals: more than 0 (0), or this and more. */
  readonly leastProposalSide: number;
  /** Sides of boxes that are found: any (0), or this and more. */
  readonly leastBoxSide: number;
  /** Error from which the losses of boxes grow linearly. */
  readonly boxBeta: number;
  /** True to cut differences of sides from below too. */
  readonly clampBelow: boolean;
  /** True to move regions by half a cell. */
  readonly aligned: boolean;
  /** Samples of a bin along an axis; 0: as many as it has cells. */
  readonly sampling: number;
  /** Where the small number stands that decides levels of boxes at their bounds. */
  readonly levelRule: DetectorVariant;
  /** Target of the mask head: bins of which half is set (`binary`), or the share that is set, not aligned (`soft`). */
  readonly maskTarget: "binary" | "soft";
  /** How masks are put into images, by `pasteMask`. */
  readonly paste: "centres" | "integer";
}

/** Rules of each library. */
export const DETECTOR_RULES: Readonly<Record<DetectorVariant, DetectorRules>> = {
  detectron2: {
    ...{ roundAnchors: false, anchorStep: "stride", anchorOuter: "size", paddingAnchors: true },
    ...{ rpnMatch: RPN_MATCH, roiMatch: { high: 0.5 } },
    ...{ rpnDivisor: "batch", proposalOrder: "logit", postNms: [1000, 1000], leastProposalSide: 0, leastBoxSide: 0 },
    ...{ boxBeta: 0, clampBelow: false, aligned: true, sampling: 0, levelRule: "detectron2" },
    ...{ maskTarget: "binary", paste: "centres" },
  },
  torchvision: {
    ...{ roundAnchors: true, anchorStep: "fit", anchorOuter: "ratio", paddingAnchors: true },
    ...{ rpnMatch: RPN_MATCH, roiMatch: { high: 0.5 } },
    ...{ rpnDivisor: "sampled", proposalOrder: "sigmoid", postNms: [2000, 1000] },
    ...{ leastProposalSide: 1e-3, leastBoxSide: 1e-2, boxBeta: 1 / 9, clampBelow: false, aligned: false, sampling: 2 },
    ...{ levelRule: "torchvision", maskTarget: "soft", paste: "integer" },
  },
  mmdetection: {
    ...{ roundAnchors: false, anchorStep: "stride", anchorOuter: "size", paddingAnchors: false },
    rpnMatch: { low: 0.3, high: 0.7, lowQuality: "caller", minimum: 0.3 },
    roiMatch: { high: 0.5, lowQuality: "caller", minimum: 0.5 },
    ...{
      rpnDivisor: "sampled",
      proposalOrder: "sigmoid",
      postNms: [1000, 1000],
      leastProposalSide: 0,
      leastBoxSide: 0,
    },
    ...{ boxBeta: 0, clampBelow: true, aligned: true, sampling: 0, levelRule: "mmdetection" },
    ...{ maskTarget: "binary", paste: "centres" },
  },
};

/** Sizes and rules of a detector. */
export interface DetectorOptions extends Partial<DetectorRules> {
  /** Network whose maps are read: a ResNet or ConvNeXt. */
  readonly backbone: Model;
  /** Classes of objects, without background. */
  readonly classes: number;
  /** Whose rules fill what is not given; `detectron2` by default. */
  readonly variant?: DetectorVariant;
  /** True, the default, for Mask R-CNN; false for Faster R-CNN, which has boxes only. */
  readonly masks?: boolean;
  /**
   * Batch norms of the backbone: `live` (the default): of the batch and trained, as SparK's recipe; `frozen`: running
   * statistics, scales and shifts stay as they are.
   */
  readonly backboneNorm?: "live" | "frozen";
  /**
   * Parts of the backbone that are not learned, from the input on, and whose batch norms take running statistics: 0 none (the
   * default), 1 the stem, 2 the first stage too, and so on; FREEZE_AT of detectron2. A ResNet's or a ConvNeXt's.
   */
  readonly freezeAt?: number;
  /** `batch` for batch norm in pyramid and heads; `none` (the default): biases instead. */
  readonly headNorm?: "batch" | "none";
  /** Channels of the pyramid; 256 by default. */
  readonly fpnChannels?: number;
  /** Sizes of the anchors of each map, pooled one included; 32 to 512 by default. */
  readonly anchorSizes?: readonly (readonly number[])[];
  /** Height over width of anchors; 0.5, 1, 2 by default. */
  readonly anchorRatios?: readonly number[];
  /** Convolutions of the proposal head; 1 by default. */
  readonly rpnConvs?: number;
  /** Best proposals of each level before suppression, in training and evaluation; 2000 and 1000 by default. */
  readonly preNms?: readonly [train: number, evaluate: number];
  /** Overlap above which proposals suppress; 0.7 by default. */
  readonly rpnNms?: number;
  /** Anchors of an image that are learned from; 256 by default, at most half of them of objects. */
  readonly rpnBatchSize?: number;
  /** Proposals of an image that are learned from; 512 by default. */
  readonly roiBatchSize?: number;
  /** At most this share of them belongs to objects; 0.25 by default. */
  readonly roiPositiveFraction?: number;
  /** Rows and columns that the box head reads; 7 by default. */
  readonly boxSize?: number;
  /** Channels of the 3×3 convolutions of the box head; none by default. */
  readonly boxConvs?: readonly number[];
  /** Widths of the linear layers of the box head; 1024 and 1024 by default. */
  readonly boxFcs?: readonly number[];
  /** Rows and columns that the mask head reads; 14 by default, its masks are twice as fine. */
  readonly maskSize?: number;
  /** Channels of the 3×3 convolutions of the mask head; four of 256 by default. */
  readonly maskConvs?: readonly number[];
  /** Side of a box in pixels that belongs to the third map; 224 by default. */
  readonly canonicalScale?: number;
  /** Least score of what is found; 0.05 by default, exclusive. */
  readonly scoreThreshold?: number;
  /** Overlap above which boxes of a class suppress; 0.5 by default. */
  readonly boxNms?: number;
  /** Most objects of an image; 100 by default. */
  readonly detections?: number;
}

/** All sizes and rules. */
export interface DetectorSettings extends DetectorRules, Required<Omit<DetectorOptions, keyof DetectorRules>> {
  /** Pixels a cell of each map of the pyramid, the pooled one included. */
  readonly strides: readonly number[];
}

/** All options of a detector. */
const NAMES = {
  ...{ roundAnchors: true, anchorStep: true, anchorOuter: true, paddingAnchors: true },
  ...{ rpnMatch: true, roiMatch: true, rpnDivisor: true },
  ...{
    proposalOrder: true,
    postNms: true,
    leastProposalSide: true,
    leastBoxSide: true,
    boxBeta: true,
    clampBelow: true,
  },
  ...{ aligned: true, sampling: true, levelRule: true, maskTarget: true, paste: true, backbone: true },
  ...{
    classes: true,
    variant: true,
    masks: true,
    backboneNorm: true,
    freezeAt: true,
    headNorm: true,
    fpnChannels: true,
  },
  ...{ anchorSizes: true, anchorRatios: true, rpnConvs: true, preNms: true, rpnNms: true, rpnBatchSize: true },
  ...{ roiBatchSize: true, roiPositiveFraction: true, boxSize: true, boxConvs: true, boxFcs: true, maskSize: true },
  ...{ maskConvs: true, canonicalScale: true, scoreThreshold: true, boxNms: true, detections: true },
} satisfies OptionNames<DetectorOptions>;

/** What differences of boxes are multiplied by in the box head. */
export const BOX_WEIGHTS: BoxWeights = [10, 10, 5, 5];

/**
 * Fills in all defaults.
 *
 * @param options As given.
 * @returns Every setting.
 * @throws {RangeError} If a number is out of range, or there are not as many lists of sizes as maps.
 */
export function settingsOf(options: DetectorOptions): DetectorSettings {
  requireOptions("detector", options, NAMES);
  const { backbone, classes, variant = "detectron2" } = options;
  if (!Object.hasOwn(DETECTOR_RULES, variant)) {
    const names = Object.keys(DETECTOR_RULES).join(", ");
    throw new RangeError(`Cannot make a detector as variant must be one of ${names}: current variant is ${variant}`);
  }
  if (!(Number.isSafeInteger(classes) && classes > 0)) {
    throw new RangeError(`Cannot make a detector as classes must be 1 or more: current classes are ${classes}`);
  }
  const maps = backbone.channels.length;
  const { freezeAt = 0 } = options;
  if (!(Number.isSafeInteger(freezeAt) && freezeAt >= 0 && freezeAt <= maps + 1)) {
    throw new RangeError(
      `Cannot make a detector as freezeAt must be a whole number of parts, from 0 to ${
        maps + 1
      }: current freezeAt is ${freezeAt}`,
    );
  }
  const strides = Array.from({ length: maps + 1 }, (_, i) => backbone.stride / 2 ** (maps - 1 - i));
  const settings = {
    ...DETECTOR_RULES[variant],
    ...{ masks: true, backboneNorm: "live", freezeAt: 0, headNorm: "none", fpnChannels: 256 },
    anchorRatios: [0.5, 1, 2],
    anchorSizes: strides.map((stride) => [8 * stride]),
    ...{ rpnConvs: 1, preNms: [2000, 1000], rpnNms: 0.7, rpnBatchSize: 256, roiBatchSize: 512 },
    ...{ roiPositiveFraction: 0.25, boxSize: 7, boxConvs: [], boxFcs: [1024, 1024], maskSize: 14 },
    ...{ maskConvs: [256, 256, 256, 256], canonicalScale: 224, scoreThreshold: 0.05, boxNms: 0.5, detections: 100 },
    ...options,
    ...{ variant, strides },
  } as DetectorSettings;
  if (settings.anchorSizes.length !== strides.length) {
    throw new RangeError(
      `Cannot make a detector as each of the ${strides.length} maps must have anchor sizes: current number of lists is ` +
        `${settings.anchorSizes.length}`,
    );
  }
  return settings;
}
