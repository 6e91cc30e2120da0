/** @file The weights that a new run starts from. */
import { inChannelsOf, type Model } from "../../../nn/mod.ts";
import type { StateDictFile } from "../../../data/mod.ts";
import { startAverage } from "../../average.ts";
import { decoderWidthOf, type SparkWeights, weightsOf } from "../../weights/load_weights.ts";
import type { WeightAccount } from "../../weights/weight_account.ts";
import type { TrainState } from "../../train_state.ts";
import { makeModel } from "../../train/model_file.ts";
import { print } from "../cli/print.ts";
import { type FileNetwork, networkFor } from "../shared/image_input.ts";
import { sayWeights } from "../shared/say_weights.ts";
import { channelsIn, openWeights, otherModel } from "../shared/weight_file.ts";
import type { PretrainOptions } from "../shared/pretrain_options.ts";
import type { Pretraining } from "./pretraining.ts";

/**
 * Starts a run from fresh weights, or from those of `--init-weight`. Of a file with a decoder everything is taken, of a
 * backbone the encoder; steps and moments start anew.
 *
 * @param options Options of the run.
 * @param training What it computes.
 * @param keep Given what was read of the file, which is said too.
 * @returns The first state.
 * @throws {Error} If the file cannot be read or does not fit, naming it and what does not fit.
 */
export async function startingWeights(
  { initWeight, weights, model: name }: PretrainOptions,
  { model, initial }: Pretraining,
  keep: (account: WeightAccount) => void = () => {},
): Promise<TrainState> {
  if (initWeight === null) return initial;
  const file = await openWeights(initWeight, { option: "--init-weight", weights });
  const [has, wanted] = [makeModel(name, channelsIn(file, name)), model].map(inChannelsOf);
  const { params, state, account, converted } = decoderWidthOf(file) === null || has !== wanted
    ? withEncoder(initial, networkFor(file, name, wanted!))
    : { ...everything(file, model, initial), converted: null };
  if (converted !== null) print(converted);
  sayWeights(account, { head: "not used" });
  keep(account);
  const { average, ...train } = { ...initial, params, state };
  return average ? startAverage(train) : train;
}

function everything(file: StateDictFile, model: Model, initial: TrainState): SparkWeights {
  try {
    return weightsOf(file, model, decoderSizes(initial));
  } catch (error) {
    throw error instanceof RangeError ? otherModel(file, model.name, error) : error;
  }
}

function withEncoder({ params, state }: TrainState, encoder: FileNetwork) {
  const { account, converted } = encoder;
  return {
    params: { ...params, encoder: encoder.params },
    state: { ...state, encoder: encoder.state },
    account,
    converted,
  };
}

/** Width and scales of the decoder of a state. */
function decoderSizes({ params: { densify, decoder } }: TrainState) {
  const decoderWidth = decoder.blocks[0]!.conv1.weight.shape[3]!;
  return { decoderWidth, scales: densify.maskTokens.length };
}
