/** @file Where a run stands in its epochs, from what its checkpoint says. */
import { stepsPerEpoch } from "../../../data/mod.ts";

/**
 * Counts the epochs that a run has done.
 *
 * @param configuration Of a checkpoint: options, images (`fingerprint`) and steps done.
 * @returns Epochs, with their fraction; `null` if it does not say.
 */
export function runPlace(configuration: unknown): number | null {
  const { options, images, step } = (configuration ?? {}) as {
    readonly options?: { readonly batchSize?: unknown; readonly shift?: unknown };
    readonly images?: unknown;
    readonly step?: unknown;
  };
  const count = /^(\d+)-/.exec(String(images))?.[1];
  const { batchSize, shift = 0 } = options ?? {};
  const known = [Number(count), batchSize, step, shift].every((x) => typeof x === "number" && Number.isSafeInteger(x));
  if (!known || Number(count) < 1 || Number(batchSize) < 1) return null;
  return (Number(step) + Number(shift)) / stepsPerEpoch(Number(count), Number(batchSize));
}
