import { deepStrictEqual } from "node:assert/strict";
import { type Device, type DType, openDevice, referenceDevice, sizeOf, type Tensor, tensor } from "../../tensor/mod.ts";
import { patternFromMask, type SparsePattern, type SparseTensor, sparseTensor } from "../../sparse/mod.ts";
import { blocks, type Images, type Mask } from "./oracle.ts";

/** Devices on which whole numbers must come out exactly. */
export const DEVICES: readonly Device[] = [referenceDevice(), await openDevice("cpu")];

/** The oracle. */
export const REFERENCE: Device = DEVICES[0]!;

/** Images as a tensor. */
export function asTensor({ shape, data }: Images, dtype: DType = "float32"): Tensor {
  return tensor(data, { shape, dtype });
}

/** The active blocks of images as a sparse tensor, made without `gather`. */
export function asSparse(x: Images, mask: Mask, pattern: SparsePattern = patternFromMask(mask)): SparseTensor {
  const [h, w] = [x.shape[1] / mask[0]!.length, x.shape[2] / mask[0]![0]!.length];
  const shape = [pattern.indices.shape[0]!, h, w, x.shape[3]];
  return sparseTensor(pattern, [h, w], tensor(Float64Array.from(blocks(x, mask)), { shape, dtype: "float32" }));
}

/** Reads a tensor as plain numbers; -0 counts as 0. */
export async function read(x: Tensor, device: Device = REFERENCE): Promise<number[]> {
  return Array.from(await x.data({ device }), (value) => value + 0);
}

/** Asserts that the values are exactly those of the oracle's active blocks. */
export async function assertBlocks(
  actual: Tensor,
  expected: Images,
  mask: Mask,
  device: Device,
  label: string,
): Promise<void> {
  const values = blocks(expected, mask).map((value) => value + 0);
  deepStrictEqual(sizeOf(actual.shape), values.length, `${label}: sizes`);
  deepStrictEqual(await read(actual, device), values, `${label} on ${device.name}`);
}

/** Number of entries that name a row. */
export async function countPairs(map: Tensor): Promise<number> {
  return (await read(map)).filter((row) => row >= 0).length;
}
