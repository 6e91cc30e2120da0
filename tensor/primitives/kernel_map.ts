/** @file Convolution whose windows are a table of rows, for sparse tensors: the rows may lie anywhere. */
import {
  type KernelMapConvParams,
  tableOuterProduct,
  tableProduct,
  type TableSizes,
} from "../contraction/table_product.ts";
import { requireOptions, ShapeError } from "../errors.ts";
import type { Primitive } from "../primitive.ts";
import { type DenseArray, type Shape, sizeOf, type TensorSpec, tupleOf } from "../spec.ts";
import { bind, type Tensor } from "../tensor.ts";
import { requireTensor } from "../require_tensor.ts";
import { tableRule } from "./batching/table.ts";
import { requireFloating } from "./operands.ts";

/**
 * Calls `visit` for the multiplications: flat positions of an input channel of row `input` in `[rows, Cin]`, of an output
 * channel in w `[T, Cin / groups, Cout]` and of row `output` in `[rows, Cout]`, and how many output channels follow there.
 */
function eachProduct(
  { data }: DenseArray,
  w: Shape,
  { groups, transposeWeight = false }: { readonly groups: number; readonly transposeWeight?: boolean },
  visit: (input: number, w: number, output: number, count: number) => void,
): void {
  const [taps, cinPerGroup, cout] = tupleOf(w, 3);
  const count = cout / groups;
  for (let at = 0; at < data.length; at++) {
    const [m, row, t] = [Math.floor(at / taps), data[at]!, at % taps];
    if (row < 0) continue;
    const [input, output] = transposeWeight ? [m, row] : [row, m];
    for (let ci = 0; ci < cinPerGroup; ci++) {
      for (let group = 0; group < groups; group++) {
        const [from, co] = [(input * groups + group) * cinPerGroup + ci, group * count];
        visit(from, (t * cinPerGroup + ci) * cout + co, output * cout + co, count);
      }
    }
  }
}

/** Sizes of a table over rows of x, and of the weights `w`. */
function tableSizes(map: TensorSpec, x: TensorSpec, w: Shape, groups: number): TableSizes {
  const [rows, taps] = tupleOf(map.shape, 2);
  const [, channels, outChannels] = tupleOf(w, 3);
  return { rows, taps, sources: x.shape[0]!, groups, channels, columns: outChannels / groups };
}

function requireMaps(operation: string, x: TensorSpec, w: Shape, map: TensorSpec, inverse: TensorSpec): void {
  if (map.dtype !== "int32" || inverse.dtype !== "int32") {
    throw new TypeError(
      `Cannot ${operation} as kernel maps must be int32: current dtypes are ${map.dtype} and ${inverse.dtype}`,
    );
  }
  if (map.shape.length === 2 && map.shape[1] === w[0] && inverse.shape.join() === `${x.shape[0]},${w[0]}`) return;
  throw new ShapeError(operation, "x must be [N, C], the map [M, T] and the inverse map [N, T] for T taps", [
    x.shape,
    w,
    map.shape,
    inverse.shape,
  ]);
}

const KERNEL_MAP_CONV: Primitive<KernelMapConvParams> = {
  name: "kernelMapConv",
  shapeRule: ([x, w, map, inverse], { groups, transposeWeight }) => {
    requireFloating("kernelMapConv", [x!, w!]);
    requireMaps("kernelMapConv", x!, w!.shape, map!, inverse!);
    const [, cinPerGroup, cout] = tupleOf(w!.shape, 3);
    const [from, to] = transposeWeight ? [cout, cinPerGroup * groups] : [cinPerGroup * groups, cout];
    if (x!.shape[1] === from && cout % groups === 0) return { shape: [map!.shape[0]!, to], dtype: x!.dtype };
    throw new ShapeError("kernelMapConv", `x must have ${from} channels, and ${groups} groups must divide Cout`, [
      x!.shape,
      w!.shape,
    ]);
  },
  reference: ([x, w, map], { groups, transposeWeight }, { shape }) => {
    const y = new Float64Array(sizeOf(shape));
    const [xs, ws] = [x!.data, w!.data];
    // Transposed, row `map[m, t]` of x holds output channels, row m of y input channels.
    eachProduct(map!, w!.shape, { groups, transposeWeight }, (i, j, k, count) => {
      if (transposeWeight) { for (let n = 0; n < count; n++) y[i]! += xs[k + n]! * ws[j + n]!; }
      else for (let n = 0; n < count; n++) y[k + n]! += xs[i]! * ws[j + n]!;
    });
    return y;
  },
  vjpRule: (ct, { inputs: [x, w, map, inverse] }, { groups, transposeWeight }) => [
    bind(KERNEL_MAP_CONV, [ct, w!, inverse!, map!], { groups, transposeWeight: !transposeWeight }),
    transposeWeight
      ? bind(KERNEL_MAP_WEIGHT_GRADIENT, [ct, x!, inverse!, map!], { groups })
      : bind(KERNEL_MAP_WEIGHT_GRADIENT, [x!, ct, map!, inverse!], { groups }),
    null,
    null,
  ],
  batchRule: tableRule<KernelMapConvParams>(() => KERNEL_MAP_CONV, "rows"),
  lowering: {
    kind: "contraction",
    contraction: (params, [x, w, map]) => tableProduct(tableSizes(map!, x!, w!.shape, params.groups), params),
  },
};

