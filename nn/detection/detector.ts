/** @file Whole detectors: Mask R-CNN (He et al., 2017) and Faster R-CNN (Ren et al., 2015) with a feature pyramid. */
import { requireKind } from "../../tensor/parts.ts";
import { add, stopGradient, type Tensor, tensor, type Tree, treeMap } from "../../tensor/core.ts";
import * as random from "../../tensor/functions/random/mod.ts";
import { type PyramidAnchorOptions, pyramidAnchors } from "../../data/boxes/anchors.ts";
import type { BatchStatistics, NormParams } from "../layers/batch_norm.ts";
import type { DTypeOption } from "../layers/initializer.ts";
import { initLayerNorm, layerNorm } from "../layers/layer_norm.ts";
import type { ModelOptions } from "../models/model.ts";
import { withFrozen } from "./frozen_stages.ts";
import { fpn, type FpnParams, type FpnState, initFpn } from "./fpn.ts";
import {
  type BoxHeadParams,
  type HeadState,
  initBoxHead,
  initMaskHead,
  initRpnHead,
  type MaskHeadParams,
  type RpnHeadParams,
} from "./heads.ts";
import { type DetectorOptions, type DetectorSettings, settingsOf } from "./options.ts";

/** Parameters of a detector. */
export interface DetectorParams {
  /** Of the network whose maps the pyramid takes. */
  readonly backbone: Tree;
  /** Layer norms of the maps of a ConvNeXt, for the pyramid alone; empty for a ResNet. */
  readonly norms: readonly NormParams[];
  /** Of the pyramid. */
  readonly fpn: FpnParams;
  /** Of the proposal head. */
  readonly rpn: RpnHeadParams;
  /** Of the box head. */
  readonly box: BoxHeadParams;
  /** Absent in Faster R-CNN. */
  readonly mask?: MaskHeadParams;
}

/** Running statistics of a detector. */
export interface DetectorState {
  /** Of the network whose maps the pyramid takes. */
  readonly backbone: Tree;
  /** Of the pyramid. */
  readonly fpn: FpnState;
  /** Of the box head. */
  readonly box: HeadState;
  /** Of the mask head; absent in Faster R-CNN. */
  readonly mask?: HeadState;
}

/** A detector: what `detector` makes of its options. */
export interface Detector {
  /** Every size and rule. */
  readonly settings: DetectorSettings;
  /** Makes parameters and state. */
  init(key: Tensor, options?: DTypeOption): { readonly params: DetectorParams; readonly state: DetectorState };
  /** All anchors of images of a size, `[N, 4]` flat, in the order of the proposal head. */
  anchors(size: readonly [height: number, width: number]): Float64Array;
}

/**
 * Describes a detector.
 *
 * @param options Backbone, classes, and what differs from the defaults.
 * @returns The detector; `detectionLosses` and `detect` run it.
 * @throws {RangeError} If an option is out of range.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { detector, resnet18 } from "@tessera/tessera/nn";
 *
 * const { settings, anchors } = detector({ backbone: resnet18(), classes: 3, fpnChannels: 64 });
 * equal(settings.strides.join(), "4,8,16,32,64");
 * equal(anchors([64, 64]).length / 4, 3 * (16 ** 2 + 8 ** 2 + 4 ** 2 + 2 ** 2 + 1));
 * ```
 */
export function detector(options: DetectorOptions): Detector {
  const settings = settingsOf(options);
  return {
    settings,
    init: (key, { dtype = "float32" } = {}) => initDetector(key, settings, { dtype }),
    anchors: (size) => pyramidAnchors(size, anchorOptionsOf({ settings })),
  };
}

function initDetector(key: Tensor, settings: DetectorSettings, dtype: DTypeOption) {
  const { backbone, fpnChannels, headNorm, masks } = settings;
  const made = backbone.init(random.foldIn(key, 0), dtype);
  const pyramid = initFpn(random.foldIn(key, 1), {
    ...{ inChannels: backbone.channels, outChannels: fpnChannels, norm: headNorm },
    ...dtype,
  });
  const box = initBoxHead(random.foldIn(key, 3), settings, dtype);
  const mask = masks ? initMaskHead(random.foldIn(key, 4), settings, dtype) : null;
  const norms = backbone.densifyNorm === "ln" ? backbone.channels.map((c) => initLayerNorm(c, dtype)) : [];
  return {
    params: {
      ...{ backbone: made.params, norms, fpn: pyramid.params, box: box.params },
      rpn: initRpnHead(random.foldIn(key, 2), settings, dtype),
      ...mask && { mask: mask.params },
    },
    state: { backbone: made.state, fpn: pyramid.state, box: box.state, ...mask && { mask: mask.state } },
  };
}

