/** @file What a detector finds: one program of fixed shapes, from images to boxes, scores, classes and masks. */
import {
  argsort,
  cast,
  expandDims,
  greater,
  logicalAnd,
  remainder,
  reshape,
  sigmoid,
  slice,
  softmax,
  takeAlongAxis,
  type Tensor,
  transpose,
  where,
} from "../../tensor/core.ts";
import { suppress } from "../../tensor/parts.ts";
import { clipToImages, decode, orUnit, rowsAt } from "./boxes.ts";
import { anchorTensor, type Detector, type DetectorParams, type DetectorState, pyramidOf } from "./detector.ts";
import { boxHead, maskHead, rpnHead } from "./heads.ts";
import { BOX_WEIGHTS, type DetectorSettings } from "./options.ts";
import { poolRegions } from "./pool_regions.ts";
import { firstColumns, isUsable, type Proposals, proposalsOf } from "./proposals.ts";

/** What is found in a batch, the surest first. */
export interface Detections {
  /** `[B, D, 4]`: in pixels of the images as they were given; unit boxes where there are fewer. */
  readonly boxes: Tensor;
  /** `[B, D]`: probabilities; 0 where there are fewer. */
  readonly scores: Tensor;
  /** int32 `[B, D]`: classes from 0. */
  readonly classes: Tensor;
  /** bool `[B, D]`: true where something is found. */
  readonly valid: Tensor;
  /** `[B, D, side, side]`: probability of each cell of a box to be of the object. Absent in Faster R-CNN. */
  readonly masks?: Tensor;
  /** What the box head looked at, which of its boxes were sure enough, `[B, P, K]`, and the maps: for reports and tests. */
  readonly inside: { readonly maps: readonly Tensor[]; readonly proposals: Proposals; readonly candidates: Tensor };
}

/** Boxes and scores of every proposal and class. */
interface Candidates {
  /** `[B, P, K, 4]`. */
  readonly boxes: Tensor;
  /** `[B, P, K]`. */
  readonly scores: Tensor;
  /** bool `[B, P, K]`: whether the score is above the threshold. */
  readonly sure: Tensor;
  /** bool `[B, P, K]`: whether the box is large enough too. */
  readonly valid: Tensor;
}

function candidatesOf(
  output: { readonly logits: Tensor; readonly deltas: Tensor },
  proposals: Proposals,
  sizes: Tensor,
  { classes, clampBelow, scoreThreshold, leastBoxSide }: DetectorSettings,
): Candidates {
  const [batch, count] = proposals.valid.shape as [number, number];
  const shape = [batch, count, classes];
  const scores = slice(reshape(softmax(output.logits), [batch, count, classes + 1]), { start: [0, 0, 0], size: shape });
  const deltas = reshape(output.deltas, [...shape, 4]);
  const decoded = decode(expandDims(proposals.boxes, { axis: 2 }), deltas, { weights: BOX_WEIGHTS, clampBelow });
  const boxes = clipToImages(decoded, sizes);
  const sure = logicalAnd(greater(scores, scoreThreshold), expandDims(proposals.valid, { axis: 2 }));
  const valid = leastBoxSide > 0 ? logicalAnd(sure, isUsable(boxes, leastBoxSide)) : sure;
  return { boxes: orUnit(boxes, valid), scores, sure, valid };
}

/** Which candidates of each class no surer one of it covers, bool `[B, P, K]`. */
function keptOf({ boxes, scores, valid }: Candidates, threshold: number): Tensor {
  const [batch, count, classes] = scores.shape as [number, number, number];
  const lines = (x: Tensor) => reshape(transpose(x, [0, 2, 1]), [batch * classes, count]);
  const order = argsort(where(lines(valid), lines(scores), -1), { descending: true });
  const sorted = rowsAt(reshape(transpose(boxes, [0, 2, 1, 3]), [batch * classes, count, 4]), order);
  const counts = takeAlongAxis(cast(lines(valid), "int32"), order, { axis: 1 });
  const kept = suppress(sorted, counts, { threshold });
  const back = takeAlongAxis(kept, argsort(order), { axis: 1 });
  return greater(transpose(reshape(back, [batch, classes, count]), [0, 2, 1]), 0);
}

/**
 * Finds objects in images.
 *
 * @param model The detector.
 * @param weights Parameters and state; norms take running statistics.
 * @param batch `images` `[B, H, W, 3]` and `sizes` `[B, 2]`, as of `DetectionBatch`.
 * @returns As many as the detector is set to find, with their validity. Equal scores: the earlier proposal, then the lower
 * class first.
 */
export function detect(
  model: Detector,
  weights: { readonly params: DetectorParams; readonly state: DetectorState },
  batch: { readonly images: Tensor; readonly sizes: Tensor },
): Detections {
  const { images, sizes } = batch;
  const { settings } = model;
  const { params, state } = weights;
  const { maps } = pyramidOf(model, weights, images, { train: false });
  const proposals = proposalsOf(rpnHead(params.rpn, maps), anchorTensor(model, images), sizes, {
    settings,
    train: false,
  });
  const regions = poolRegions(maps, proposals.boxes, settings.boxSize, settings);
  const candidates = candidatesOf(
    boxHead(params.box, state.box, regions, { train: false }),
    proposals,
    sizes,
    settings,
  );
  const found = best(candidates, keptOf(candidates, settings.boxNms), settings);
  return {
    ...{ ...found, ...masksOf(model, weights, maps, found) },
    inside: { maps, proposals, candidates: candidates.sure },
  };
}

/** The surest of all classes. */
function best(
  { boxes, scores }: Candidates,
  kept: Tensor,
  { classes, detections }: DetectorSettings,
): Pick<Detections, "boxes" | "scores" | "classes" | "valid"> {
  const batch = scores.shape[0]!;
  const flat = reshape(where(kept, scores, -1), [batch, -1]); // proposal by proposal
  const index = firstColumns(argsort(flat, { descending: true }), Math.min(detections, flat.shape[1]!));
  const top = rowsAt(flat, index);
  const valid = greater(top, -0.5);
  return {
    boxes: orUnit(rowsAt(reshape(boxes, [batch, -1, 4]), index), valid),
    scores: where(valid, top, 0),
    classes: where(valid, remainder(index, classes), 0),
    valid,
  };
}

function masksOf(
  { settings }: Detector,
  { params, state }: { readonly params: DetectorParams; readonly state: DetectorState },
  maps: readonly Tensor[],
  { boxes, classes }: Pick<Detections, "boxes" | "classes">,
): { readonly masks?: Tensor } {
  if (!params.mask || !state.mask) return {};
  const [batch, count] = classes.shape as [number, number];
  const regions = poolRegions(maps, boxes, settings.maskSize, settings);
  const { logits: own } = maskHead(params.mask, state.mask, regions, reshape(classes, [-1]), { train: false });
  return { masks: sigmoid(reshape(own, [batch, count, ...own.shape.slice(1)])) };
}
