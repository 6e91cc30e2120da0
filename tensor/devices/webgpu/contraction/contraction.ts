/** @file Contractions as WGSL: products of rows and sums of outer products, and which faster form computes one. */
import type {
  ConvolutionTexts,
  WgslBuffer,
  WgslKernel,
  WgslLimits,
  WgslMemory,
  WgslPass,
} from "../../../compiler/kernel_text.ts";
import {
  type Contraction,
  type OuterContraction,
  rowCount,
  type RowsContraction,
  type RowsProduct,
  tapCount,
} from "../../../contraction/contraction.ts";
import { cutSlabs, type Slabs } from "../../../contraction/slabs.ts";
import { isDepthwise, readsOf, wholeRows } from "../../../contraction/traits.ts";
import { MAX_TURNS } from "../machine.ts";
import { itemPass, unravel } from "../emit/shader.ts";
import { affine } from "../emit/values.ts";
import { diagonalProduct } from "./diagonal_product.ts";
import {
  inputName,
  isDense,
  leftRows,
  rowNames,
  tableBuffers,
  tapLoops,
  tapNames,
  walkedRows,
  wholeFours,
} from "./left_rows.ts";
import { outerProduct, slabSum } from "./outer_product.ts";
import type { OuterProduct } from "./outer_product_parts.ts";
import { rowProduct } from "./row_product.ts";
import { type RightMatrix, type RowProduct, WHOLE_DEPTH } from "./row_product_parts.ts";

/**
 * Writes a contraction.
 *
 * @param contraction What to compute.
 * @param limits Limits and traits of the device.
 * @param faster What computes it faster if it is a part of a convolution.
 * @returns Passes over its inputs, its result and scratch, in this order.
 */
export function contractionWgsl(contraction: Contraction, limits: WgslLimits, faster?: ConvolutionTexts): WgslKernel {
  const single = contraction.batch === 1 ? withoutBatch(contraction) : contraction;
  return single.form === "rows" ? rowsWgsl(single, limits, faster) : outerWgsl(single, limits, faster);
}

/** The same where there is but one of a batch: addresses do not depend on it. */
function withoutBatch(contraction: Contraction): Contraction {
  const alone = <T extends { readonly batchStride: number }>(factor: T): T => ({ ...factor, batchStride: 0 });
  if (contraction.form === "outer") {
    const { rows, right, result } = contraction;
    return { ...contraction, rows: alone(rows), right: alone(right), result: alone(result) };
  }
  return {
    ...contraction,
    phases: contraction.phases.map(({ rows, right, result }) => (
      { rows: alone(rows), right: alone(right), result: alone(result) }
    )),
  };
}

function rowsWgsl(contraction: RowsContraction, limits: WgslLimits, faster?: ConvolutionTexts): WgslKernel {
  const { batch, columns } = contraction;
  const phases = contraction.phases.filter(({ rows }) => batch * columns * rowCount(rows) > 0);
  const fast = phases.length > 0 && faster?.rows(contraction, limits);
  if (fast) return fast;
  const cut = cutDepth(phases);
  const passes = phases.map((phase) =>
    faster?.phase(contraction, phase, limits) ?? phasePass(contraction, phase, limits, cut)
  );
  const { slabs } = cut;
  if (slabs === 1) return { passes, scratchBytes: 0 };
  const [elements, to] = [resultSize(contraction), readsOf(contraction)];
  return { passes: [...passes, slabSum({ elements, slabs, from: to + 1, to })], scratchBytes: 4 * slabs * elements };
}

/** Cuts the depth of all phases alike where an invocation would take too many turns. Depthwise ones have none to cut. */
function cutDepth(phases: readonly RowsProduct[]): Slabs {
  const [depth, taps] = [({ rows }: RowsProduct) => rows.channels, ({ rows }: RowsProduct) => tapCount(rows)];
  const longest = WHOLE_DEPTH * Math.max(1, Math.floor(MAX_TURNS / Math.max(1, ...phases.map(taps)) / WHOLE_DEPTH));
  const rows = Math.max(0, ...phases.map(depth));
  return cutSlabs({ rows, whole: WHOLE_DEPTH, wanted: 1, longest });
}

/** Elements of the result. */
function resultSize({ batch, columns, phases }: RowsContraction): number {
  return batch * columns * phases.reduce((sum, { rows }) => sum + rowCount(rows), 0);
}

function phasePass(contraction: RowsContraction, phase: RowsProduct, limits: WgslLimits, cut: Slabs): WgslPass {
  if (isDepthwise(contraction)) {
    const { rows, right, result } = phase;
    const channels = { right: { ...right, batchStride: 0 }, result: { ...result, batchStride: 0 } };
    return diagonalProduct(productOf(contraction, { ...channels, rows: wholeRows(rows, contraction) }, 1));
  }
  if (phase.rows.kind === "matrix" && phase.rows.transposed) return elementPass(contraction, phase, cut);
  const product = productOf(contraction, phase);
  return rowProduct(cut.slabs === 1 ? product : inSlabs(product, resultSize(contraction), cut), limits);
}

