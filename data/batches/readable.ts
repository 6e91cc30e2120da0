import type { Dataset } from "../sets/dataset.ts";
import { ImageError } from "../images/decode.ts";
import { dataKey, drawsOf } from "./draws.ts";

/** The error of so many samples of a data set of which none can be read: one of them, and why not. */
export function noneReadable(
  dataset: Dataset,
  { index, reason, count }: { readonly index: number; readonly reason: string; readonly count: number },
): Error {
  return new Error(
    `Cannot read the images of ${dataset.name} as at least one of ${count} must decode: current ` +
      `${dataset.nameOf(index)} does not as ${reason}`,
  );
}

/**
 * Refuses a data set of which no image can be read, before anything is done with it. Reads images until one decodes, which
 * is the first in all but broken ones.
 *
 * @param dataset Images; an empty one is refused by `batches`.
 * @returns When one was read.
 * @throws {Error} If none decodes, naming the first and why it does not.
 *
 * @example Usage
 * ```ts
 * import { rejects } from "node:assert/strict";
 * import { imageFiles, requireReadable } from "@tessera/tessera/data";
 *
 * await rejects(requireReadable(imageFiles({ name: "one", files: ["missing.png"] })), /at least one of 1 must decode/);
 * ```
 */
export async function requireReadable(dataset: Dataset): Promise<void> {
  let first: string | undefined;
  for (let index = 0; index < dataset.length; index++) {
    try {
      await dataset.load(index, drawsOf(dataKey(index)));
      return;
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      first ??= error.reason;
    }
  }
  if (first !== undefined) throw noneReadable(dataset, { index: 0, reason: first, count: dataset.length });
}
