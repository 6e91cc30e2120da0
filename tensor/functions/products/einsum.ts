import { broadcastTo } from "../../primitives/sum.ts";
import { requireTensor } from "../../require_tensor.ts";
import type { Tensor } from "../../tensor.ts";
import { diagonal } from "../diagonals.ts";
import { contractionPath, parseSubscripts, type PathStep } from "./einsum_path.ts";
import { type Named, ordered, pairProduct, summed } from "./pair_product.ts";

/**
 * Sums products of elements by subscripts (Einstein's convention), as NumPy's `einsum`.
 *
 * Each operand has a term of letters, one for each axis; equal letters run together, and letters that the result does not
 * have are summed over. A letter twice in a term is a diagonal; `...` stands for axes that broadcast. Without `->` the
 * result has the letters that stand once, in alphabetical order. Operands are multiplied two by two, in the order that
 * `einsumPath` tells, as products of matrices.
 *
 * @param subscripts Such as `"bij,bjk->bik"`.
 * @param operands Tensors, one for each term; dtypes are promoted, and sums stay of the joint one: integers
 * wrap around, of bools a sum is true if any product is.
 * @returns The sums.
 * @throws {RangeError} If the subscripts are none.
 * @throws {ShapeError} If operands do not fit them.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { einsum, tensor } from "@tessera/tessera/tensor";
 *
 * const a = tensor([[1, 2], [3, 4]]);
 * deepStrictEqual(await einsum("ij,kj->ik", a, a).data(), new Float32Array([5, 11, 11, 25]));
 * deepStrictEqual(await einsum("ii", a).item(), 5);
 * ```
 */
export function einsum(subscripts: string, ...operands: readonly Tensor[]): Tensor {
  operands.forEach((x, i) => requireTensor("einsum", `operand ${i}`, x));
  const parsed = parseSubscripts(subscripts, operands.map((x) => x.shape));
  const { output, sizes } = parsed;
  let left: readonly Named[] = operands.map((x, i) => singleNames(x, parsed.operands[i]!, sizes));
  for (const { pair: [i, j], names } of contractionPath(parsed)) {
    const result = pairProduct(left[i]!, left[j]!, new Set(names));
    left = [...left.filter((_, k) => k !== i && k !== j), result];
  }
  return ordered(summed(left[0]!, new Set(output)), output);
}

/** Takes diagonals of names that are there twice, and broadcasts axes of `...`. */
function singleNames(x: Tensor, names: readonly string[], sizes: ReadonlyMap<string, number>): Named {
  const second = names.findIndex((name, axis) => names.indexOf(name) < axis);
  if (second < 0) return { x: broadcastTo(x, names.map((name) => sizes.get(name)!)), names };
  const first = names.indexOf(names[second]!);
  const rest = names.filter((_, axis) => axis !== first && axis !== second);
  return singleNames(diagonal(x, { axes: [first, second] }), [...rest, names[second]!], sizes);
}

/**
 * Tells in which order `einsum` multiplies, and what it costs.
 *
 * @param subscripts As of `einsum`.
 * @param operands Tensors, or anything with a shape.
 * @returns The products in order: positions of the pair among what is left (the result comes last then), names of the
 * axes of the result, multiply-adds.
 * @throws {RangeError} If the subscripts are none.
 * @throws {ShapeError} If operands do not fit them.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { einsumPath, zeros } from "@tessera/tessera/tensor";
 *
 * const path = einsumPath("ij,jk,k->i", zeros([8, 8]), zeros([8, 8]), zeros([8]));
 * deepStrictEqual(path.map(({ pair }) => pair), [[1, 2], [0, 1]]); // the vector first
 * ```
 */
export function einsumPath(
  subscripts: string,
  ...operands: readonly Pick<Tensor, "shape">[]
): readonly PathStep[] {
  return contractionPath(parseSubscripts(subscripts, operands.map((x) => x.shape)));
}
