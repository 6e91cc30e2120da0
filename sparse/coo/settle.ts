/** @file When tables are computed: at once by the host where it sees the coordinates, else as a part of the program. */
import { DTYPES, greater, referenceDevice, type Tensor, tensor, where } from "../../tensor/mod.ts";
import { hostValues } from "../host_values.ts";

/** Tables, and how many of their rows are in use. */
export interface Tables {
  /** int32 scalar: rows that are needed. */
  readonly count: Tensor;
  /** Makes the tables for a number of rows. */
  make(size: number): readonly Tensor[];
}

/** What a result may be asked to hold. */
export interface NseOption {
  /**
   * Entries of the result, padding included: static, as shapes are. Where it is left out the result has as many as are
   * needed if the coordinates are on the host, else as many as there can be. One that is too small is refused where the
   * coordinates are on the host; inside `jit`, where nobody can tell, all values are NaN then (integers are cut off).
   */
  readonly nse?: number;
}

/** Names of NseOption. */
export const NSE_OPTION = { nse: true } as const;

/** The tables of an operation with a static number of rows. */
export interface Settled {
  readonly size: number;
  readonly tables: readonly Tensor[];
  /** Makes values NaN if there was no room for all of them. */
  guard(values: Tensor): Tensor;
}

function onHost(x: Tensor): Tensor | null {
  const values = hostValues(x);
  return values ? tensor(values, { shape: x.shape, dtype: x.dtype }) : null;
}

/** Computes tensors whose leaves are on the host, without waiting. */
function computeNow(tensors: readonly Tensor[]): readonly Tensor[] {
  if (tensors.length === 0) return [];
  const buffers = referenceDevice().evaluate(tensors);
  return buffers.map((buffer, i) => tensor(buffer.peek!()!, { shape: tensors[i]!.shape, dtype: tensors[i]!.dtype }));
}

/**
 * Makes a table whose size is known.
 *
 * @param sources What it depends on.
 * @param make Of the sources, or of the host's copies of them.
 * @returns The table, computed at once where the host sees all sources.
 */
export function tableOf(sources: readonly Tensor[], make: (sources: readonly Tensor[]) => Tensor): Tensor {
  const copies = sources.map(onHost);
  return copies.includes(null) ? make(sources) : computeNow([make(copies as readonly Tensor[])])[0]!;
}

function checkSize(operation: string, nse: number): void {
  if (Number.isInteger(nse) && nse >= 0) return;
  throw new RangeError(`Cannot ${operation} as nse must be whole and not negative: current nse is ${nse}`);
}

/**
 * Makes the tables of an operation.
 *
 * @param operation Name, for messages.
 * @param sources Coordinates that the tables depend on.
 * @param plan Of the sources, or of the host's copies of them.
 * @param most Entries that there can be at most.
 * @param nse Entries that were asked for.
 * @returns The tables, and their size.
 * @throws {RangeError} If there are more entries than were asked for, where the host can tell.
 */
export function settle(
  operation: string,
  sources: readonly Tensor[],
  plan: (sources: readonly Tensor[]) => Tables,
  most: number,
  nse: number | undefined,
): Settled {
  if (nse !== undefined) checkSize(operation, nse);
  const copies = sources.map(onHost);
  if (copies.includes(null)) {
    const { count, make } = plan(sources);
    const size = nse ?? most;
    const guard = (values: Tensor) => size >= most ? values : poisoned(values, count, size);
    return { size, tables: make(size), guard };
  }
  const { count, make } = plan(copies as readonly Tensor[]);
  const needed = hostValues(computeNow([count])[0]!)![0]!;
  const size = nse ?? needed;
  if (size < needed) {
    throw new RangeError(`Cannot ${operation} as nse must be at least ${needed}: current nse is ${nse}`);
  }
  return { size, tables: computeNow(make(size)), guard: (values) => values };
}

/** NaN if more rows are needed than there are. */
function poisoned(values: Tensor, count: Tensor, size: number): Tensor {
  if (!DTYPES[values.dtype].floating) return values;
  return where(greater(count, size), NaN, values);
}
