/** @file Feature maps, dense or sparse: what every layer takes, so that a model is written once. */
import { add, type Shape, ShapeError, type Tensor } from "../../tensor/core.ts";
import { requireFunction, requireTensor } from "../../tensor/parts.ts";
import { add as addSparse, shapeOf as sparseShapeOf, type SparseTensor } from "../../sparse/mod.ts";

/** Dense maps `[B, H, W, C]`, or the active blocks of such maps. */
export type Features = Tensor | SparseTensor;

/**
 * Tells sparse from dense.
 *
 * @param x Any features.
 * @returns True for a `SparseTensor`.
 *
 * @example Usage
 * ```ts
 * import { ok } from "node:assert/strict";
 * import { isSparse } from "@tessera/tessera/nn";
 * import { zeros } from "@tessera/tessera/tensor";
 *
 * ok(!isSparse(zeros([1, 4, 4, 3])));
 * ```
 */
export function isSparse(x: Features): x is SparseTensor {
  return typeof x === "object" && x !== null && "pattern" in x;
}

/** The shape of a number for each channel of features: `[C]`, `[]` of a scalar, which has none. */
export function channelsOf(x: Features): Shape {
  return (isSparse(x) ? x.values : x).shape.slice(-1);
}

/** Refuses what is no features. */
export function requireFeatures(operation: string, x: Features, argument = "x"): void {
  if (isSparse(x)) requireTensor(operation, `${argument}.values`, x.values);
  else requireTensor(operation, argument, x);
}

/**
 * The numbers of features.
 *
 * @param x Any features.
 * @returns `x` itself, or the values `[P, h, w, C]` of its active blocks.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { valuesOf } from "@tessera/tessera/nn";
 * import { zeros } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(valuesOf(zeros([1, 4, 4, 3])).shape, [1, 4, 4, 3]);
 * ```
 */
export function valuesOf(x: Features): Tensor {
  requireFeatures("valuesOf", x);
  return isSparse(x) ? x.values : x;
}

/**
 * Applies a function of the last axis, or of single numbers, to the numbers of features.
 *
 * @param x Any features.
 * @param f Keeps all axes but the last. Of sparse features it sees the active blocks only.
 * @returns Features of the same kind, on the same pattern.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { mapFeatures } from "@tessera/tessera/nn";
 * import { mul, ones } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(mapFeatures(ones([1, 4, 4, 3]), (x) => mul(x, 2)).shape, [1, 4, 4, 3]);
 * ```
 */
export function mapFeatures<T extends Features>(x: T, f: (values: Tensor) => Tensor): T {
  requireFeatures("mapFeatures", x);
  requireFunction("mapFeatures", "f", f);
  return (isSparse(x) ? { ...(x as SparseTensor), values: f(x.values) } : f(x)) as T;
}

/**
 * Adds features of one kind.
 *
 * @param x Any features.
 * @param y Features of the same shape; if sparse, on the same pattern.
 * @returns The sum.
 * @throws {ShapeError} If one is dense and the other sparse.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { addFeatures } from "@tessera/tessera/nn";
 * import { ones } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await addFeatures(ones([1]), ones([1])).data(), new Float32Array([2]));
 * ```
 */
export function addFeatures<T extends Features>(x: T, y: T): T {
  requireFeatures("addFeatures", x);
  requireFeatures("addFeatures", y, "y");
  if (isSparse(x) && isSparse(y)) return addSparse(x, y) as T;
  if (!isSparse(x) && !isSparse(y)) return add(x, y) as T;
  throw new ShapeError("addFeatures", "both features must be dense or both sparse", [shapeOf(x), shapeOf(y)]);
}

/**
 * The shape of the maps.
 *
 * @param x Any features.
 * @returns `[B, H, W, C]`; of sparse features that of their dense form.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { shapeOf } from "@tessera/tessera/nn";
 * import { zeros } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(shapeOf(zeros([1, 4, 4, 3])), [1, 4, 4, 3]);
 * ```
 */
export function shapeOf(x: Features): Shape {
  requireFeatures("shapeOf", x);
  return isSparse(x) ? sparseShapeOf(x) : x.shape;
}