/** A product whose depth is cut: the sums of its slabs lie one result after the other in the scratch. */
function inSlabs(product: RowProduct, elements: number, slabs: Slabs): RowProduct {
  const { buffer, aligned, at, name } = product.result;
  const result = {
    ...{ name, buffer: buffer + 1, aligned: aligned && elements % 4 === 0 },
    at: (m: number) => `slab * ${elements}u + ${at(m)}`,
  };
  return { ...product, slabs, result };
}

/** A phase as text, of rows of so many channels. */
function productOf(
  contraction: RowsContraction,
  { rows, right, result }: RowsProduct,
  depth = rows.channels,
): RowProduct {
  const { batch: batches, columns } = contraction;
  const dense = isDense(rows, result.rowStrides);
  const strides = dense ? result.rowStrides.slice(-1) : result.rowStrides;
  const places = dense ? ["row"] : rowNames(rows);
  return {
    ...{ batches, rows: rowCount(rows), columns, depth },
    left: leftRows(rows),
    right: rightMatrix(right, { depth, columns, taps: tapNames(rows) }),
    others: tableBuffers(rows),
    taps: tapLoops(rows),
    result: {
      name: "out",
      buffer: readsOf(contraction),
      aligned: wholeFours(columns, result.offset, ...strides, result.batchStride),
      at: (m) =>
        affine(
          [...places.map((name) => `${name}_${m}`), "batch"],
          [...strides, result.batchStride],
          result.offset,
          "u",
        ),
    },
  };
}

function rightMatrix(
  { input, offset, tapStrides, channelStride, columnStride, batchStride }: RowsProduct["right"],
  { depth, columns, taps }: { readonly depth: number; readonly columns: number; readonly taps: readonly string[] },
): RightMatrix {
  const transposed = columnStride !== 1;
  const stride = transposed ? columnStride : channelStride;
  return {
    name: inputName(input),
    buffer: input,
    transposed,
    from: affine([...taps, "batch"], [...tapStrides, batchStride], offset, "u"),
    stride,
    aligned: wholeFours(transposed ? depth : columns, stride, offset, ...tapStrides, batchStride),
  };
}

/** Both matrices transposed, which is rare: one invocation for each element. */
function elementPass(contraction: RowsContraction, { rows, right, result }: RowsProduct, cut: Slabs): WgslPass {
  const { batch, columns } = contraction;
  const height = rowCount(rows);
  const left = affine(["batch", "t", "row"], [rows.batchStride, height, 1], 0, "u");
  const { batchStride, channelStride, columnStride, offset } = right;
  const from = affine(["batch", "t", "column"], [batchStride, channelStride, columnStride], offset, "u");
  const places = [result.batchStride, ...result.rowStrides, 1];
  const to = affine(["slab", "batch", "row", "column"], [resultSize(contraction), ...places], result.offset, "u");
  const end = `min((slab + 1u) * ${cut.length}u, ${rows.channels}u)`;
  const body = ({ load, store }: WgslMemory) =>
    `${unravel("item", [["slab", 0], ["batch", batch], ["row", height], ["column", columns]])}
  var sum = 0f;
  for (var t = slab * ${cut.length}u; t < ${end}; t++) {
    sum += ${load(inputName(rows.input), left)} * ${load(inputName(right.input), from)};
  }
  ${store("out", to, "sum")}`;
  const buffers: readonly WgslBuffer[] = [
    { name: inputName(rows.input), type: "f32", buffer: rows.input },
    { name: inputName(right.input), type: "f32", buffer: right.input },
    { name: "out", type: "f32", buffer: readsOf(contraction) + Number(cut.slabs > 1) },
  ];
  return itemPass(buffers, { items: cut.slabs * batch * height * columns, body });
}

function outerWgsl(contraction: OuterContraction, limits: WgslLimits, faster?: ConvolutionTexts): WgslKernel {
  const { batch, columns, rows } = contraction;
  if (batch * tapCount(rows) * rows.channels * columns === 0) return { passes: [], scratchBytes: 0 };
  return faster?.outer(contraction, limits) ??
    outerProduct(outerOf(contraction, isDepthwise(contraction)), readsOf(contraction) + 1, limits);
}

/** A sum of outer products as text; where it is depthwise, of all channels side by side. */
function outerOf(contraction: OuterContraction, diagonal: boolean): OuterProduct {
  const { batch, columns, right, result } = contraction;
  const rows = diagonal ? wholeRows(contraction.rows, contraction) : contraction.rows;
  const taps = tapCount(rows);
  const { channels } = contraction.rows;
  const apart = (stride: number) => diagonal ? 0 : stride;
  const { name, buffer, aligned } = leftRows(rows);
  const from = affine(
    ["tap", "batch"],
    [taps === 1 ? 0 : channels * result.rowStride, apart(result.batchStride)],
    0,
    "u",
  );
  return {
    ...{ batches: batch, taps, rows: rowCount(rows), sizes: [channels, columns], diagonal },
    left: { name, buffer, aligned },
    right: {
      name: inputName(right.input),
      buffer: right.input,
      aligned: wholeFours(diagonal ? batch : columns, right.rowStride, apart(right.batchStride)),
    },
    others: tableBuffers(rows),
    ...walkedRows(rows),
    rightFrom: (row) => affine([row, "batch"], [right.rowStride, apart(right.batchStride)], 0, "u"),
    result: {
      buffer: readsOf(contraction),
      from,
      stride: result.rowStride,
      elements: batch * taps * channels * columns,
    },
  };
}
