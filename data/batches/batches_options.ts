import type { BatchPart } from "./batch_part.ts";
import type { Normalisation, Transform } from "../images/transforms.ts";
import type { OptionNames } from "../../tensor/kernel.ts";
import type { Fields } from "./fields.ts";

/** Which batches of a run, and how they are made. */
export interface BatchRunOptions {
  /** Images per batch. */
  readonly batchSize: number;
  /** Everything random follows from it. */
  readonly seed: number;
  /** Passes over the data set; without it and `steps` there is no end. */
  readonly epochs?: number;
  /** Steps of the whole run, those before `startStep` included; goes before `epochs`. */
  readonly steps?: number;
  /** First step, to go on with a run; 0 if not given. */
  readonly startStep?: number;
  /** Threads that decode; 0 decodes in this one, in turn with the caller. 1 if not given, 0 for data without source. */
  readonly workers?: number;
  /** Batches that are made ahead by the workers; 2 if not given. */
  readonly prefetch?: number;
  /** How often each image comes, one after the other, each time augmented anew; so an epoch has a part of the images
   * (repeated augmentation; Hoffer et al., "Augment your batch", CVPR 2020). 1 if not given. */
  readonly repeats?: number;
  /** Which images of each batch are made here, where machines share it: those that one would make at these places. All if not given. */
  readonly part?: BatchPart;
  /** Called the first time that a file is passed over. */
  readonly onSkip?: (sample: SkippedSample) => void;
}

/** Settings of `fieldBatches`. */
export interface FieldBatchesOptions extends BatchRunOptions {
  /** How samples are made. */
  readonly fields: Fields;
}

/** Settings of `batches`. */
export interface BatchesOptions extends BatchRunOptions {
  /** Rows and columns of the images. */
  readonly size: readonly [number, number];
  /** How an image becomes a sample; a random resized crop as in SparK if not given. */
  readonly transform?: Transform;
  /** Mean and standard deviation; those of `normalisationFor` if not given. */
  readonly normalisation?: Normalisation;
  /**
   * Channels of the images, as the model takes them: 1 of colour images is their luma, others must be those of the files,
   * such as 7 of `.npy` arrays. Values keep the depth of the file, so that 16 bits count; without augmentation and erasing.
   * 8-bit red, green and blue if not given.
   */
  readonly channels?: number;
}

/** All of `BatchRunOptions`. */
const RUN_NAMES = {
  ...{ batchSize: true, seed: true, epochs: true, steps: true, startStep: true, workers: true, prefetch: true },
  ...{ repeats: true, onSkip: true, part: true },
} satisfies OptionNames<BatchRunOptions>;

/** All of `FieldBatchesOptions`. */
export const FIELD_BATCHES_NAMES: OptionNames<FieldBatchesOptions> = { ...RUN_NAMES, fields: true };

/** All of `BatchesOptions`. */
export const BATCHES_NAMES: OptionNames<BatchesOptions> = {
  ...RUN_NAMES,
  ...{ size: true, transform: true, normalisation: true, channels: true },
};

/** A sample that could not be read or decoded. */
export interface SkippedSample {
  /** Number in the data set. */
  readonly index: number;
  /** File. */
  readonly name: string;
  /** What is wrong with it. */
  readonly reason: string;
}
