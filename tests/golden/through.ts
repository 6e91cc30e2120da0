/** @file Sends weights and moments through a file and takes them back. */
import { type DType, key, type Tensor } from "../../tensor/mod.ts";
import type { Model, OptimizerState } from "../../nn/mod.ts";
import { readStateDict, writePth } from "../../data/mod.ts";
import { officialCheckpoint, save, type SparkParams, type SparkState, type SparkWeights, weightsOf } from "../../spark/mod.ts";

/** Files that a case may be sent through: PyTorch's under the official names, or safetensors under those used here. */
export type Through = "pth" | "safetensors";

/** What is sent. */
export interface Sent {
  readonly params: SparkParams;
  readonly state: SparkState;
  readonly optimizer?: OptimizerState;
}

/**
 * Writes weights, and moments if there are any, to a file and reads them.
 *
 * @param through Kind of file.
 * @param model The model.
 * @param sent Weights and moments.
 * @param options Size of the images, and dtype of the weights.
 * @returns What came back.
 */
export async function sendThrough(
  through: Through,
  model: Model,
  sent: Sent,
  { inputSize, dtype }: { readonly inputSize: readonly [number, number]; readonly dtype: DType },
): Promise<SparkWeights> {
  const path = await Deno.makeTempFile({ suffix: `.${through}` });
  try {
    if (through === "pth") {
      const { optimizer, ...weights } = sent;
      await writePth(path, await officialCheckpoint(model, weights, { inputSize, ...(optimizer ? { optimizer } : {}) }));
    } else {
      const optimizer = sent.optimizer ?? { step: firstCount(sent), moments: {} };
      await save(path, { params: sent.params, state: sent.state, optimizer, key: key(0) });
    }
    return weightsOf(await readStateDict(path), model, { dtype });
  } finally {
    await Deno.remove(path);
  }
}

/** A zero of the type of step counters. */
const firstCount = ({ state }: Sent): Tensor => state.decoder.blocks[0]!.norm1.count;
