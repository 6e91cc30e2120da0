/** @file Contractions by their definition, in float64, element by element: what the texts of devices are held to. */
import {
  type Contraction,
  type OuterContraction,
  rowCount,
  type Rows,
  type RowsContraction,
  rowSizes,
  type RowsProduct,
  tapCount,
  tapSizes,
} from "../../tensor/contraction/contraction.ts";

type Values = ArrayLike<number>;

/** Digits of a number, the last axis fastest. */
function digitsOf(value: number, sizes: readonly number[]): readonly number[] {
  return sizes.map((size, axis) => Math.floor(value / sizes.slice(axis + 1).reduce((a, b) => a * b, 1)) % size);
}

/** Sum of digits times strides. */
function dot(digits: readonly number[], strides: readonly number[]): number {
  return digits.reduce((sum, digit, i) => sum + digit * strides[i]!, 0);
}

/** Where channel 0 of tap `t` of row `m` of group 0 lies; `null` where the tap sees nothing. */
function startOf(rows: Rows, inputs: readonly Values[], m: number, t: number): number | null {
  if (rows.kind === "matrix") return m * (rows.transposed ? 1 : rows.channels);
  if (rows.kind === "table") {
    const source = inputs[rows.index]![m * rows.taps + t]!;
    return source >= 0 && source < rows.sources ? source * rows.pixel : null;
  }
  const [image, ...windows] = digitsOf(m, rowSizes(rows));
  const taps = digitsOf(t, tapSizes(rows));
  let position = image!;
  for (const [i, { stride, origin, step, extent }] of rows.axes.entries()) {
    const at = windows[i]! * stride + origin + taps[i]! * step;
    if (at < 0 || at >= extent) return null;
    position = position * extent + at;
  }
  return position * rows.pixel;
}

/** Calls `visit` for each tap of each row that sees something: its numbers, and where its channel 0 lies in group 0. */
function eachTap(rows: Rows, inputs: readonly Values[], visit: (m: number, t: number, start: number) => void): void {
  for (let m = 0; m < rowCount(rows); m++) {
    for (let t = 0; t < tapCount(rows); t++) {
      const start = startOf(rows, inputs, m, t);
      if (start !== null) visit(m, t, start);
    }
  }
}

/** Elements between neighbouring channels. */
function channelStride(rows: Rows): number {
  return rows.kind === "matrix" && rows.transposed ? rows.rows : 1;
}

/** Sets the elements that a product writes to zero, each once. */
function clear({ batch, columns }: RowsContraction, { rows, result }: RowsProduct, y: Float64Array): void {
  for (let m = 0; m < rowCount(rows); m++) {
    for (let i = 0; i < batch * columns; i++) {
      const group = Math.floor(i / columns) * result.batchStride;
      const at = result.offset + group + dot(digitsOf(m, rowSizes(rows)), result.rowStrides) + i % columns;
      if (Number.isNaN(y[at]!)) y[at] = 0;
      else {
        throw new Error(`Cannot evaluate a contraction as elements must be written once: current element is ${at}`);
      }
    }
  }
}

function writeProduct(all: RowsContraction, product: RowsProduct, inputs: readonly Values[], y: Float64Array): void {
  const { batch, columns } = all;
  const { rows, right, result } = product;
  const [left, weights] = [inputs[rows.input]!, inputs[right.input]!];
  const step = channelStride(rows);
  clear(all, product, y);
  eachTap(rows, inputs, (m, t, start) => {
    const to = result.offset + dot(digitsOf(m, rowSizes(rows)), result.rowStrides);
    const tap = right.offset + dot(digitsOf(t, tapSizes(rows)), right.tapStrides);
    for (let g = 0; g < batch; g++) {
      for (let c = 0; c < rows.channels; c++) {
        const value = left[start + g * rows.batchStride + c * step]!;
        const from = tap + g * right.batchStride + c * right.channelStride;
        for (let n = 0; n < columns; n++) {
          y[to + g * result.batchStride + n]! += value * weights[from + n * right.columnStride]!;
        }
      }
    }
  });
}

function writeOuter(contraction: OuterContraction, inputs: readonly Values[], y: Float64Array): void {
  const { batch, columns, rows, right, result } = contraction;
  const [left, others] = [inputs[rows.input]!, inputs[right.input]!];
  const step = channelStride(rows);
  y.fill(0);
  eachTap(rows, inputs, (m, t, start) => {
    for (let g = 0; g < batch; g++) {
      for (let c = 0; c < rows.channels; c++) {
        const value = left[start + g * rows.batchStride + c * step]!;
        const from = g * right.batchStride + m * right.rowStride;
        const to = g * result.batchStride + (t * rows.channels + c) * result.rowStride;
        for (let n = 0; n < columns; n++) y[to + n]! += value * others[from + n]!;
      }
    }
  });
}

/**
 * Computes a contraction.
 *
 * @param contraction Any contraction.
 * @param inputs Values of the inputs.
 * @param size Elements of the result.
 * @returns The result; an element that nothing writes is NaN.
 */
export function evaluateContraction(contraction: Contraction, inputs: readonly Values[], size: number): Float64Array {
  const y = new Float64Array(size).fill(NaN);
  if (contraction.form === "outer") writeOuter(contraction, inputs, y);
  else contraction.phases.forEach((phase) => writeProduct(contraction, phase, inputs, y));
  return y;
}
