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

/** Element (g, m, t, c) of a left factor; zero where the tap sees nothing. */
function leftReader(rows: Rows, inputs: readonly Values[]): (g: number, m: number, t: number, c: number) => number {
  const channel = rows.kind === "matrix" && rows.transposed ? rows.rows : 1;
  return (g, m, t, c) => {
    const start = startOf(rows, inputs, m, t);
    return start === null ? 0 : inputs[rows.input]![g * rows.batchStride + start + c * channel]!;
  };
}

function writeProduct(
  { batch, columns }: RowsContraction,
  product: RowsProduct,
  inputs: readonly Values[],
  y: Float64Array,
): void {
  const { rows, right, result } = product;
  const left = leftReader(rows, inputs);
  for (let g = 0; g < batch; g++) {
    for (let m = 0; m < rowCount(rows); m++) {
      const row = result.offset + g * result.batchStride + dot(digitsOf(m, rowSizes(rows)), result.rowStrides);
      for (let n = 0; n < columns; n++) {
        let sum = 0;
        for (let t = 0; t < tapCount(rows); t++) {
          const tap = right.offset + g * right.batchStride + dot(digitsOf(t, tapSizes(rows)), right.tapStrides);
          for (let c = 0; c < rows.channels; c++) {
            const weight = inputs[right.input]![tap + c * right.channelStride + n * right.columnStride]!;
            const value = left(g, m, t, c);
            // nothing times anything is nothing, even beside infinities
            if (startOf(rows, inputs, m, t) !== null) sum += value * weight;
          }
        }
        if (!Number.isNaN(y[row + n]!)) {
          throw new Error(
            `Cannot evaluate a contraction as elements must be written once: current element is ${row + n}`,
          );
        }
        y[row + n] = sum;
      }
    }
  }
}

function writeOuter(
  { batch, columns, rows, right, result }: OuterContraction,
  inputs: readonly Values[],
  y: Float64Array,
): void {
  const left = leftReader(rows, inputs);
  for (let g = 0; g < batch; g++) {
    for (let t = 0; t < tapCount(rows); t++) {
      for (let c = 0; c < rows.channels; c++) {
        for (let n = 0; n < columns; n++) {
          let sum = 0;
          for (let m = 0; m < rowCount(rows); m++) {
            if (startOf(rows, inputs, m, t) === null) continue;
            sum += left(g, m, t, c) * inputs[right.input]![g * right.batchStride + m * right.rowStride + n]!;
          }
          y[g * result.batchStride + (t * rows.channels + c) * result.rowStride + n] = sum;
        }
      }
    }
  }
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
