/** @file What a detector is trained by: one program of fixed shapes, from images to five losses. */
import { cast, type Collective, type Shape, sizeOf, stopGradient, type Tensor } from "../../tensor/core.ts";
import * as random from "../../tensor/functions/random/mod.ts";
import { type OptionNames, requireOptions } from "../../tensor/parts.ts";
import {
  anchorTensor,
  type Detector,
  type DetectorParams,
  type DetectorState,
  pyramidOf,
  type PyramidOptions,
} from "./detector.ts";
import { boxHead, type BoxOutput, rpnHead, type RpnOutput } from "./heads.ts";
import { boxLosses, lossMeans, type RpnBatch, rpnLosses } from "./losses.ts";
import { maskPart } from "./mask_part.ts";
import { poolRegions } from "./pool_regions.ts";
import { type Proposals, proposalsOf } from "./proposals.ts";
import { type RoiTargets, roiTargets } from "./roi_targets.ts";

/** A batch of images with their objects, filled up to one number of objects. */
export interface DetectionBatch extends RpnBatch {
  /** `[B, H, W, 3]`: normalised, filled with 0 to the right and below; sides are multiples of the stride. */
  readonly images: Tensor;
  /** `[B, 2]`: height and width of each image without filling. */
  readonly sizes: Tensor;
  /** `[B, G, 4]`; unit boxes, `[0, 0, 1, 1]`, where there is none. */
  readonly boxes: Tensor;
  /** int32 `[B, G]`: classes from 0. */
  readonly classes: Tensor;
  /** bool or int32 `[B, G]`. */
  readonly valid: Tensor;
  /** int32 `[B, G, H, ⌈W / 32⌉]`: a word holds 32 columns, the first in its lowest bit. Not read by Faster R-CNN. */
  readonly masks?: Tensor;
}

/** How losses are computed. */
export interface DetectionLossOptions extends Pick<PyramidOptions, "dropPath" | "statistics"> {
  /** Key of the sampling of proposals, and of what is dropped. */
  readonly key: Tensor;
  /** Draws for the sampling instead, `[B, candidates]` in [0, 1). */
  readonly uniform?: (candidates: number) => Tensor;
  /** Processes that share the batch: losses are then the shares of this one in those of all, and so are their gradients. */
  readonly collective?: Collective;
  /** Images of the batch, of all processes together; as many as there are here if not given. */
  readonly batchSize?: number;
  /** Number of the first image among all of the batch, 0 if not given: for each is drawn what would be if all were here. */
  readonly first?: number;
  /** What the sum of the losses will be multiplied by before it is differentiated, where gradients are float16. */
  readonly scale?: Tensor;
}

/** Losses by name, which are added, and what they were made of. */
export interface DetectionLosses {
  /** Each a scalar; `mask` is absent in Faster R-CNN. */
  readonly losses: {
    readonly objectness: Tensor;
    readonly rpnBox: Tensor;
    readonly class: Tensor;
    readonly box: Tensor;
    readonly mask?: Tensor;
  };
  /** Running statistics after this batch. */
  readonly state: DetectorState;
  /** On the way: for reports and tests. */
  readonly inside: {
    readonly maps: readonly Tensor[];
    readonly rpn: RpnOutput;
    readonly proposals: Proposals;
    readonly targets: RoiTargets;
    readonly box: BoxOutput;
    /** `[B·F, side, side]`. */
    readonly masks?: Tensor;
  };
}

/** All options. */
const NAMES = {
  ...{ key: true, uniform: true, first: true, scale: true, dropPath: true, statistics: true },
  ...{ collective: true, batchSize: true },
} satisfies OptionNames<DetectionLossOptions>;

/**
 * Runs a detector on a batch and compares it with what is there. Everything has a fixed size and nothing is read back, so that
 * it is one compiled step with `valueAndGrad` around it.
 *
 * @param model The detector.
 * @param weights Parameters and state.
 * @param batch Images, objects, and the anchors that the proposal network learns from (`rpnTargets`).
 * @param options Key; who shares the batch.
 * @returns Losses, state, and what is on the way. Without objects, losses of boxes and masks are 0 and so are their gradients.
 */
export function detectionLosses(
  model: Detector,
  weights: { readonly params: DetectorParams; readonly state: DetectorState },
  batch: DetectionBatch,
  options: DetectionLossOptions,
): DetectionLosses {
  requireOptions("detectionLosses", options, NAMES);
  const { key, uniform, first = 0, scale = null, dropPath, statistics, ...shared } = options;
  const { settings } = model;
  const { params, state } = weights;
  const own = (from: Tensor, shape: Shape) => random.uniform(from, shape, { first: first * sizeOf(shape.slice(1)) });
  const over = statistics && { statistics };
  const drop = { key: random.foldIn(key, 0), uniform: own, ...dropPath !== undefined && { dropPath } };
  const pyramid = pyramidOf(model, weights, batch.images, { ...drop, ...over, train: true });
  const rpn = rpnHead(params.rpn, pyramid.maps);
  const anchors = anchorTensor(model, batch.images);
  const proposals = proposalsOf(rpn, anchors, batch.sizes, { settings, train: true });
  const [images, objects] = batch.boxes.shape as [number, number, number];
  const candidates = proposals.boxes.shape[1]! + objects;
  const draws = uniform?.(candidates) ?? own(random.foldIn(key, 1), [images, candidates]);
  const targets = roiTargets(proposals, batch, cast(draws, batch.images.dtype), settings);
  const regions = poolRegions(pyramid.maps, targets.boxes, settings.boxSize, settings);
  const box = boxHead(params.box, state.box, regions, { train: true, valid: targets.valid, ...over });
  const mask = maskPart(settings, weights, pyramid.maps, { targets, batch, scale, ...over });
  const sums = {
    ...rpnLosses(rpn, batch, settings),
    ...boxLosses(box, targets, stopGradient(batch.boxes), settings),
    ...mask && { mask: mask.loss },
  };
  return {
    losses: lossMeans(sums, { batch, targets }, settings, { dtype: rpn.logits.dtype, ...shared }),
    state: { ...pyramid.state, box: box.state, ...mask && { mask: mask.state } },
    inside: { maps: pyramid.maps, rpn, proposals, targets, box, ...mask && { masks: mask.wanted } },
  };
}
