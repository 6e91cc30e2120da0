import { tensor } from "../tensor/core.ts";
import { hostValues } from "./host_values.ts";
import { cellNumber, makePattern, nseOf, type SparsePattern } from "./pattern.ts";

/**
 * Reads the coordinates of a pattern, so that operations that need them on the host can have them.
 *
 * @param pattern Any pattern, not traced.
 * @returns A pattern of the same coordinates on the host; the given one if they are there already.
 * @throws {TypeError} If the pattern is traced.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { concretePattern, patternFromMask } from "@tessera/tessera/sparse";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const pattern = await concretePattern(patternFromMask(tensor([[[1, 0]]], { dtype: "bool" }), { nse: 1 }));
 * deepStrictEqual(pattern.gridShape, [1, 1, 2]);
 * ```
 */
export async function concretePattern(pattern: SparsePattern): Promise<SparsePattern> {
  if (hostValues(pattern.indices)) return pattern;
  const values = await pattern.indices.data();
  return makePattern(tensor(values, { shape: [nseOf(pattern), pattern.gridShape.length] }), pattern.gridShape);
}

/** Coordinates of each row on the host; throws for `operation` if they are not there. */
export function requireHostCoordinates(operation: string, pattern: SparsePattern): readonly (readonly number[])[] {
  const values = hostValues(pattern.indices);
  if (values) {
    const width = pattern.gridShape.length;
    return Array.from({ length: nseOf(pattern) }, (_, p) => [...values.subarray(p * width, (p + 1) * width)]);
  }
  throw new TypeError(
    `Cannot ${operation} as the number of active cells of the result depends on coordinates, which must be on the host: ` +
      `current indices are ${
        pattern.indices.traced ? "traced" : "not computed"
      }; give outputPattern, or use concretePattern first`,
  );
}

/** Cell numbers of the rows on the host, in order. */
export function requireHostCells(operation: string, pattern: SparsePattern): readonly number[] {
  return requireHostCoordinates(operation, pattern).map((at) => cellNumber(at, pattern.gridShape));
}
