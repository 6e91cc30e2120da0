/** @file What masks are learned by: the largest part of a step, computed in parts where rows do not depend on one another. */
import { concat, reshape, slice, type Tensor } from "../../tensor/core.ts";
import type { ConvUnitRun } from "./conv_unit.ts";
import type { DetectorParams, DetectorState } from "./detector.ts";
import { gradientAtOnce } from "./gradient_at_once.ts";
import { type HeadState, maskHead, type MaskHeadParams } from "./heads.ts";
import { type MaskTargets, maskTargets, maskTerms } from "./losses.ts";
import type { DetectorSettings } from "./options.ts";
import { poolRegions } from "./pool_regions.ts";
import { mostPositive, type RoiTargets } from "./roi_targets.ts";

/** Parts that the rows of an image are computed in, one after another. */
const PARTS = 4;

/** Fewest rows of an image that are divided. */
const FEWEST = 8 * PARTS;

/** What is learned, and what of. */
export interface MaskPartRun {
  readonly targets: RoiTargets;
  readonly batch: { readonly images: Tensor; readonly masks?: Tensor };
  /** As of `DetectionLossOptions`; null: none. */
  readonly scale: Tensor | null;
  /** As of `ConvUnitRun`. */
  readonly statistics?: ConvUnitRun["statistics"];
}

/** The sum of the losses of masks, its targets `[B·F, side, side]`, and the state of the head afterwards. */
export interface MaskPart {
  readonly loss: Tensor;
  readonly wanted: Tensor;
  readonly state: HeadState;
}

/** What is differentiated. */
interface Differentiated {
  readonly maps: readonly Tensor[];
  readonly params: MaskHeadParams;
}

/** Some rows of each image. */
function rowsFrom(targets: RoiTargets, start: number, count: number): RoiTargets {
  const cut = (x: Tensor) =>
    slice(x, { start: x.shape.map((_, i) => i === 1 ? start : 0), size: [x.shape[0]!, count, ...x.shape.slice(2)] });
  return {
    boxes: cut(targets.boxes),
    index: cut(targets.index),
    valid: cut(targets.valid),
    positive: cut(targets.positive),
    object: cut(targets.object),
    classes: cut(targets.classes),
  };
}

/** Makes the function of the sum of the losses of some rows, and what is learned of them. */
function rowsLoss(
  settings: DetectorSettings,
  { state, objects, statistics }: Pick<MaskPartRun, "statistics"> & {
    readonly state: HeadState;
    readonly objects: MaskTargets;
  },
  rows: RoiTargets,
) {
  const side = 2 * settings.maskSize;
  const wanted = maskTargets(rows, objects, side, settings);
  const run = ({ maps, params }: Differentiated) => {
    const regions = poolRegions(maps, rows.boxes, settings.maskSize, settings);
    const valid = rows.positive;
    const out = maskHead(params, state, regions, reshape(rows.classes, [-1]), {
      train: true,
      valid,
      ...statistics && { statistics },
    });
    return { loss: maskTerms(out.logits, valid, wanted), state: out.state };
  };
  return { wanted, run };
}

/**
 * Computes the loss of masks. Without norms in the head, rows do not depend on one another: their values are then computed
 * and differentiated a part at a time, so that the largest maps of a step are held for a quarter of the rows.
 *
 * @param settings Sizes and rules.
 * @param weights Parameters and state of the detector.
 * @param maps Of the pyramid.
 * @param run Rows and objects.
 * @returns The sum of the losses; null where there is no mask head.
 * @throws {TypeError} If the batch has no masks.
 */
export function maskPart(
  settings: DetectorSettings,
  { params, state }: { readonly params: DetectorParams; readonly state: DetectorState },
  maps: readonly Tensor[],
  { targets, batch, scale, ...of }: MaskPartRun,
): MaskPart | null {
  if (!params.mask || !state.mask) return null;
  if (!batch.masks) {
    throw new TypeError(
      "Cannot compute the loss of masks as the batch must have masks: current masks are undefined (masks: false is Faster R-CNN)",
    );
  }
  const objects = { masks: batch.masks, width: batch.images.shape[2]! };
  const count = mostPositive(settings, targets.boxes.shape[1]!);
  const parts = settings.headNorm === "none" && count >= FEWEST ? PARTS : 1;
  const bounds = Array.from({ length: parts + 1 }, (_, i) => Math.floor(i * count / parts));
  const made = bounds.slice(1).map((to, i) =>
    rowsLoss(settings, { state: state.mask!, objects, ...of }, rowsFrom(targets, bounds[i]!, to - bounds[i]!))
  );
  const given: Differentiated = { maps, params: params.mask };
  const { loss, state: next } = parts === 1 ? made[0]!.run(given) : {
    loss: gradientAtOnce(made.map(({ run }) => (x: Differentiated) => run(x).loss), scale)(given),
    state: state.mask,
  };
  const [images] = targets.boxes.shape as [number, number];
  const wanted = made.map(({ wanted: own }) => reshape(own, [images, -1, ...own.shape.slice(1)]));
  const side = 2 * settings.maskSize;
  return {
    loss,
    wanted: reshape(concat(wanted, { axis: 1 }), [-1, side, side]),
    state: next,
  };
}
