import { requireOptions } from "../errors.ts";
import { arange, full } from "./creation.ts";
import type { Device } from "../device.ts";
import { add } from "../primitives/arithmetic.ts";
import { fmod } from "../primitives/division.ts";
import { equal } from "../primitives/comparison.ts";
import { reshape } from "../primitives/layout.ts";
import { where } from "../primitives/where.ts";
import { tupleOf, type TypedArray } from "../spec.ts";
import type { Tensor } from "../tensor.ts";

/** The last rows that were appended, on the device: what a loop notes at every step and reads now and then. */
export interface Ring {
  /** `[length, width]`, the oldest row overwritten first. */
  readonly rows: Tensor;
  /** Where the next row goes, int32 scalar. */
  readonly next: Tensor;
}

/**
 * Makes a ring without rows.
 *
 * @param options `length`: rows that it keeps, 1 or more. `width`: elements of a row.
 * @returns The ring; its rows are float32 and 0.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { emptyRing } from "@tessera/tessera/tensor/kernel";
 *
 * deepStrictEqual(emptyRing({ length: 10, width: 4 }).rows.shape, [10, 4]);
 * ```
 */
export function emptyRing(options: { readonly length: number; readonly width: number }): Ring {
  requireOptions("emptyRing", options, { length: true, width: true });
  const { length, width } = options;
  return { rows: full([length, width], 0), next: full([], 0, { dtype: "int32" }) };
}

/**
 * Appends a row, in place where the ring is donated: put it into a compiled step, and the host need not wait for any
 * single value.
 *
 * @param ring The ring.
 * @param row float32 `[width]`.
 * @returns The ring with the row in the place of the oldest one.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { tensor } from "@tessera/tessera/tensor";
 * import { appendRow, emptyRing } from "@tessera/tessera/tensor/kernel";
 *
 * const ring = appendRow(emptyRing({ length: 2, width: 1 }), tensor([5]));
 * deepStrictEqual(await ring.rows.data(), new Float32Array([5, 0]));
 * ```
 */
export function appendRow({ rows, next }: Ring, row: Tensor): Ring {
  const [length, width] = tupleOf(rows.shape, 2);
  const here = equal(reshape(arange(length), [length, 1]), next);
  return {
    rows: where(here, reshape(row, [1, width]), rows),
    next: fmod(add(next, 1), length),
  };
}

/**
 * Reads rows that were appended last, in one reading.
 *
 * @param ring The ring.
 * @param options `appended`: rows appended since it was empty. `last`: how many of them to read, at most its length.
 * `device`: as of `data`.
 * @returns The rows, the oldest first.
 * @throws {RangeError} If so many rows are not there.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { tensor } from "@tessera/tessera/tensor";
 * import { appendRow, emptyRing, readRing } from "@tessera/tessera/tensor/kernel";
 *
 * const ring = [5, 6, 7].reduce((ring, x) => appendRow(ring, tensor([x])), emptyRing({ length: 2, width: 1 }));
 * deepStrictEqual((await readRing(ring, { appended: 3, last: 2 })).map(([x]) => x), [6, 7]);
 * ```
 */
export async function readRing(
  { rows }: Ring,
  options: { readonly appended: number; readonly last: number; readonly device?: Device },
): Promise<readonly TypedArray[]> {
  requireOptions("readRing", options, { appended: true, last: true, device: true });
  const { appended, last, device } = options;
  const [length, width] = tupleOf(rows.shape, 2);
  if (last > Math.min(length, appended)) {
    throw new RangeError(
      `Cannot read a ring as it must hold the rows: current number asked for is ${last}, of ${appended} appended and ` +
        `${length} kept`,
    );
  }
  const values = await rows.data(device ? { device } : {});
  return Array.from({ length: last }, (_, i) => {
    const at = (appended - last + i) % length;
    return values.slice(at * width, (at + 1) * width);
  });
}
