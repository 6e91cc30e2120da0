/**
 * @file Mixing of labelled images in pairs: mixup (Zhang et al., 2018) and CutMix (Yun et al., 2019), with smoothed
 * labels, as timm does both for a batch.
 */
import type { Draw } from "./draw.ts";

/** How images and labels are mixed. Plain data. */
export interface MixSettings {
  /** Number of classes. */
  readonly classes: number;
  /** α of the Beta distribution of mixup; 0: no mixup. */
  readonly mixup: number;
  /** α of the Beta distribution of CutMix; 0: no CutMix. */
  readonly cutmix: number;
  /** Share of the probability that all classes divide among them, in [0, 1). */
  readonly labelSmoothing: number;
}

/** A batch on the host. */
export interface LabelledBatch {
  /** `[B, H, W, 3]` row-major. */
  readonly images: Float32Array<ArrayBuffer>;
  /** Classes, `[B]`; all are below `classes`. */
  readonly labels: Int32Array;
  /** Rows and columns of the images. */
  readonly size: readonly [number, number];
}

/** What is drawn for a batch. */
export interface MixDraw {
  /** Share of the own image. */
  readonly share: number;
  /** Part that comes from the partner: rows and columns from … to; absent for mixup. */
  readonly box?: { readonly rows: readonly [number, number]; readonly columns: readonly [number, number] };
}

/**
 * Draws how a batch is mixed: with both kinds allowed each comes in half of the batches.
 *
 * @param settings Both α.
 * @param size Rows and columns of the images.
 * @param draw Source of randomness.
 * @returns Share and box. The share of CutMix is that of the area that the box, cut off at the border, leaves.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { dataKey, drawMix, drawsOf } from "@tessera/tessera/data";
 *
 * deepStrictEqual(drawMix({ mixup: 0, cutmix: 0 }, [32, 32], drawsOf(dataKey(1))), { share: 1 });
 * ```
 */
export function drawMix(
  { mixup, cutmix }: Pick<MixSettings, "mixup" | "cutmix">,
  [height, width]: readonly [number, number],
  draw: Draw,
): MixDraw {
  if (mixup <= 0 && cutmix <= 0) return { share: 1 };
  const cuts = cutmix > 0 && (mixup <= 0 || draw() < 0.5);
  const share = drawBeta(cuts ? cutmix : mixup, draw);
  if (!cuts) return { share };
  const side = Math.sqrt(1 - share);
  const rows = drawSpan(height, Math.floor(height * side), draw);
  const columns = drawSpan(width, Math.floor(width * side), draw);
  const area = (rows[1] - rows[0]) * (columns[1] - columns[0]);
  return { share: 1 - area / (height * width), box: { rows, columns } };
}

/** A span around a place that is drawn, cut off at the ends. */
function drawSpan(length: number, span: number, draw: Draw): readonly [number, number] {
  const center = Math.floor(draw() * length);
  const half = Math.floor(span / 2);
  return [Math.max(0, center - half), Math.min(length, center + half)];
}

/**
 * Draws from the symmetric Beta distribution.
 *
 * @param alpha Both parameters, above 0.
 * @param draw Source of randomness.
 * @returns A number in [0, 1].
 *
 * @example Usage
 * ```ts
 * import { ok } from "node:assert/strict";
 * import { dataKey, drawBeta, drawsOf } from "@tessera/tessera/data";
 *
 * const x = drawBeta(0.8, drawsOf(dataKey(1)));
 * ok(x >= 0 && x <= 1);
 * ```
 */
export function drawBeta(alpha: number, draw: Draw): number {
  // In logarithms, as draws of a small α are often smaller than any number.
  const difference = drawLogGamma(alpha, draw) - drawLogGamma(alpha, draw);
  return 1 / (1 + Math.exp(-difference));
}

/** Logarithm of a draw from the Gamma distribution (Marsaglia and Tsang, 2000; with α + 1 in place of α). */
function drawLogGamma(alpha: number, draw: Draw): number {
  const d = alpha + 1 - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = drawNormal(draw);
    const v = (1 + c * x) ** 3;
    const u = positive(draw);
    if (v > 0 && Math.log(u) < x * x / 2 + d - d * v + d * Math.log(v)) {
      return Math.log(d * v) + Math.log(positive(draw)) / alpha;
    }
  }
}

