/** @file The weights that a new run starts from. */
import { readStateDict } from "../../../data/mod.ts";
import { startAverage } from "../../average.ts";
import { type Backbone, backboneOf } from "../../weights/load_backbone.ts";
import { decoderWidthOf, weightsOf } from "../../weights/load_weights.ts";
import type { TrainState } from "../../train_state.ts";
import type { PretrainOptions } from "../shared/pretrain_options.ts";
import type { Pretraining } from "./pretraining.ts";

/**
 * Starts a run from fresh weights, or from those of `--init-weight`. Of a file with a decoder everything is taken, of a
 * backbone the encoder; steps and moments start anew.
 *
 * @param options Options of the run.
 * @param training What it computes.
 * @returns The first state.
 * @throws {Error} If the file cannot be read or does not fit, naming it and what does not fit.
 */
export async function startingWeights(options: PretrainOptions, { model, initial }: Pretraining): Promise<TrainState> {
  if (options.initWeight === null) return initial;
  const file = await readStateDict(options.initWeight);
  const { params, state } = decoderWidthOf(file) === null
    ? withEncoder(initial, backboneOf(file, model))
    : weightsOf(file, model, decoderSizes(initial));
  const { average, ...train } = { ...initial, params, state };
  return average ? startAverage(train) : train;
}

function withEncoder({ params, state }: TrainState, encoder: Backbone) {
  return { params: { ...params, encoder: encoder.params }, state: { ...state, encoder: encoder.state } };
}

/** Width and scales of the decoder of a state. */
function decoderSizes({ params: { densify, decoder } }: TrainState) {
  const decoderWidth = decoder.blocks[0]!.conv1.weight.shape[3]!;
  return { decoderWidth, scales: densify.maskTokens.length };
}
