/** @file Grids of coordinates, triangles, turns and blocks. */
import { requireList, requireOptions, ShapeError } from "../errors.ts";
import { mul } from "../primitives/arithmetic.ts";
import { reshape } from "../primitives/layout.ts";
import { broadcastTo, normalizeAxes } from "../primitives/sum.ts";
import { requireTensor, requireTensors } from "../require_tensor.ts";
import type { DType } from "../spec.ts";
import type { Tensor } from "../tensor.ts";
import { flip } from "./axes.ts";
import { ones } from "./creation.ts";
import { tril } from "./matrices.ts";
import { swapaxes } from "./pieces.ts";

/** Options of `meshgrid`. */
export interface MeshgridOptions {
  /** `"xy"`, the default, for the first vector to run along columns; `"ij"` for it to run along rows. */
  readonly indexing?: "xy" | "ij";
}

/**
 * Coordinates of a grid from those of its axes.
 *
 * @param vectors Vectors, of `n1`, `n2`, … elements.
 * @param options `indexing`, `"xy"` by default, as in NumPy.
 * @returns One tensor for each vector: `[n1, n2, …]` with `"ij"`, `[n2, n1, …]` with `"xy"`.
 * @throws {ShapeError} If one is no vector.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { arange, meshgrid } from "@tessera/tessera/tensor";
 *
 * const [x, y] = meshgrid([arange(3), arange(2)]);
 * deepStrictEqual(await x!.data(), new Int32Array([0, 1, 2, 0, 1, 2]));
 * deepStrictEqual(await y!.data(), new Int32Array([0, 0, 0, 1, 1, 1]));
 * ```
 */
export function meshgrid(vectors: readonly Tensor[], options: MeshgridOptions = {}): readonly Tensor[] {
  requireOptions("meshgrid", options, { indexing: true });
  const { indexing = "xy" } = options;
  if (indexing !== "xy" && indexing !== "ij") {
    throw new RangeError(`Cannot meshgrid as indexing must be "xy" or "ij": current indexing is ${indexing}`);
  }
  requireTensors("meshgrid", "vectors", vectors);
  vectors.forEach(({ shape }) => {
    if (shape.length !== 1) throw new ShapeError("meshgrid", "each must be a vector", [shape]);
  });
  const sizes = vectors.map((x) => x.shape[0]!);
  const swapped = indexing === "xy" && sizes.length > 1;
  const grids = vectors.map((x, i) => broadcastTo(reshape(x, sizes.map((n, k) => k === i ? n : 1)), sizes));
  return swapped ? grids.map((grid) => swapaxes(grid, 0, 1)) : grids;
}

/** Options of `tri`. */
export interface TriOptions {
  /** Columns; as many as rows by default. */
  readonly columns?: number;
  /** The last diagonal that is one: above the main one if positive. 0 by default. */
  readonly diagonal?: number;
  /** float32 by default. */
  readonly dtype?: DType;
}

/**
 * A matrix of ones on and below a diagonal, zeros above.
 *
 * @param rows How many.
 * @param options `columns`, `diagonal`, `dtype`.
 * @returns `[rows, columns]`.
 * @throws {ShapeError} If a size is not whole or negative.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { tri } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await tri(2).data(), new Float32Array([1, 0, 1, 1]));
 * ```
 */
export function tri(rows: number, options: TriOptions = {}): Tensor {
  requireOptions("tri", options, { columns: true, diagonal: true, dtype: true });
  const { columns = rows, diagonal = 0, dtype } = options;
  return tril(ones([rows, columns], { dtype }), { diagonal });
}

/** Options of `rot90`. */
export interface Rot90Options {
  /** How many quarter turns, 1 by default; negative ones go the other way. */
  readonly turns?: number;
  /** The plane: from the first axis towards the second. `[0, 1]` by default. */
  readonly axes?: readonly [number, number];
}

/**
 * Turns by quarters in a plane of two axes.
 *
 * @param x Tensor of at least two axes.
 * @param options `turns`, 1 by default; `axes`, `[0, 1]` by default.
 * @returns The turned tensor.
 * @throws {ShapeError} If the axes are not two of the tensor.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { rot90, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await rot90(tensor([[1, 2], [3, 4]])).data(), new Float32Array([2, 4, 1, 3]));
 * ```
 */
export function rot90(x: Tensor, options: Rot90Options = {}): Tensor {
  requireOptions("rot90", options, { turns: true, axes: true });
  requireTensor("rot90", "x", x);
  const { turns = 1, axes = [0, 1] } = options;
  if (!Number.isInteger(turns)) {
    throw new RangeError(`Cannot rot90 as turns must be whole: current turns are ${turns}`);
  }
  requireList("rot90", "axes", axes);
  normalizeAxes("rot90", x, axes);
  const [from, to] = axes;
  switch (((turns % 4) + 4) % 4) {
    case 1:
      return swapaxes(flip(x, { axis: to }), from, to);
    case 2:
      return flip(x, { axis: axes });
    case 3:
      return flip(swapaxes(x, from, to), { axis: to });
    default:
      return x;
  }
}

/**
 * The Kronecker product: each element of `x` times all of `y`.
 *
 * @param x Any tensor.
 * @param y Any tensor; the smaller rank is filled up with axes of size 1 in front.
 * @returns Tensor whose sizes are the products of sizes.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { kron, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await kron(tensor([1, 10]), tensor([1, 2])).data(), new Float32Array([1, 2, 10, 20]));
 * ```
 */
export function kron(x: Tensor, y: Tensor): Tensor {
  requireTensor("kron", "x", x);
  requireTensor("kron", "y", y);
  const rank = Math.max(x.shape.length, y.shape.length);
  const full = (z: Tensor) => [...Array<number>(rank - z.shape.length).fill(1), ...z.shape];
  const [a, b] = [full(x), full(y)];
  const product = mul(reshape(x, a.flatMap((n) => [n, 1])), reshape(y, b.flatMap((n) => [1, n])));
  return reshape(product, a.map((n, i) => n * b[i]!));
}
