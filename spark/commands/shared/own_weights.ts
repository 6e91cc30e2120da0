import type { Tree } from "../../../tensor/mod.ts";
import { fileTensors, type SafetensorsTensor } from "../../../data/mod.ts";
import { WEIGHTS_FORMAT } from "../../train/checkpoint.ts";

/**
 * Weights without optimizer under the names of this library.
 *
 * @param params Parameters: `encoder`, and what else there is; `null` parts are left out.
 * @param state Running statistics under the same names.
 * @param model Name of the model.
 * @param known What else is known: names of the classes, size and channels of the images.
 * @returns Tensors `params.encoder.…`, `state.encoder.…`, and metadata.
 */
export async function ownWeights(
  params: Tree,
  state: Tree,
  model: string,
  { classes = null, inputSize, inChannels = 3 }: {
    readonly classes?: readonly string[] | null;
    readonly inputSize?: readonly [number, number];
    readonly inChannels?: number;
  } = {},
): Promise<{
  readonly tensors: Readonly<Record<string, SafetensorsTensor>>;
  readonly metadata: Readonly<Record<string, string>>;
}> {
  const present = Object.fromEntries(Object.entries(params).filter(([, part]) => part !== null));
  const tree = { params: present, state };
  const configuration = JSON.stringify({
    options: { model, ...(inputSize ? { inputSize } : {}), ...(inChannels === 3 ? {} : { inChannels }) },
    ...(classes ? { classes } : {}),
  });
  return { tensors: await fileTensors(tree), metadata: { format: WEIGHTS_FORMAT, configuration } };
}
