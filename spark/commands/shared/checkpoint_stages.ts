/** @file In which stages of a network blocks are computed twice. */
import type { Model, ModelOptions } from "../../../nn/mod.ts";

/** As models take it. */
type Checkpoint = NonNullable<ModelOptions["checkpoint"]>;

/**
 * Reads `--checkpoint` and `--checkpoint-stages`.
 *
 * @param given Options of a command line.
 * @returns How many stages, or whether all.
 */
export function checkpointOf(
  { checkpoint = false, checkpointStages }: { readonly checkpoint?: boolean; readonly checkpointStages?: number },
): Checkpoint {
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
