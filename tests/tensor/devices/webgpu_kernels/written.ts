/** @file Contractions as texts for a GPU, by the shapes that take part. */
import type { WgslKernel, WgslLimits } from "../../../../tensor/compiler/kernel_text.ts";
import type { ConvolutionPart } from "../../../../tensor/contraction/contraction.ts";
import { convolutionOf, convolutionPart, type ConvParams } from "../../../../tensor/contraction/convolution.ts";
import { type MatmulParams, matrixProduct } from "../../../../tensor/contraction/matrix_product.ts";
import { tableOuterProduct, tableProduct } from "../../../../tensor/contraction/table_product.ts";
import { CONVOLUTION_TEXTS } from "../../../../tensor/devices/webgpu/convolution_texts.ts";
import { contractionWgsl } from "../../../../tensor/devices/webgpu/contraction/contraction.ts";
import { type Shape, sizeOf } from "../../../../tensor/spec.ts";

/** Writes a part of a convolution of x with w to y. */
export function writtenConv(
  [x, w, y]: readonly [x: Shape, w: Shape, y: Shape],
  params: ConvParams,
  part: ConvolutionPart,
  limits: WgslLimits,
): WgslKernel {
  return contractionWgsl(convolutionPart(convolutionOf(x, w, y, params), part), limits, CONVOLUTION_TEXTS);
}

/** Writes a batched product of matrices a and b. */
export function writtenMatmul(
  [a, y]: readonly [a: Shape, y: Shape],
  params: MatmulParams,
  limits: WgslLimits,
): WgslKernel {
  const [m, n] = y.slice(-2) as [number, number];
  const sizes = { batch: sizeOf(y.slice(0, -2)), m, n, k: a.at(params.transposeA ? -2 : -1)! };
  return contractionWgsl(matrixProduct(sizes, params), limits);
}

/** Sizes of a product through a table. */
export interface TableShapes {
  /** Of the rows that the table names. */
  readonly from: Shape;
  readonly w: Shape;
  readonly table: Shape;
  readonly groups: number;
}

function tableSizes({ from, w, table, groups }: TableShapes) {
  const [rows, taps] = table as [number, number];
  return { rows, taps, sources: from[0]!, groups, channels: w[1]!, columns: w[2]! / groups };
}

/** Writes a product of rows through a table with weights. */
export function writtenTable(shapes: TableShapes, transposeWeight: boolean, limits: WgslLimits): WgslKernel {
  return contractionWgsl(tableProduct(tableSizes(shapes), { transposeWeight }), limits);
}

/** Writes the gradient of such a product with respect to the weights. */
export function writtenTableOuter(shapes: TableShapes, limits: WgslLimits): WgslKernel {
  return contractionWgsl(tableOuterProduct(tableSizes(shapes)), limits);
}
