/** @file Sparse tensors of any shape: coordinates, values, and the shape as a part of the form. */
import {
  type DType,
  type Nested,
  reshape,
  type Shape,
  ShapeError,
  Static,
  Tensor,
  tensor,
  type TypedArray,
  where,
} from "../../tensor/core.ts";
import { requireFunction, requireList, requireOptions, requireTensor, sameShape } from "../../tensor/parts.ts";
import { hostValues } from "../host_values.ts";
import { isStored } from "./coordinates.ts";

/** What a `CooTensor` is besides its tensors. */
export interface CooForm {
  /** Sizes of the sparse axes, then of the dense ones. */
  readonly shape: Shape;
  /** True if entries are sorted, each coordinate stands once, and padding comes last. */
  readonly coalesced: boolean;
}

/**
 * A sparse tensor in coordinates (`torch.sparse_coo`, JAX's `BCOO`): `nse` entries on the leading, sparse axes, each a block
 * of the trailing, dense ones. Entries may stand in any order, and those of one coordinate add up. An entry whose coordinate
 * lies outside of the shape is padding and nothing: it makes room where, as inside `jit`, `nse` must be static.
 *
 * A plain record, so a tree: it goes through `jit` as it is, and gradients are taken by its values,
 * `grad((values) => loss({ ...a, values }))(a.values)`, as entries have no gradient by where they stand.
 */
export interface CooTensor {
  /** int32 `[nse, sparse axes]`. */
  readonly indices: Tensor;
  /** `[nse, ...dense sizes]`. */
  readonly values: Tensor;
  /** Shape, and what is known of the entries. */
  readonly form: Static<CooForm>;
}

/** The record, of parts that are known to fit. */
export function makeCoo(indices: Tensor, values: Tensor, shape: Shape, coalesced: boolean): CooTensor {
  return { indices, values, form: new Static<CooForm>(Object.freeze({ shape: [...shape], coalesced })) };
}

/**
 * The shape of the dense form.
 *
 * @param a Any sparse tensor.
 * @returns Sizes of the sparse axes, then of the dense ones.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { coo } from "@tessera/tessera/sparse";
 *
 * deepStrictEqual(coo.shapeOf(coo.cooTensor([[0, 1], [2, 0]], [3, 4], [3, 2])), [3, 2]);
 * ```
 */
export function shapeOf({ form }: CooTensor): Shape {
  return form.value.shape;
}

/** Entries, padding included: its number of specified elements. */
export function nseOf({ indices }: CooTensor): number {
  return indices.shape[0]!;
}

/** Sizes of the sparse axes. */
export function sparseSizes(a: CooTensor): Shape {
  return shapeOf(a).slice(0, a.indices.shape[1]!);
}

/** Sizes of the dense axes. */
export function denseSizes(a: CooTensor): Shape {
  return a.values.shape.slice(1);
}

/** Refuses what is no sparse tensor in coordinates. */
export function requireCoo(operation: string, name: string, a: unknown): asserts a is CooTensor {
  const given = a as Partial<CooTensor> | null | undefined;
  if (given?.indices instanceof Tensor && given.values instanceof Tensor && given.form instanceof Static) return;
  throw new TypeError(
    `Cannot ${operation} as ${name} must be a sparse tensor in coordinates: current ${name} is ${
      a instanceof Tensor ? `the dense ${a}; use coo.fromDense` : String(a)
    }`,
  );
}

/** Names of the options of `cooTensor`. */
const COO_OPTIONS = { coalesced: true, dtype: true } as const;

function asTensor(x: Tensor | Nested, dtype?: DType): Tensor {
  return x instanceof Tensor ? x : tensor(x, dtype ? { dtype } : {});
}

/** Coordinates as int32 `[nse, axes]`; an empty list has as many axes as the shape. */
function coordinatesOf(indices: Tensor | Nested, axes: number): Tensor {
  const empty = Array.isArray(indices) && indices.length === 0;
  return empty ? tensor(new Int32Array(), { shape: [0, axes] }) : asTensor(indices, "int32");
}

function checkParts(indices: Tensor, values: Tensor, shape: Shape): void {
  const [nse, axes] = indices.shape;
  const dense = shape.slice(axes);
  const fits = indices.shape.length === 2 && axes! >= 1 && axes! <= shape.length &&
    shape.every((size) => Number.isInteger(size) && size >= 0) && sameShape(values.shape, [nse!, ...dense]);
  if (!fits) {
    const turned = indices.shape[1] === values.shape[0] && indices.shape[0] !== indices.shape[1];
    throw new ShapeError(
      "make a sparse tensor",
      `indices must be [nse, sparse axes] and values [nse, ...dense sizes] of the shape [${shape}]` +
        (turned ? "; transpose indices that come from PyTorch or SciPy" : ""),
      [indices.shape, values.shape],
    );
  }
  if (indices.dtype === "int32") return;
  throw new TypeError(
    `Cannot make a sparse tensor as indices must be int32: current dtype is ${indices.dtype}; use cast(indices, "int32")`,
  );
}

