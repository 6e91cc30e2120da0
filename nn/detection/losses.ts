/** @file The five losses of a detector, each a sum over the rows that count and one division by their number. */
import {
  add,
  allReduce,
  alone,
  broadcastTo,
  cast,
  type Collective,
  div,
  type DType,
  expandDims,
  greaterEqual,
  log,
  maximum,
  mul,
  reshape,
  stack,
  stopGradient,
  sub,
  sum,
  takeAlongAxis,
  type Tensor,
  tensor,
  treeMap,
  where,
} from "../../tensor/core.ts";
import { maskAlign } from "../../tensor/parts.ts";
import { crossEntropy } from "../losses/labels.ts";
import { smoothL1Loss } from "../losses/regression.ts";
import { binaryTerms } from "../losses/soft_targets.ts";
import { columnsOf, rowsAt } from "./boxes.ts";
import type { BoxOutput, RpnOutput } from "./heads.ts";
import { BOX_WEIGHTS, type DetectorSettings } from "./options.ts";
import { firstColumns } from "./proposals.ts";
import type { RoiTargets } from "./roi_targets.ts";

/** What the proposal network learns, `[B, ...]` of `rpnTargets` for each image. */
export interface RpnBatch {
  /** int32 `[B, N]`: anchors, -1 where there are fewer. */
  readonly rpnIndex: Tensor;
  /** int32 `[B, N]`: 1 for anchors of objects. */
  readonly rpnLabel: Tensor;
  /** `[B, P, 4]`: differences of the first P of them, which hold all of objects. */
  readonly rpnTarget: Tensor;
}

/** Losses of a detector, each a scalar. */
export interface LossScalars {
  readonly objectness: Tensor;
  readonly rpnBox: Tensor;
  readonly class: Tensor;
  readonly box: Tensor;
  /** Absent in Faster R-CNN. */
  readonly mask?: Tensor;
}

/**
 * Makes means of sums of losses: over what is learned from in the whole batch, whoever has its images.
 *
 * @param sums Of what is here.
 * @param learned Anchors and proposals that are learned from here.
 * @param settings Rules.
 * @param of Dtype of the numbers; processes that share the batch, and how many images it has: those here if not given.
 * @returns The share in each mean, of several processes; 0 where nothing is learned from.
 */
export function lossMeans(
  sums: LossScalars,
  { batch: { rpnIndex }, targets: { valid, positive } }: {
    readonly batch: Pick<RpnBatch, "rpnIndex">;
    readonly targets: Pick<RoiTargets, "valid" | "positive">;
  },
  { rpnDivisor, rpnBatchSize, maskSize }: DetectorSettings,
  { dtype, collective = alone(), batchSize = rpnIndex.shape[0]! }: {
    readonly dtype: DType;
    readonly collective?: Collective;
    readonly batchSize?: number;
  },
): LossScalars {
  const count = (isUsed: Tensor) => sum(cast(isUsed, dtype));
  const own = { anchors: count(greaterEqual(rpnIndex, 0)), regions: count(valid), positives: count(positive) };
  const all = treeMap((x: Tensor) => stopGradient(x), allReduce(own, collective));
  const anchors = rpnDivisor === "batch" ? rpnBatchSize * batchSize : maximum(all.anchors, 1);
  const regions = maximum(all.regions, 1);
  const cells = mul(all.positives, (2 * maskSize) ** 2);
  return {
    ...{ objectness: div(sums.objectness, anchors), rpnBox: div(sums.rpnBox, anchors) },
    ...{ class: div(sums.class, regions), box: div(sums.box, regions) },
    ...sums.mask && { mask: div(sums.mask, maximum(cells, 1)) },
  };
}

/** Sums of the losses of the proposal network. */
export function rpnLosses(
  { logits, deltas }: RpnOutput,
  batch: RpnBatch,
  { boxBeta }: DetectorSettings,
): Pick<LossScalars, "objectness" | "rpnBox"> {
  const { rpnIndex, rpnLabel, rpnTarget } = batch;
  const { dtype } = logits;
  const used = cast(greaterEqual(rpnIndex, 0), dtype); // [B, N]
  const terms = binaryTerms(rowsAt(logits, rpnIndex), cast(rpnLabel, dtype));
  const most = rpnTarget.shape[1]!;
  const first = (x: Tensor) => firstColumns(x, most);
  const errors = smoothL1Loss(rowsAt(deltas, first(rpnIndex)), cast(rpnTarget, dtype), {
    beta: boxBeta,
    reduction: "none",
  });
  const positive = expandDims(cast(first(rpnLabel), dtype), { axis: 2 });
  return {
    objectness: sum(mul(terms, used)),
    rpnBox: sum(mul(errors, positive)),
  };
}

