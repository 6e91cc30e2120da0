/** @file What follows from a contraction, whoever computes it. */
import { sizeOf } from "../spec.ts";
import { type Contraction, leftFactors, rowCount, type Rows, tapCount } from "./contraction.ts";

/**
 * Floating point operations by the definition, a multiply-add being two.
 *
 * @param contraction Any contraction.
 * @returns The count. Of convolutions and their gradients it is that of the convolution, padding included; of tables it counts
 * absent rows.
 */
export function flopsOf(contraction: Contraction): number {
  const { batch, columns, convolution } = contraction;
  if (convolution) {
    const { images, axes, groups, channels, columns } = convolution.of;
    return 2 * images * sizeOf(axes.map(({ outputs, taps }) => outputs * taps)) * groups * channels * columns;
  }
  const products = (rows: Rows) => rowCount(rows) * tapCount(rows) * rows.channels;
  return leftFactors(contraction).reduce((sum, rows) => sum + 2 * batch * columns * products(rows), 0);
}

/** How many inputs it reads: those from the first on; further ones of a primitive matter to its gradients only. */
export function readsOf(contraction: Contraction): number {
  return leftFactors(contraction).some(({ kind }) => kind === "table") ? 3 : 2;
}

/** Whether it writes each element of its result once and reads none, so that a map can finish it. */
export function finishes(contraction: Contraction): boolean {
  return contraction.form === "rows" || contraction.rows.kind === "matrix";
}

/**
 * Which operands a map can make as they are read: those that are not read tap by tap, as the map is computed anew wherever
 * an element is read.
 *
 * @param contraction Any contraction.
 * @returns Positions of inputs.
 */
export function computes(contraction: Contraction): readonly number[] {
  const factors = leftFactors(contraction);
  if (factors.every(({ kind }) => kind === "matrix")) return [0, 1];
  const taps = factors.reduce((sum, rows) => sum + tapCount(rows), 0);
  if (contraction.batch > 1 || taps !== 1) return [];
  return contraction.form === "rows" ? [0] : [0, 1];
}

/** Whether each channel has weights of its own: as many groups as input and as output channels. */
export function isDepthwise(contraction: Contraction): boolean {
  const single = ({ kind, channels }: Rows) => kind !== "matrix" && channels === 1;
  return contraction.batch > 1 && contraction.columns === 1 && leftFactors(contraction).every(single);
}

/** The rows of a depthwise contraction with the channels of all groups side by side. */
export function wholeRows<R extends Rows>(rows: R, { batch }: Contraction): R {
  return { ...rows, channels: batch, batchStride: 0 };
}

/** Sizes of a product, by which tiles are chosen. */
export interface ProductShape {
  /** `rows`: rows times a matrix; `outer`: a sum of outer products over many rows. */
  readonly form: "rows" | "outer";
  readonly batches: number;
  readonly rows: number;
  readonly columns: number;
  /** Products that are added up for one result. */
  readonly depth: number;
}

/** Sizes of the products that a contraction is made of: one a phase. */
export function productShapes(contraction: Contraction): readonly ProductShape[] {
  const { form, batch, columns } = contraction;
  return leftFactors(contraction).map((rows) =>
    form === "rows"
      ? { form, batches: batch, rows: rowCount(rows), columns, depth: rows.channels * tapCount(rows) }
      : { form, batches: batch * tapCount(rows), rows: rows.channels, columns, depth: rowCount(rows) }
  );
}
