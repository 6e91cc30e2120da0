/** @file What the kernels compute, as plain float64 loops. */
import type { ConvParams } from "../../../../tensor/contraction/convolution.ts";
import type { MatmulParams } from "../../../../tensor/contraction/matrix_product.ts";
import { type Shape, sizeOf } from "../../../../tensor/spec.ts";
import type { Sample } from "./harness.ts";

/** Output shape of a product. */
export function matmulShape(a: Shape, b: Shape, { transposeA, transposeB }: MatmulParams): Shape {
  return [...a.slice(0, -2), a.at(transposeA ? -1 : -2)!, b.at(transposeB ? -2 : -1)!];
}

/** The batched matrix product. */
export function matmulDefinition(a: Sample, b: Sample, shape: Shape, params: MatmulParams): Float64Array {
  const [rows, columns] = shape.slice(-2) as [number, number];
  const steps = a.shape.at(params.transposeA ? -2 : -1)!;
  const result = new Float64Array(sizeOf(shape));
  for (let i = 0; i < result.length; i++) {
    const [batch, m, n] = [Math.floor(i / (rows * columns)), Math.floor(i / columns) % rows, i % columns];
    for (let k = 0; k < steps; k++) {
      const left = a.data[batch * rows * steps + (params.transposeA ? k * rows + m : m * steps + k)]!;
      result[i]! += left * b.data[batch * columns * steps + (params.transposeB ? n * steps + k : k * columns + n)]!;
    }
  }
  return result;
}

/** Output shape of a convolution. */
export function convShape(x: Shape, w: Shape, { stride, padding, dilation }: ConvParams): Shape {
  const size = (axis: 0 | 1) => {
    const [before, after] = padding[axis]!;
    return Math.floor((x[axis + 1]! + before + after - dilation[axis]! * (w[axis]! - 1) - 1) / stride[axis]!) + 1;
  };
  return [x[0]!, size(0), size(1), w[3]!];
}

type Visit = (x: number, w: number, y: number) => void;

/** Visits every multiplication of a convolution: positions in x, w and y. */
export function convTerms(x: Shape, w: Shape, y: Shape, params: ConvParams, visit: Visit): void {
  const [height, width, pixel] = x.slice(1) as [number, number, number];
  const [kh, kw, channels, outChannels] = w as [number, number, number, number];
  const [batch, outHeight, outWidth] = y as [number, number, number];
  const perGroup = outChannels / params.groups;
  const [y0, x0] = params.padding.map(([before]) => before) as [number, number];
  for (let m = 0; m < batch * outHeight * outWidth; m++) {
    const [b, oy, ox] = [Math.floor(m / (outHeight * outWidth)), Math.floor(m / outWidth) % outHeight, m % outWidth];
    for (let t = 0; t < kh * kw; t++) {
      const iy = oy * params.stride[0]! - y0 + Math.floor(t / kw) * params.dilation[0]!;
      const ix = ox * params.stride[1]! - x0 + t % kw * params.dilation[1]!;
      if (iy < 0 || iy >= height || ix < 0 || ix >= width) continue;
      const from = ((b * height + iy) * width + ix) * pixel;
      for (let n = 0; n < outChannels; n++) {
        const first = from + Math.floor(n / perGroup) * channels;
        for (let c = 0; c < channels; c++) visit(first + c, (t * channels + c) * outChannels + n, m * outChannels + n);
      }
    }
  }
}

/** The convolution. */
export function convDefinition(x: Sample, w: Sample, y: Shape, params: ConvParams): Float64Array {
  const result = new Float64Array(sizeOf(y));
  convTerms(x.shape, w.shape, y, params, (i, j, k) => result[k]! += x.data[i]! * w.data[j]!);
  return result;
}

/** Its adjoint with respect to x. */
export function convInputGradientDefinition(
  dy: Sample,
  w: Sample,
  x: Shape,
  params: ConvParams,
): Float64Array {
  const result = new Float64Array(sizeOf(x));
  convTerms(x, w.shape, dy.shape, params, (i, j, k) => result[i]! += dy.data[k]! * w.data[j]!);
  return result;
}

/** Its adjoint with respect to w. */
export function convWeightGradientDefinition(
  x: Sample,
  dy: Sample,
  w: Shape,
  params: ConvParams,
): Float64Array {
  const result = new Float64Array(sizeOf(w));
  convTerms(x.shape, w, dy.shape, params, (i, j, k) => result[j]! += x.data[i]! * dy.data[k]!);
  return result;
}

/** Visits every multiplication of a kernel map convolution: positions in x, w and y. */
export function kernelMapTerms(map: Sample, x: Shape, w: Shape, visit: Visit): void {
  const [taps, channels, outChannels] = w as [number, number, number];
  const perGroup = outChannels / (x[1]! / channels);
  map.data.forEach((source, i) => {
    if (source < 0) return;
    const [m, t] = [Math.floor(i / taps), i % taps];
    for (let n = 0; n < outChannels; n++) {
      const first = source * x[1]! + Math.floor(n / perGroup) * channels;
      for (let c = 0; c < channels; c++) visit(first + c, (t * channels + c) * outChannels + n, m * outChannels + n);
    }
  });
}

/** The stable order of one row: equal elements keep their order, NaN comes last. */
export function argsortDefinition(row: readonly number[], descending: boolean): readonly number[] {
  const before = (a: number, b: number) => Number.isNaN(b) ? !Number.isNaN(a) : descending ? a > b : a < b;
  return [...row.keys()].sort((i, j) => before(row[i]!, row[j]!) ? -1 : before(row[j]!, row[i]!) ? 1 : i - j);
}
