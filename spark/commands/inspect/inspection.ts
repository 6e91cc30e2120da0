/** @file What is known of a file of weights. */
import type { StateDictFile } from "../../../data/mod.ts";
import { decoderWidthOf } from "../../weights/load_weights.ts";
import { backboneOf } from "../../weights/load_backbone.ts";
import type { WeightAccount } from "../../weights/weight_account.ts";
import { describedValues } from "../shared/described_values.ts";
import { classesOf, modelOf } from "../shared/weight_file.ts";

/** What is known of a file. */
export interface Inspection {
  readonly file: string;
  readonly container: string;
  readonly names: string | null;
  readonly model: string | null;
  /** What of the file a command would read, and what not; null if the model is not known. */
  readonly account: WeightAccount | null;
  /** Sets of weights of comparable size in the file; the one that is listed comes first. */
  readonly sets: readonly string[];
  /** Names of the classes of its head. */
  readonly classes: readonly string[] | null;
  readonly decoderWidth: number | null;
  readonly configuration: Readonly<Record<string, unknown>>;
  readonly tensors: readonly { readonly name: string; readonly dtype: string; readonly shape: readonly number[] }[];
  readonly bytes: number;
}

/** Whose names the weights have, and of which model; nulls for files of anything else. */
function identity(file: StateDictFile): Pick<Inspection, "names" | "model" | "account"> {
  try {
    const model = modelOf(file);
    const { naming, account } = backboneOf(file, model);
    return { names: naming, model: model.name, account };
  } catch (error) {
    if (error instanceof RangeError) return { names: null, model: null, account: null };
    throw error;
  }
}

/**
 * Finds out what a file holds.
 *
 * @param file Of `readStateDict`.
 * @returns Plain data.
 */
export function inspect(file: StateDictFile): Inspection {
  const tensors = Object.entries(file.tensors).map(([name, { dtype, shape }]) => ({ name, dtype, shape }));
  return {
    file: file.path,
    container: file.container,
    ...identity(file),
    sets: [file.set, ...file.sets.filter((name) => name !== file.set)],
    classes: classesOf(file),
    decoderWidth: decoderWidthOf(file),
    configuration: describedValues(file),
    tensors,
    bytes: Object.values(file.tensors).reduce((sum, { data }) => sum + data.byteLength, 0),
  };
}