/**
 * Draws from the standard normal distribution, by Box and Muller.
 *
 * @param draw Source of randomness; two numbers are taken.
 * @returns A number.
 *
 * @example Usage
 * ```ts
 * import { ok } from "node:assert/strict";
 * import { dataKey, drawNormal, drawsOf } from "@tessera/tessera/data";
 *
 * ok(Number.isFinite(drawNormal(drawsOf(dataKey(1)))));
 * ```
 */
export function drawNormal(draw: Draw): number {
  return Math.sqrt(-2 * Math.log(positive(draw))) * Math.cos(2 * Math.PI * draw());
}

/** In (0, 1]. */
const positive = (draw: Draw): number => 1 - draw();

/**
 * Labels as probabilities.
 *
 * @param labels Classes of B images.
 * @param settings Classes, and the share that label smoothing gives to all of them alike.
 * @param share Of an image's own class; what is left is that of its partner, the image as far from the end.
 * @returns `[B, classes]`, rows that sum to one.
 * @throws {RangeError} If a label is no class.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { mixTargets } from "@tessera/tessera/data";
 *
 * deepStrictEqual([...mixTargets(Int32Array.of(1, 0), { classes: 2, labelSmoothing: 0.5 })], [0.25, 0.75, 0.75, 0.25]);
 * ```
 */
export function mixTargets(
  labels: Int32Array,
  { classes, labelSmoothing }: Pick<MixSettings, "classes" | "labelSmoothing">,
  share: number = 1,
): Float32Array<ArrayBuffer> {
  const count = labels.length;
  const targets = new Float32Array(count * classes).fill(labelSmoothing / classes);
  labels.forEach((label, i) => {
    requireClass(label, classes);
    targets[i * classes + label]! += share * (1 - labelSmoothing);
    targets[(count - 1 - i) * classes + label]! += (1 - share) * (1 - labelSmoothing);
  });
  return targets;
}

/**
 * Mixes each image with that in the mirrored place of the batch, and the labels with them.
 *
 * @param batch Images and labels.
 * @param settings Classes and label smoothing.
 * @param mix Of `drawMix`.
 * @returns New `images`, and `targets` `[B, classes]` whose rows sum to one.
 * @throws {RangeError} If a label is no class.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { mixBatch } from "@tessera/tessera/data";
 *
 * const batch = { images: Float32Array.of(0, 0, 0, 8, 8, 8), labels: Int32Array.of(0, 1), size: [1, 1] } as const;
 * const { images, targets } = mixBatch(batch, { classes: 2, labelSmoothing: 0 }, { share: 0.75 });
 * deepStrictEqual([...images], [2, 2, 2, 6, 6, 6]);
 * deepStrictEqual([...targets], [0.75, 0.25, 0.25, 0.75]);
 * ```
 */
export function mixBatch(
  { images, labels, size: [height, width] }: LabelledBatch,
  settings: Pick<MixSettings, "classes" | "labelSmoothing">,
  { share, box }: MixDraw,
): { readonly images: Float32Array<ArrayBuffer>; readonly targets: Float32Array<ArrayBuffer> } {
  const count = labels.length;
  const targets = mixTargets(labels, settings, share);
  if (share === 1) return { images, targets };
  const mixed = new Float32Array(images.length);
  const length = height * width * 3;
  for (let i = 0; i < count; i++) {
    const own = images.subarray(i * length, (i + 1) * length);
    const partner = images.subarray((count - 1 - i) * length, (count - i) * length);
    const result = mixed.subarray(i * length, (i + 1) * length);
    if (box) paste(result, own, { partner, box, width });
    else for (let k = 0; k < length; k++) result[k] = own[k]! * share + partner[k]! * (1 - share);
  }
  return { images: mixed, targets };
}

function paste(
  result: Float32Array,
  own: Float32Array,
  { partner, box, width }: {
    readonly partner: Float32Array;
    readonly box: NonNullable<MixDraw["box"]>;
    readonly width: number;
  },
): void {
  result.set(own);
  for (let row = box.rows[0]; row < box.rows[1]; row++) {
    const [start, end] = box.columns.map((column) => (row * width + column) * 3) as [number, number];
    result.set(partner.subarray(start, end), start);
  }
}

function requireClass(label: number, classes: number): void {
  if (label >= 0 && label < classes) return;
  throw new RangeError(
    `Cannot make targets as every label must be a class from 0 to ${classes - 1}: current label is ${label}`,
  );
}
