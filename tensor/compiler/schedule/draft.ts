/** @file A program whose kernels are chosen, while its steps are put in order. */
import { DTYPES, sizeOf, type TensorSpec } from "../../spec.ts";
import type { Step, Value } from "../kernel.ts";

/** Values and steps of a program, before it is known which inputs are taken over. */
export interface Draft {
  /** Every value, by number. */
  readonly values: readonly Value[];
  /** In the order of execution. */
  readonly steps: readonly Step[];
}

/** Bytes of a tensor, or of a value as a device keeps it. */
export function bytesOf({ shape, dtype, half }: TensorSpec & Pick<Partial<Value>, "half">): number {
  return half ? 2 * sizeOf(shape) : Math.ceil(sizeOf(shape) * DTYPES[dtype].bytes / 4) * 4; // whole words
}
