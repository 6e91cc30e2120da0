import type { Dataset } from "../sets/dataset.ts";
import { ImageError } from "../images/decode.ts";
import type { SkippedSample } from "./batches_options.ts";
import { normalisationFor } from "../images/transforms.ts";
import { dataKey, drawsOf } from "./draws.ts";
import { imageValues } from "./image_fields.ts";

/** What is enough to know that an image has its channels. */
const SMALLEST = { size: [1, 1], transform: { kind: "centerCrop" } } as const;

/** Of so many samples of a data set none can be read. */
export class NoneReadableError extends Error {
  /** All of them, and why not. */
  readonly skipped: readonly SkippedSample[];

  /**
   * Names one of them.
   *
   * @param dataset The data set.
   * @param skipped All of its samples that were tried.
   */
  constructor(dataset: Dataset, skipped: readonly SkippedSample[]) {
    super(
      `Cannot read the images of ${dataset.name} as at least one of ${skipped.length} must decode: current ` +
        `${skipped[0]?.name} does not as ${skipped[0]?.reason}`,
    );
    this.skipped = skipped;
  }
}

/**
 * Refuses a data set of which no image can be read, before anything is done with it. Reads images until one decodes, which
 * is the first in all but broken ones.
 *
 * @param dataset Images; an empty one is refused by `batches`.
 * @param channels Channels that they must have, as of `batches`; 8-bit colours if not given.
 * @returns When one was read.
 * @throws {NoneReadableError} If none decodes, naming the first and why it does not.
 *
 * @example Usage
 * ```ts
 * import { rejects } from "node:assert/strict";
 * import { imageFiles, requireReadable } from "@tessera/tessera/data";
 *
 * await rejects(requireReadable(imageFiles({ name: "one", files: ["missing.png"] })), /at least one of 1 must decode/);
 * ```
 */
export async function requireReadable(dataset: Dataset, channels?: number): Promise<void> {
  const settings = channels === undefined ? null : { ...SMALLEST, channels, normalisation: normalisationFor(channels) };
  const skipped: SkippedSample[] = [];
  for (let index = 0; index < dataset.length; index++) {
    try {
      const draw = drawsOf(dataKey(index));
      await (settings ? imageValues(dataset, settings, index, draw) : dataset.load(index, draw));
      return;
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      skipped.push({ index, name: dataset.nameOf(index), reason: error.reason });
    }
  }
  if (skipped.length > 0) throw new NoneReadableError(dataset, skipped);
}
