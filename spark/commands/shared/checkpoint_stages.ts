/** @file In which stages of a network blocks are computed twice. */
import type { Model, ModelOptions } from "../../../nn/mod.ts";

/** As models take it. */
type Checkpoint = NonNullable<ModelOptions["checkpoint"]>;

/**
 * Reads `--checkpoint` and `--checkpoint-stages`.
 *
 * @param given Options of a command line.
 * @returns How many stages, or whether all.
 * @throws {RangeError} If both are given.
 */
export function checkpointOf(
  { checkpoint = false, checkpointStages }: { readonly checkpoint?: boolean; readonly checkpointStages?: number },
): Checkpoint {
  if (checkpoint && checkpointStages !== undefined) {
    throw new RangeError(
      "Cannot compute blocks twice as one of --checkpoint, of all stages, and --checkpoint-stages must be given: current " +
        `--checkpoint-stages is ${checkpointStages} beside --checkpoint; leave one out`,
    );
  }
  return checkpointStages ?? checkpoint;
}

/** Throws if a model has no such stage. */
export function requireStages({ name, channels }: Pick<Model, "name" | "channels">, checkpoint: Checkpoint): void {
  if (typeof checkpoint === "boolean" || checkpoint <= channels.length) return;
  throw new RangeError(
    `Cannot compute blocks of ${name} twice as --checkpoint-stages must be at most ${channels.length}, its stages: ` +
      `current value is ${checkpoint}`,
  );
}
