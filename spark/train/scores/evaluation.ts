/** @file How good a classifier is on images that it was not trained on. */
import { argmax, type Device, jit, type Tensor } from "../../../tensor/mod.ts";
import type { Batch, SkippedSample } from "../../../data/mod.ts";
import type { Classifier } from "../../../nn/mod.ts";
import type { ClassifierWeights } from "../../finetune.ts";
import { scoreRows } from "../../score.ts";
import { nextTurn } from "../interrupt.ts";
import { type Confusion, emptyConfusion } from "./confusion.ts";

/** Result of an evaluation. */
export interface ClassifierScores {
  /** Images that were scored. */
  readonly images: number;
  /** Images that could not be read, and so have no part in the scores. */
  readonly unread: readonly Pick<SkippedSample, "name" | "reason">[];
  /** Mean cross-entropy. */
  readonly loss: number;
  /** Share of the images whose class has the best score. */
  readonly top1: number;
  /** Share of the images whose class is among the five best. */
  readonly top5: number;
}

/** Result of an evaluation, and which classes were taken for which. */
export interface Evaluated {
  /** Scores. */
  readonly scores: ClassifierScores;
  /** Classes as they are and as they were predicted. */
  readonly confusion: Confusion;
}

/** Evaluates weights on a data set. */
export type Evaluate = (weights: ClassifierWeights) => Promise<Evaluated>;

/** Images and their classes, of which some may come twice. */
export type LabelledBatch = Pick<Batch, "images" | "labels" | "indices" | "skipped">;

/**
 * Prepares evaluations; compiles at the first.
 *
 * @param model The model.
 * @param open Opens the batches; each image counts once, however often it comes.
 * @param options Number of classes, and where to compute; `onImages`: told how many images are scored.
 * @returns Evaluates weights.
 */
export function makeEvaluate(
  model: Classifier,
  open: () => AsyncIterable<LabelledBatch>,
  { classes, device, onImages = () => {} }: {
    readonly classes: number;
    readonly device: Device;
    readonly onImages?: (done: number) => void;
  },
): Evaluate {
  const score = jit(({ params, state }: ClassifierWeights, images: Tensor, labels: Tensor) => {
    const { logits } = model.logits(params, state.encoder, images);
    return { rows: scoreRows(logits, labels), predicted: argmax(logits, { axis: 1 }) };
  }, { device });
  return async ({ params, state }) => {
    const sums = [0, 0, 0];
    const confusion = emptyConfusion(classes);
    const seen = new Set<number>();
    const unread = new Map<number, Pick<SkippedSample, "name" | "reason">>();
    for await (const { images, labels, indices, skipped } of open()) {
      await nextTurn();
      skipped.forEach(({ index, name, reason }) => unread.set(index, { name, reason }));
      const out = score({ params, state }, images, labels);
      const [rows, predicted, truth] = [
        await out.rows.data({ device }), // [B, 3]
        await out.predicted.data({ device }),
        await labels.data(),
      ];
      [out.rows, out.predicted].forEach((x) => x[Symbol.dispose]());
      indices.forEach((index, i) => {
        if (seen.has(index)) return; // fills the last batch up, or stands in for a file that cannot be read
        seen.add(index);
        sums.forEach((_, k) => sums[k]! += rows[3 * i + k] as number);
        confusion.counts[Number(truth[i]) * classes + Number(predicted[i])]!++;
      });
      onImages(seen.size);
    }
    const [loss, top1, top5] = sums.map((sum) => sum / seen.size) as [number, number, number];
    return { scores: { images: seen.size, unread: [...unread.values()], loss, top1, top5 }, confusion };
  };
}

/**
 * Says of evaluations which images have no part in them: with names at the first, whenever they are others, and at the last.
 *
 * @returns From an evaluation, and whether it is the last, to the end of its line.
 */
export function unreadTeller(): (score: Parameters<typeof unreadText>[0], isLast: boolean) => string {
  const told = { text: "" };
  return (score, isLast) => {
    const text = unreadText(score);
    const isKnown = text !== "" && text === told.text && !isLast;
    told.text = text;
    return isKnown ? `; evaluated on ${score.images} of ${score.images + score.unread.length}` : text;
  };
}

/** Names that are said of files that could not be read. */
const NAMED = 5;

/**
 * Says which images have no part in what was computed.
 *
 * @param computed How many images have, and which have not.
 * @param verb What was done with the others.
 * @returns Such as `; evaluated on 6 of 8: 2 could not be read: a.png, b.png`; empty if all were read.
 */
export function unreadText(
  { images, unread }: { readonly images: number; readonly unread: readonly Pick<SkippedSample, "name">[] },
  verb = "evaluated on",
): string {
  if (unread.length === 0) return "";
  return `; ${verb} ${readText({ images, unread })}`;
}

/**
 * Says of how many images how many were read, and which were not.
 *
 *  computed As of `unreadText`.
 *  Such as `6 of 8: 2 could not be read: a.png, b.png`; their number if all were.
 */
export function readText({ images, unread }: Parameters<typeof unreadText>[0]): string {
  if (unread.length === 0) return String(images);
  const names = unread.slice(0, NAMED).map(({ name }) => name).join(", ");
  return `${images} of ${images + unread.length}: ${unread.length} could not be read: ${names}` +
    (unread.length > NAMED ? ", …" : "");
}
