/** @file The best anchors of each level, moved by their differences, without those that others cover: proposals. */
import {
  abs,
  argsort,
  broadcastTo,
  cast,
  concat,
  greater,
  greaterEqual,
  less,
  logicalAnd,
  sigmoid,
  slice,
  stopGradient,
  type Tensor,
  where,
} from "../../tensor/core.ts";
import { suppress } from "../../tensor/parts.ts";
import { clipToImages, decode, leastSide, orUnit, rowsAt } from "./boxes.ts";
import type { RpnOutput } from "./heads.ts";
import type { DetectorSettings } from "./options.ts";

/** Below every score; finite, as shaders need not know infinities. */
const LEAST = -3e38;

/** Proposals of a batch, the best first. */
export interface Proposals {
  /** `[B, P, 4]`; unit boxes where there are fewer. */
  readonly boxes: Tensor;
  /** `[B, P]`: their logits. */
  readonly logits: Tensor;
  /** bool `[B, P]`: true where there is one. */
  readonly valid: Tensor;
}

/** The first `count` columns of `[B, N]`. */
export function firstColumns(x: Tensor, count: number): Tensor {
  return slice(x, { start: [0, 0], size: [x.shape[0]!, count] });
}

/** True for boxes `[..., 4]` that are finite, with sides above 0 or of `least` and more. */
export function isUsable(boxes: Tensor, least: number): Tensor {
  const side = leastSide(boxes);
  const large = least > 0 ? greaterEqual(side, least) : greater(side, 0);
  return logicalAnd(large, less(abs(side), 3e38)); // neither NaN nor infinite
}

/** Best anchors of one level, decoded, cut and suppressed. */
function levelProposals(
  anchors: Tensor,
  { logits, deltas }: Pick<RpnOutput, "logits" | "deltas">,
  sizes: Tensor,
  { settings, count }: { readonly settings: DetectorSettings; readonly count: number },
): Proposals {
  const [batch, all] = logits.shape as [number, number];
  const best = firstColumns(argsort(logits, { descending: true }), Math.min(count, all)); // [B, k]
  const from = rowsAt(broadcastTo(anchors, [batch, all, 4]), best);
  const coder = { weights: [1, 1, 1, 1], clampBelow: settings.clampBelow } as const;
  const boxes = clipToImages(decode(from, rowsAt(deltas, best), coder), sizes);
  const usable = isUsable(boxes, settings.leastProposalSide);
  const safe = orUnit(boxes, usable);
  const keep = suppress(safe, cast(usable, "int32"), { threshold: settings.rpnNms });
  return { boxes: safe, logits: rowsAt(logits, best), valid: greater(keep, 0) };
}

/**
 * Proposals of a batch: the best anchors of each level, decoded, cut at the image, suppressed within the level, then the best
 * of all levels. **No gradient flows through them.** Equal scores: the finer level first, then the earlier anchor.
 *
 * @param output Of the proposal head.
 * @param anchors `[N, 4]`, in the order of the head.
 * @param sizes `[B, 2]`: height and width of each image without padding.
 * @param options Settings, and whether it is training.
 * @returns Fixed numbers of proposals, with their validity.
 */
export function proposalsOf(
  output: RpnOutput,
  anchors: Tensor,
  sizes: Tensor,
  { settings, train }: { readonly settings: DetectorSettings; readonly train: boolean },
): Proposals {
  const [batch] = output.logits.shape as [number, number];
  const [logits, deltas] = [stopGradient(output.logits), stopGradient(output.deltas)];
  const which = train ? 0 : 1;
  let start = 0;
  const levels = output.counts.map((count) => {
    const rows = (x: Tensor) => slice(x, { start: [0, start, 0], size: [batch, count, 4] });
    const level = {
      logits: slice(logits, { start: [0, start], size: [batch, count] }),
      deltas: rows(deltas),
    };
    const own = slice(anchors, { start: [start, 0], size: [count, 4] });
    start += count;
    return levelProposals(own, level, sizes, { settings, count: settings.preNms[which] });
  });
  const joined = (part: keyof Proposals) => concat(levels.map((level) => level[part]), { axis: 1 });
  const all = { boxes: joined("boxes"), logits: joined("logits"), valid: joined("valid") };
  const order = settings.proposalOrder === "logit" ? all.logits : sigmoid(all.logits);
  const sorted = argsort(where(all.valid, order, LEAST), { descending: true });
  const best = firstColumns(sorted, Math.min(settings.postNms[which], sorted.shape[1]!));
  const valid = greater(rowsAt(cast(all.valid, "int32"), best), 0);
  return { boxes: orUnit(rowsAt(all.boxes, best), valid), logits: rowsAt(all.logits, best), valid };
}
