import type { Dataset } from "../sets/dataset.ts";
import { ImageError } from "../images/decode.ts";
import { dataKey, drawsOf } from "./draws.ts";
import type { Fields, Sample, SampleRequest } from "./fields.ts";

/** A sample, or why there is none. */
export type SampleResult = Sample | { readonly reason: string };

/** Separates the randomness of samples from that of the order. */
const SAMPLE_STREAM = 2;

/**
 * Makes a sample. It depends on the seed, the epoch and the number of the sample only, never on what was made before.
 *
 * @param dataset Where the image is.
 * @param fields How samples are made.
 * @param seed Seed of the run.
 * @param request Which one.
 * @returns Its values; the reason if its file cannot be read or decoded.
 * @throws Any other error of the data set.
 */
export async function makeSample(
  dataset: Dataset,
  fields: Pick<Fields, "make">,
  seed: number,
  request: SampleRequest,
): Promise<SampleResult> {
  const { index, epoch, repeat } = request;
  const draw = drawsOf(dataKey(seed, SAMPLE_STREAM, epoch, index, repeat));
  try {
    return await fields.make(dataset, request, draw);
  } catch (error) {
    if (error instanceof ImageError) return { reason: error.reason };
    throw error;
  }
}
