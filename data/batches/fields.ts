/** @file Samples as records of numbers: what a batch is made of, whatever the task. */
import type { Draw } from "../images/draw.ts";
import type { Dataset, DatasetSource } from "../sets/dataset.ts";

/** Shape and type of a field of one sample. */
export interface FieldSpec {
  /** Without the axis of the batch. */
  readonly shape: readonly number[];
  /** Type of its numbers. */
  readonly dtype: "float32" | "int32";
}

/** Numbers of the fields of a sample, row-major. */
export type FieldValues = Readonly<Record<string, Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>>>;

/** One sample of one epoch. */
export interface SampleRequest {
  /** Number in the data set. */
  readonly index: number;
  /** Which epoch, from 0. */
  readonly epoch: number;
  /** How often the epoch had this image before: batches are filled up from its beginning. */
  readonly repeat: number;
  /** Which of the shapes the batch has. */
  readonly bucket: number;
}

/** A sample. */
export interface Sample {
  /** Its fields. */
  readonly values: FieldValues;
  /** What did not fit into them, such as objects beyond a number; 0 if not given. */
  readonly leftOut?: number;
}

/**
 * How the samples of a run become records of numbers of fixed shapes. Images with classes, images with boxes and masks, and
 * whatever a caller makes are cases of it.
 */
export interface Fields {
  /** For each bucket, the fields of a sample: all samples of a batch are of one bucket, so a step compiles once for each. */
  readonly buckets: readonly Readonly<Record<string, FieldSpec>>[];
  /** Group of each sample, such as landscape and portrait: a batch has samples of one group. One group if not given. */
  readonly groups?: Int32Array;
  /** Buckets of a group, of which each batch draws one: `bucket = group * variants + variant`; 1 if not given. */
  readonly variants?: number;
  /** For workers: a module's function that makes these fields. Without it, samples are made in the calling thread only. */
  readonly source?: DatasetSource;
  /** Makes a sample. All randomness is in `draw`. */
  make(dataset: Dataset, request: SampleRequest, draw: Draw): Promise<Sample>;
}