/**
 * How the anchors of a detector lie, as plain data: for workers that match them with objects.
 *
 * @param model The detector.
 * @returns What `pyramidAnchors` takes.
 */
export function anchorOptionsOf(model: Pick<Detector, "settings">): PyramidAnchorOptions {
  const { strides, anchorSizes, anchorRatios, anchorStep, roundAnchors, anchorOuter } = model.settings;
  return {
    ...{ strides, step: anchorStep, sizes: anchorSizes, ratios: anchorRatios },
    ...{ rounded: roundAnchors, outer: anchorOuter },
  };
}

/** Anchors as a constant of a program, `[N, 4]`. */
export function anchorTensor(model: Detector, images: Tensor): Tensor {
  const [, height, width] = images.shape as [number, number, number];
  const anchors = model.anchors([height, width]);
  return tensor(anchors, { shape: [anchors.length / 4, 4], dtype: images.dtype });
}

/** The pyramid of images, and the state afterwards. */
export interface Pyramid {
  /** Fine to coarse, the last one pooled. */
  readonly maps: readonly Tensor[];
  readonly state: Pick<DetectorState, "backbone" | "fpn">;
}

/** How the pyramid is made. */
export interface PyramidOptions {
  /** True for statistics of the batch where norms are live. */
  readonly train: boolean;
  /** Key of what is dropped in the backbone. */
  readonly key?: Tensor;
  /** Drop-path rate of its last block; 0 if not given. */
  readonly dropPath?: number;
  /** Draws for images, as of `ModelOptions`. */
  readonly uniform?: NonNullable<ModelOptions["uniform"]>;
  /** Over what norms take their statistics; over the images here if not given. */
  readonly statistics?: Pick<BatchStatistics, "collective">;
}

/** Scales and shifts of frozen norms: all that has one axis, as convolutions beside batch norms have no bias. */
function frozen(params: Tree): Tree {
  return treeMap((x: Tensor) => x.shape.length === 1 ? stopGradient(x) : x, params as never) as Tree;
}

/**
 * Runs backbone and pyramid.
 *
 * @param model The detector.
 * @param weights Parameters and state.
 * @param images `[B, H, W, 3]`, normalised; sides are multiples of the stride.
 * @param options Mode and what is dropped.
 * @returns Maps and state.
 */
export function pyramidOf(
  { settings }: Detector,
  { params, state }: { readonly params: DetectorParams; readonly state: DetectorState },
  images: Tensor,
  { train, ...drop }: PyramidOptions,
): Pyramid {
  const { backbone, backboneNorm, freezeAt } = settings;
  const isFrozen = backboneNorm === "frozen" && backbone.densifyNorm === "bn";
  const learned = withFrozen(params.backbone, freezeAt);
  const weights = isFrozen ? frozen(learned) : learned;
  const run = { ...drop, train: train && !isFrozen, ...freezeAt > 0 && { frozenParts: freezeAt } };
  const { features, state: next } = backbone.features(weights, state.backbone, images, run);
  const maps = features.map((map, i) => params.norms[i] ? layerNorm(params.norms[i]!, map) : map);
  const { statistics } = drop;
  const pyramid = fpn(params.fpn, state.fpn, maps, { train, ...statistics && { statistics } });
  return { maps: pyramid.maps, state: { backbone: next, fpn: pyramid.state } };
}

/** Sum of all losses. */
export function totalOf(losses: Readonly<Record<string, Tensor>>): Tensor {
  const some = typeof losses === "object" && losses !== null && Object.keys(losses).length > 0;
  requireKind("totalOf", "losses", losses, some, "a record of at least one tensor");
  return Object.values(losses).reduce((sum, loss) => add(sum, loss));
}