const KERNEL_MAP_WEIGHT_GRADIENT: Primitive<Pick<KernelMapConvParams, "groups">> = {
  name: "kernelMapWeightGradient",
  shapeRule: ([x, dy, map, inverse], { groups }) => {
    requireFloating("kernelMapWeightGradient", [x!, dy!]);
    const w = [map!.shape[1]!, x!.shape[1]! / groups, dy!.shape[1]!];
    requireMaps("kernelMapWeightGradient", x!, w, map!, inverse!);
    if (dy!.shape[0] === map!.shape[0]) return { shape: w, dtype: x!.dtype };
    throw new ShapeError("kernelMapWeightGradient", "the cotangent must have a row for each row of the map", [
      dy!.shape,
      map!.shape,
    ]);
  },
  reference: ([x, dy, map], { groups }, { shape }) => {
    const dw = new Float64Array(sizeOf(shape));
    const [xs, ys] = [x!.data, dy!.data];
    eachProduct(map!, shape, { groups }, (i, j, k, count) => {
      for (let n = 0; n < count; n++) dw[j + n]! += xs[i]! * ys[k + n]!;
    });
    return dw;
  },
  vjpRule: (ct, { inputs: [x, dy, map, inverse] }, { groups }) => [
    bind(KERNEL_MAP_CONV, [dy!, ct, inverse!, map!], { groups, transposeWeight: true }),
    bind(KERNEL_MAP_CONV, [x!, ct, map!, inverse!], { groups, transposeWeight: false }),
    null,
    null,
  ],
  batchRule: tableRule<Pick<KernelMapConvParams, "groups">>(() => KERNEL_MAP_WEIGHT_GRADIENT, "weights"),
  lowering: {
    kind: "contraction",
    contraction: ({ groups }, [x, , map], w) => tableOuterProduct(tableSizes(map!, x!, w.shape, groups)),
  },
};

/** Rows in and out of a convolution: which input row each output row sees through each tap, and the other way round. */
export interface KernelMaps {
  /** int32 `[M, T]`: the input row that output m reads through tap t, or -1. */
  readonly map: Tensor;
  /** int32 `[N, T]`: the output row that reads input n through tap t, or -1. At most one: taps are injective. */
  readonly inverse: Tensor;
}

/**
 * Convolves rows through a kernel map (also called rulebook).
 *
 * @param x Rows `[N, Cin]`.
 * @param w Weights `[T, Cin / groups, Cout]`.
 * @param maps The windows, and their inverse for gradients.
 * @param options `groups`, 1 by default.
 * @returns Rows `[M, Cout]`: `y[m] = Σ_t w[t]ᵀ x[map[m, t]]`, absent rows left out.
 * @throws {ShapeError} If shapes do not fit.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { tensor } from "@tessera/tessera/tensor";
 * import { kernelMapConv } from "@tessera/tessera/tensor/kernel";
 *
 * const maps = { map: tensor([[1, -1], [0, 1]], { dtype: "int32" }), inverse: tensor([[1, -1], [0, 1]], { dtype: "int32" }) };
 * const y = kernelMapConv(tensor([[1], [10]]), tensor([[[1]], [[2]]]), maps);
 * deepStrictEqual(await y.data(), new Float32Array([10, 21]));
 * ```
 */
export function kernelMapConv(
  x: Tensor,
  w: Tensor,
  { map, inverse }: KernelMaps,
  options: { readonly groups?: number } = {},
): Tensor {
  requireOptions("kernelMapConv", options, { groups: true });
  const { groups = 1 } = options;
  requireTensor("kernelMapConv", "x", x);
  requireTensor("kernelMapConv", "w", w);
  requireTensor("kernelMapConv", "map", map);
  requireTensor("kernelMapConv", "inverse", inverse);
  return bind(KERNEL_MAP_CONV, [x, w, map, inverse], { groups, transposeWeight: false });
}