/** Differences from boxes to targets, `[..., 4]`, times the weights of the box head. */
function encode(boxes: Tensor, targets: Tensor): Tensor {
  const [from, to] = [columnsOf(boxes), columnsOf(targets)];
  const axis = (i: 0 | 1) => {
    const side = sub(from[i + 2]!, from[i]!);
    const target = sub(to[i + 2]!, to[i]!);
    const shift = sub(add(to[i]!, mul(target, 0.5)), add(from[i]!, mul(side, 0.5)));
    return [
      mul(div(shift, side), BOX_WEIGHTS[i]),
      mul(log(div(target, side)), BOX_WEIGHTS[i + 2]!),
    ] as const;
  };
  const [[dx, dw], [dy, dh]] = [axis(0), axis(1)];
  return stopGradient(stack([dx, dy, dw, dh], { axis: -1 }));
}

/** Row n's entry of its class: `[N, K, ...]` at `classes` `[N]`. */
function ofClass(x: Tensor, classes: Tensor): Tensor {
  const [rows, , ...rest] = x.shape as [number, number];
  const index = reshape(classes, [rows, 1, ...rest.map(() => 1)]);
  const own = takeAlongAxis(x, broadcastTo(index, [rows, 1, ...rest]), { axis: 1, wrapNegativeIndices: false });
  return reshape(own, [rows, ...rest]);
}

/** Sums of the losses of the box head, of rows `[B·N]`; background has no class here, its row reads 0 and counts for nothing. */
export function boxLosses(
  { logits, deltas }: BoxOutput,
  targets: RoiTargets,
  objects: Tensor,
  { boxBeta }: DetectorSettings,
): Pick<LossScalars, "class" | "box"> {
  const { dtype } = logits;
  const flat = (x: Tensor) => reshape(x, [-1]);
  const used = cast(flat(targets.valid), dtype);
  const classes = flat(targets.classes);
  const terms = crossEntropy(logits, classes, { reduction: "none" });
  const wanted = reshape(encode(targets.boxes, rowsAt(objects, targets.object)), [-1, 4]);
  const errors = smoothL1Loss(ofClass(deltas, classes), wanted, { beta: boxBeta, reduction: "none" });
  const positive = reshape(flat(targets.positive), [-1, 1]);
  return {
    class: sum(mul(terms, used)),
    box: sum(where(positive, errors, 0)),
  };
}

/** What the mask head learns. */
export interface MaskTargets {
  /** int32 `[B, G, H, ⌈W / 32⌉]`. */
  readonly masks: Tensor;
  /** Columns of the images. */
  readonly width: number;
}

/** Targets `[B·F, side, side]` for the first F rows of each image. */
export function maskTargets(
  targets: RoiTargets,
  { masks, width }: MaskTargets,
  side: number,
  { maskTarget }: DetectorSettings,
): Tensor {
  const [images, count] = targets.boxes.shape as [number, number];
  const [, objects, height, words] = masks.shape as [number, number, number, number];
  const start = Int32Array.from({ length: images }, (_, b) => b * objects);
  const row = add(targets.object, tensor(start, { shape: [images, 1] }));
  const boxes = stopGradient(reshape(targets.boxes, [images * count, 4]));
  const shares = maskAlign(reshape(masks, [images * objects, height, words]), boxes, reshape(row, [-1]), {
    size: [side, side],
    width,
    aligned: maskTarget === "binary",
  });
  return maskTarget === "binary" ? cast(greaterEqual(shares, 0.5), shares.dtype) : shares;
}

/** Sum of the losses of masks, of rows `[N]` that are of objects: logits and what is wanted `[N, side, side]`. */
export function maskTerms(logits: Tensor, positive: Tensor, wanted: Tensor): Tensor {
  const terms = sum(binaryTerms(logits, cast(wanted, logits.dtype)), { axis: [1, 2] });
  return sum(mul(terms, cast(reshape(positive, [-1]), logits.dtype)));
}
