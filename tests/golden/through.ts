/** @file Sends weights and moments through a file and takes them back. */
import { type DType, random, type Tensor, type Tree, treeLeaves } from "../../tensor/mod.ts";
import { type Model, type Moments, namesOf } from "../../nn/mod.ts";
import { readStateDict, writePth } from "../../data/mod.ts";
import { officialCheckpoint, save, type SparkParams, type SparkState, type SparkWeights, weightsOf } from "../../spark/mod.ts";

/** Files that a case may be sent through: PyTorch's under the official names, or safetensors under those used here. */
export type Through = "pth" | "safetensors";

/** What is sent. */
export interface Sent {
  readonly params: SparkParams;
  readonly state: SparkState;
  readonly optimizer?: Moments<SparkParams>;
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
      await save(path, { params: sent.params, state: sent.state, optimizer, key: random.key(0) });
    }
    return weightsOf(await readStateDict(path), model, { dtype });
  } finally {
    await Deno.remove(path);
  }
}

/**
 * Compares what came back with what was sent.
 *
 * @param sent Weights and moments.
 * @param received The same, from a file.
 * @returns How many numbers differ in any bit, and the name of the first tensor with one; `none` if none do.
 */
export async function differing(sent: Tree, received: Tree): Promise<{ readonly count: number; readonly first: string }> {
  const values = async (tree: Tree) => {
    const names = namesOf(tree);
    const leaves = treeLeaves(tree) as readonly Tensor[];
    return new Map(await Promise.all(leaves.map(async (x, i) => [names[i]!, await x.data()] as const)));
  };
  const [before, after] = [await values(sent), await values(received)];
  const counts = [...before].map(([name, data]) => {
    const other = after.get(name);
    if (!other || other.length !== data.length) return [name, data.length] as const;
    return [name, Array.from(data).filter((value, i) => !Object.is(value, other[i])).length] as const;
  });
  const count = counts.reduce((sum, [, one]) => sum + one, 0);
  return { count, first: counts.find(([, one]) => one > 0)?.[0] ?? "none" };
}

/** A zero of the type of step counters. */
const firstCount = ({ state }: Sent): Tensor => state.decoder.blocks[0]!.norm1.count;
