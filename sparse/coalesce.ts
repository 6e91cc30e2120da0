import { requireKind, requireList, requireOptions, requireTensor } from "../tensor/parts.ts";
import { reshape, scatterAdd, ShapeError, take, type Tensor, tensor } from "../tensor/core.ts";
import { axesOf, cellOf, type Coordinates, type GridShape, patternFromCells } from "./pattern.ts";
import { type SparseTensor, sparseTensor } from "./sparse_tensor.ts";

/** Options of `coalesce`. */
export interface CoalesceOptions {
  /** `[B, ...grid]`, such as `[B, rows, columns]`. */
  readonly gridShape: GridShape;
  /** What to do with repeated coordinates: add their values, keep the first, or refuse. `"sum"` by default. */
  readonly duplicates?: "sum" | "first" | "error";
}

/**
 * Makes a sparse tensor of rows in any order: sorts them, and makes coordinates unique.
 *
 * @param coordinates `[image, ...place]` of each row, on the host.
 * @param values `[rows, ...block, C]`, or `[rows, C]` for single pixels.
 * @param options Grid, and what to do with duplicates.
 * @returns The sparse tensor. Duplicates are added in the order given. Differentiable in the values.
 * @throws {RangeError} If a coordinate is outside the grid, or repeated with `duplicates: "error"`.
 * @throws {ShapeError} If there is not one row of values for each coordinate.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { coalesce, toDense } from "@tessera/tessera/sparse";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const x = coalesce([[0, 0, 1], [0, 0, 0], [0, 0, 1]], tensor([[3], [5], [4]]), { gridShape: [1, 1, 3] });
 * deepStrictEqual(await toDense(x).data(), new Float32Array([5, 7, 0]));
 * ```
 */
export function coalesce(coordinates: Coordinates, values: Tensor, options: CoalesceOptions): SparseTensor {
  requireOptions("coalesce", options, { gridShape: true, duplicates: true });
  const { gridShape, duplicates = "sum" } = options;
  requireList("coalesce", "gridShape", gridShape);
  if (!["sum", "first", "error"].includes(duplicates)) {
    throw new RangeError(
      `Cannot coalesce as duplicates must be "sum", "first" or "error": current duplicates is ${duplicates}`,
    );
  }
  requireTensor("coalesce", "values", values);
  requireKind("coalesce", "coordinates", coordinates, isListOfLists(coordinates), "a list of [image, ...place]");
  const cells = coordinates.map((at) => cellOf("coalesce", at, gridShape));
  const pattern = patternFromCells(cells, gridShape);
  const blocks = asBlocks(values, coordinates.length, axesOf(pattern));
  const order = [...cells.keys()].sort((a, b) => cells[a]! - cells[b]! || a - b);
  const sorted = order.map((row) => cells[row]!);
  const isFirst = sorted.map((cell, i) => i === 0 || cell !== sorted[i - 1]);
  const repeated = isFirst.indexOf(false);
  if (repeated >= 0 && duplicates === "error") {
    throw new RangeError(
      `Cannot coalesce as coordinates must differ: current coordinates [${coordinates[order[repeated]!]}] are repeated`,
    );
  }
  const rows = mergeRows(blocks, order, isFirst, duplicates === "sum" && repeated >= 0);
  return sparseTensor(pattern, blocks.shape.slice(1, -1), rows);
}

const isListOfLists = (x: unknown) => Array.isArray(x) && x.every(Array.isArray);

function mergeRows(rows: Tensor, order: readonly number[], isFirst: readonly boolean[], sum: boolean): Tensor {
  if (!sum) return take(rows, tensor(Int32Array.from(order.filter((_, i) => isFirst[i]))));
  const groups = new Int32Array(order.length);
  isFirst.forEach((first, i) => groups[i] = i === 0 ? 0 : groups[i - 1]! + Number(first));
  const size = groups.at(-1)! + 1;
  return scatterAdd(take(rows, tensor(Int32Array.from(order))), tensor(groups), { size });
}

function asBlocks(values: Tensor, rows: number, axes: number): Tensor {
  const { shape } = values;
  const isFlat = shape.length === 2;
  if (shape[0] === rows && (isFlat || shape.length === axes + 2)) {
    return isFlat ? reshape(values, [rows, ...Array<number>(axes).fill(1), shape[1]!]) : values;
  }
  throw new ShapeError(
    "coalesce",
    `values must be [${rows}, ...block, C] with a block of ${axes} axes, or [${rows}, C]`,
    [
      shape,
    ],
  );
}
