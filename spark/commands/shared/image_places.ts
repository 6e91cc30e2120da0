/** @file Images that a command names one by one, by folder or by archive. */
import {
  type Batch,
  batches,
  type Dataset,
  describeSource,
  NoneReadableError,
  openImages,
  type SkippedSample,
} from "../../../data/mod.ts";
import type { CountProgress } from "../../train/count_progress.ts";
import type { Network } from "./classifier_file.ts";

/** An image, and what it is called. */
export interface PlacedImages {
  /** Images of one place. */
  readonly dataset: Dataset;
  /** What was left out, and why; known when the batches are read. */
  readonly skipped: SkippedSample[];
  /** Batches, each image once or more. */
  readonly batches: () => AsyncGenerator<Batch, void, void>;
}

/**
 * Opens all images of a place, whatever part or class they are of.
 *
 * @param path An image, a folder, an archive.
 * @param note Told what is left out.
 * @returns The images.
 * @throws {Error} If there are none.
 */
export async function openAllImages(path: string, note: (line: string) => void): Promise<Dataset> {
  const dataset = await openImages(path, { split: "all" });
  if (dataset.account && dataset.account.leftOut.length > 0) {
    note(`${path}: ${describeSource(dataset.account)[1].trim()}`);
  }
  return dataset;
}

/**
 * Opens the images of a place.
 *
 * @param path An image, a folder, an archive.
 * @param network How images come to the network.
 * @param run Images of a batch, workers, and who is told of files that cannot be read.
 * @returns The images.
 * @throws {Error} If there are none. Images of which none can be read give no batch, and are told.
 */
export async function openPlace(
  path: string,
  network: Pick<Network, "size" | "transform" | "input">,
  { batchSize, workers, progress }: {
    readonly batchSize: number;
    readonly workers: number;
    readonly progress: Pick<CountProgress, "note">;
  },
): Promise<PlacedImages> {
  const dataset = await openAllImages(path, progress.note);
  const place = placedImages(dataset, network, { batchSize, workers, progress });
  return { ...place, batches: () => readableOf(place) };
}

/** The batches; none where no image of the place can be read, as others may hold some. */
async function* readableOf({ batches, onSkip }: ReturnType<typeof placedImages>): AsyncGenerator<Batch, void, void> {
  try {
    yield* batches();
  } catch (error) {
    if (!(error instanceof NoneReadableError)) throw error;
    error.skipped.forEach(onSkip);
  }
}

/** As `openPlace`, of a data set. */
export function placedImages(
  dataset: Dataset,
  { size, transform, input }: Pick<Network, "size" | "transform" | "input">,
  { batchSize, workers, progress }: {
    readonly batchSize: number;
    readonly workers: number;
    readonly progress: Pick<CountProgress, "note">;
  },
): PlacedImages & { readonly onSkip: (sample: SkippedSample) => void } {
  const skipped: SkippedSample[] = [];
  const onSkip = (sample: SkippedSample) => {
    skipped.push(sample);
    progress.note(`Skips ${sample.name} as ${sample.reason}`);
  };
  const how = { size, transform, ...input };
  const each = { ...how, batchSize: Math.min(batchSize, dataset.length), workers, seed: 0, epochs: 1, onSkip };
  return { dataset, skipped, onSkip, batches: () => batches(dataset, each) };
}
