/** @file Axes moved, and tensors cut, turned and repeated along them. */
import { requireKind, requireList, requireOptions, ShapeError } from "../errors.ts";
import { reshape, transpose } from "../primitives/layout.ts";
import { broadcastTo, normalizeAxes } from "../primitives/sum.ts";
import { slice } from "../primitives/window.ts";
import type { Tensor } from "../tensor.ts";
import { requireTensor } from "../require_tensor.ts";
import { concat } from "./axes.ts";

/**
 * Exchanges two axes.
 *
 * @param x Any tensor.
 * @param first An axis; negative counts from the end.
 * @param second Another.
 * @returns A view.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { swapaxes, zeros } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(swapaxes(zeros([2, 3, 4]), 0, -1).shape, [4, 3, 2]);
 * ```
 */
export function swapaxes(x: Tensor, first: number, second: number): Tensor {
  requireTensor("swapaxes", "x", x);
  const [[a], [b]] = [normalizeAxes("swapaxes", x, first), normalizeAxes("swapaxes", x, second)];
  const order = [...x.shape.keys()];
  return transpose(x, order.with(a!, b!).with(b!, a!));
}

/**
 * Moves an axis to another place; the others keep their order.
 *
 * @param x Any tensor.
 * @param from Where it is; negative counts from the end.
 * @param to Where it goes.
 * @returns A view.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { moveaxis, zeros } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(moveaxis(zeros([2, 3, 4]), 0, -1).shape, [3, 4, 2]);
 * ```
 */
export function moveaxis(x: Tensor, from: number, to: number): Tensor {
  requireTensor("moveaxis", "x", x);
  const [[a], [b]] = [normalizeAxes("moveaxis", x, from), normalizeAxes("moveaxis", x, to)];
  return transpose(x, [...x.shape.keys()].toSpliced(a!, 1).toSpliced(b!, 0, a!));
}

/**
 * Cuts a tensor into equal parts, or at positions.
 *
 * @param x Any tensor.
 * @param parts How many, or the positions at which to cut.
 * @param options `axis`, 0 by default.
 * @returns The parts, in order; those at positions may be empty.
 * @throws {ShapeError} If equal parts do not come out even, or positions do not ascend within the axis.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { split, zeros } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(split(zeros([6]), 3).map((part) => part.shape), [[2], [2], [2]]);
 * deepStrictEqual(split(zeros([6]), [1, 4]).map((part) => part.shape), [[1], [3], [2]]);
 * ```
 */
export function split(
  x: Tensor,
  parts: number | readonly number[],
  options: { readonly axis?: number } = {},
): readonly Tensor[] {
  requireOptions("split", options, { axis: true });
  requireTensor("split", "x", x);
  const { axis = 0 } = options;
  const [at] = normalizeAxes("split", x, axis);
  const size = x.shape[at!]!;
  const fits = Array.isArray(parts) || (Number.isSafeInteger(parts) && parts as number >= 1);
  requireKind("split", "parts", parts, fits, "a whole number of at least 1, or a list of positions");
  const cuts = typeof parts === "number" ? Array.from({ length: parts - 1 }, (_, i) => (i + 1) * size / parts) : parts;
  const edges = [0, ...cuts, size];
  if (!edges.every((edge, i) => Number.isInteger(edge) && edge >= (edges[i - 1] ?? 0))) {
    throw new ShapeError("split", `parts of axis ${axis} must come out even, or positions ascend: ${parts}`, [x.shape]);
  }
  return edges.slice(1).map((end, i) =>
    slice(x, { start: x.shape.map((_, k) => k === at ? edges[i]! : 0), size: x.shape.with(at!, end - edges[i]!) })
  );
}

/**
 * Turns a tensor round along an axis: what leaves at the end comes in at the beginning.
 *
 * @param x Any tensor.
 * @param shift By how many places; negative the other way.
 * @param options `axis`, the last by default.
 * @returns Tensor of the same shape.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { roll, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await roll(tensor([1, 2, 3]), 1).data(), new Float32Array([3, 1, 2]));
 * ```
 */
export function roll(x: Tensor, shift: number, options: { readonly axis?: number } = {}): Tensor {
  requireOptions("roll", options, { axis: true });
  requireTensor("roll", "x", x);
  const { axis = -1 } = options;
  const [at] = normalizeAxes("roll", x, axis);
  const size = x.shape[at!]!;
  if (!Number.isInteger(shift)) {
    throw new RangeError(`Cannot roll as the shift must be whole: current shift is ${shift}`);
  }
  const places = size === 0 ? 0 : ((shift % size) + size) % size;
  return places === 0 ? x : concat(split(x, [size - places], { axis: at! }).toReversed(), { axis: at! });
}

/**
 * Repeats a whole tensor side by side.
 *
 * @param x Any tensor.
 * @param times How often, for each axis; leading axes are added to the shorter of shape and list.
 * @returns Tensor whose sizes are the products.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { tensor, tile } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await tile(tensor([1, 2]), [2]).data(), new Float32Array([1, 2, 1, 2]));
 * ```
 */
export function tile(x: Tensor, times: readonly number[]): Tensor {
  requireTensor("tile", "x", x);
  requireList("tile", "times", times);
  if (!times.every((n) => Number.isInteger(n) && n >= 0)) {
    throw new ShapeError("tile", `times must be whole and not negative: ${times}`, [x.shape]);
  }
  const rank = Math.max(x.shape.length, times.length);
  const padded = (list: readonly number[]) => [...Array(rank - list.length).fill(1), ...list] as readonly number[];
  const [sizes, counts] = [padded(x.shape), padded(times)];
  const apart = sizes.flatMap((size) => [1, size]);
  const repeated = broadcastTo(reshape(x, apart), sizes.flatMap((size, i) => [counts[i]!, size]));
  return reshape(repeated, sizes.map((size, i) => size * counts[i]!));
}

/**
 * Repeats each element of an axis.
 *
 * @param x Any tensor.
 * @param times How often.
 * @param options `axis`, the last by default.
 * @returns Tensor whose axis is as many times as long.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { repeat, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await repeat(tensor([1, 2]), 2).data(), new Float32Array([1, 1, 2, 2]));
 * ```
 */
export function repeat(x: Tensor, times: number, options: { readonly axis?: number } = {}): Tensor {
  requireOptions("repeat", options, { axis: true });
  requireTensor("repeat", "x", x);
  const { axis = -1 } = options;
  const [at] = normalizeAxes("repeat", x, axis);
  if (!(Number.isInteger(times) && times >= 0)) {
    throw new RangeError(`Cannot repeat as times must be whole and not negative: current times are ${times}`);
  }
  const apart = x.shape.toSpliced(at! + 1, 0, 1);
  const repeated = broadcastTo(reshape(x, apart), apart.with(at! + 1, times));
  return reshape(repeated, x.shape.with(at!, x.shape[at!]! * times));
}
