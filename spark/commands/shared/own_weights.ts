import { type DType, type Tensor, type Tree, treeLeaves } from "../../../tensor/mod.ts";
import { namesOf } from "../../../nn/mod.ts";
import type { SafetensorsArray, SafetensorsDType, SafetensorsTensor } from "../../../data/mod.ts";

const DTYPES: Readonly<Record<DType, SafetensorsDType>> = {
  float32: "F32",
  float64: "F64",
  int32: "I32",
  uint32: "U32",
  bool: "BOOL",
};

/**
 * Weights without optimizer under the names of this library.
 *
 * @param params Parameters: `encoder`, and what else there is; `null` parts are left out.
 * @param state Running statistics under the same names.
 * @param model Name of the model.
 * @returns Tensors `params.encoder.…`, `state.encoder.…`, and metadata.
 */
export async function ownWeights(params: Tree, state: Tree, model: string): Promise<{
  readonly tensors: Readonly<Record<string, SafetensorsTensor>>;
  readonly metadata: Readonly<Record<string, string>>;
}> {
  const present = Object.fromEntries(Object.entries(params).filter(([, part]) => part !== null));
  const tree = { params: present, state };
  const names = namesOf(tree);
  const tensors = await Promise.all((treeLeaves(tree) as readonly Tensor[]).map(async (x, i) => {
    const data = await x.data() as unknown as SafetensorsArray;
    return [names[i]!, { dtype: DTYPES[x.dtype], shape: x.shape, data }] as const;
  }));
  const configuration = JSON.stringify({ options: { model } });
  return { tensors: Object.fromEntries(tensors), metadata: { format: "tessera.weights/1", configuration } };
}