function checkInside(indices: Tensor, sizes: Shape): void {
  const values = hostValues(indices);
  const bad = values?.findIndex((at, i) => at < 0 || at >= sizes[i % sizes.length]!) ?? -1;
  if (!values || bad < 0) return;
  const row = Math.floor(bad / sizes.length);
  const at = values.subarray(row * sizes.length, (row + 1) * sizes.length);
  throw new RangeError(
    `Cannot make a sparse tensor as coordinates must be inside [${sizes}]: current coordinates of entry ${row} are [${at}]`,
  );
}

/** Refuses coordinates on the host that are not sorted, or are there twice. */
function checkSorted(indices: Tensor): void {
  const values = hostValues(indices);
  const axes = indices.shape[1]!;
  for (let row = 1; values && row * axes < values.length; row++) {
    const [before, at] = [row - 1, row].map((i) => values.subarray(i * axes, (i + 1) * axes)) as [
      TypedArray,
      TypedArray,
    ];
    const axis = at.findIndex((place, i) => place !== before[i]);
    if (axis >= 0 && at[axis]! > before[axis]!) continue;
    throw new RangeError(
      `Cannot make a sparse tensor as coalesced entries must be sorted, each coordinate once: current coordinates of entry ` +
        `${row} are [${at}], after [${before}]`,
    );
  }
}

/**
 * Makes a sparse tensor of coordinates and values (`torch.sparse_coo_tensor`).
 *
 * @param indices Coordinates `[nse, sparse axes]`, one row an entry, in any order, repeated or not: int32, or nested arrays.
 * @param values `[nse, ...dense sizes]`: what stands there. Entries of one coordinate add up.
 * @param shape Sizes of the sparse axes, then of the dense ones.
 * @param options `coalesced`: true to say that entries are sorted and differ, with padding at the end, which saves sorting;
 * it must be so. `dtype` of nested values, as of `tensor`.
 * @returns The sparse tensor.
 * @throws {ShapeError} If the parts do not fit, with a hint for coordinates that are transposed.
 * @throws {RangeError} If coordinates on the host lie outside (those that are not on the host are padding there), or are called
 * coalesced and are not.
 * @throws {TypeError} If the indices are no int32.
 *
 * @example Duplicates add up
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { coo } from "@tessera/tessera/sparse";
 *
 * const a = coo.cooTensor([[1, 0], [0, 2], [1, 0]], [3, 4, 5], [2, 3]);
 * deepStrictEqual(await coo.toDense(a).data(), new Float32Array([0, 0, 4, 8, 0, 0]));
 * ```
 */
export function cooTensor(
  indices: Tensor | Nested,
  values: Tensor | Nested,
  shape: Shape,
  options: { readonly coalesced?: boolean; readonly dtype?: DType } = {},
): CooTensor {
  requireOptions("cooTensor", options, COO_OPTIONS);
  requireList("cooTensor", "shape", shape);
  const at = coordinatesOf(indices, shape.length);
  const data = asTensor(values, options.dtype);
  requireTensor("cooTensor", "values", data);
  checkParts(at, data, shape);
  if (options.dtype !== undefined && data.dtype !== options.dtype) {
    throw new TypeError(
      `Cannot make a sparse tensor as dtype is of values that are no tensor yet: current dtype is ${options.dtype}, values ` +
        `are of ${data.dtype}; use cast`,
    );
  }
  checkInside(at, shape.slice(0, at.shape[1]!));
  if (options.coalesced) checkSorted(at);
  return makeCoo(at, data, shape, options.coalesced ?? false);
}

/** Values with zeros in place of what padding holds, NaN included. */
export function storedValues(a: CooTensor): Tensor {
  const stored = reshape(isStored(a.indices, sparseSizes(a)), [-1, ...denseSizes(a).map(() => 1)]);
  return where(stored, a.values, 0);
}

/**
 * Applies a function to the values of the entries; what is not stored stays zero. As entries of one coordinate add up, a
 * function that is not linear needs a coalesced tensor.
 *
 * @param a Coalesced, or any if `f` is linear.
 * @param f From values `[nse, ...dense]` to values of as many entries.
 * @returns A sparse tensor of the same coordinates.
 * @throws {ShapeError} If `f` changes the number of entries.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { coo } from "@tessera/tessera/sparse";
 * import { square } from "@tessera/tessera/tensor";
 *
 * const a = coo.mapValues(coo.coalesce(coo.cooTensor([[0], [2], [2]], [3, 4, 1], [3])), square);
 * deepStrictEqual(await coo.toDense(a).data(), new Float32Array([9, 0, 25]));
 * ```
 */
export function mapValues(a: CooTensor, f: (values: Tensor) => Tensor): CooTensor {
  requireCoo("mapValues", "a", a);
  requireFunction("mapValues", "f", f);
  const values = f(a.values);
  requireTensor("mapValues", "what f returns", values);
  if (values.shape[0] !== nseOf(a)) {
    throw new ShapeError("mapValues", "the number of entries must stay", [a.values.shape, values.shape]);
  }
  return makeCoo(a.indices, values, [...sparseSizes(a), ...values.shape.slice(1)], a.form.value.coalesced);
}
