/** @file SparK in paper order: mask, sparse encoder, densify, decoder, loss. */
import { type OptionNames, requireOptions } from "../tensor/kernel.ts";
import { STEP_OPTIONS } from "./step_options.ts";
import { random, type Tensor, type Tree } from "../tensor/mod.ts";
import { type DTypeOption, inChannelsOf, type Model, type ModelOptions } from "../nn/mod.ts";
import { gather, type SparsePattern, type SparseTensor, toDense } from "../sparse/mod.ts";
import { decode, type DecoderParams, type DecoderState, initDecoder } from "./decoder.ts";
import { densify, type DensifyParams, type DensifyState, initDensify } from "./densify.ts";
import { checkModel } from "./input_grid.ts";
import { type LossOptions, patchLoss } from "./loss.ts";
import { reconstruct, type Reconstruction, type ReconstructOptions } from "./reconstruction.ts";

/** Parameters of pre-training. */
export interface SparkParams {
  /** Of the model. */
  readonly encoder: Tree;
  /** Of densification. */
  readonly densify: DensifyParams;
  /** Of the decoder. */
  readonly decoder: DecoderParams;
}

/** Running statistics of pre-training. */
export interface SparkState {
  /** Of the model. */
  readonly encoder: Tree;
  /** Of densification. */
  readonly densify: DensifyState;
  /** Of the decoder. */
  readonly decoder: DecoderState;
}

/** Options of `initParams`. */
export interface InitParamsOptions extends DTypeOption {
  /** Channels of the decoder at the coarsest scale, divisible by the model's stride; 768 if not given. */
  readonly decoderWidth?: number;
  /** How many of the coarsest maps the decoder reads; all if not given, 1 in the ablation without hierarchy. */
  readonly scales?: number;
}

/** Names of InitParamsOptions. */
export const INIT_PARAMS_OPTIONS: OptionNames<InitParamsOptions> = { decoderWidth: true, scales: true, dtype: true };

/** Options of `forward`; what goes beyond `ModelOptions` are the authors' ablations. */
export interface ForwardOptions extends Omit<ModelOptions, "frozenParts"> {
  /**
   * How the encoder is kept from masked patches: `sparse`, if not given, computes nothing there; `zero` sets their pixels
   * to zero and encodes the whole image as dense maps, of which the decoder still reads the visible patches alone.
   */
  readonly masking?: "sparse" | "zero";
  /** True: the mask tokens carry a fixed position embedding. */
  readonly positions?: boolean;
}

/** What one forward pass yields. */
export interface SparkOutput {
  /** Maps of the encoder, fine to coarse. */
  readonly features: readonly SparseTensor[];
  /** Dense maps that the decoder read, coarse to fine. */
  readonly maps: readonly Tensor[];
  /** Predictions `[B, H, W, C]`, normalised within patches. */
  readonly pixels: Tensor;
  /** Running statistics afterwards. */
  readonly state: SparkState;
}

/**
 * Makes the parameters and the state of a model with its densification and decoder.
 *
 * @param model The model to pre-train.
 * @param key Random key.
 * @param options Width of the decoder, scales that it reads, dtype.
 * @returns Parameters and state.
 * @throws {RangeError} If the model or the width does not fit; see `checkModel` and `initDecoder`.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { tinyResnet } from "@tessera/tessera/nn";
 * import { initParams } from "@tessera/tessera/spark";
 * import { random } from "@tessera/tessera/tensor";
 *
 * equal(initParams(tinyResnet(), random.key(0), { decoderWidth: 64 }).params.decoder.blocks.length, 4);
 * ```
 */
export function initParams(
  model: Model,
  key: Tensor,
  options: InitParamsOptions = {},
): { readonly params: SparkParams; readonly state: SparkState } {
  requireOptions("initParams", options, INIT_PARAMS_OPTIONS);
  const { decoderWidth = 768, dtype = "float32", ...rest } = options;
  const encoder = model.init(random.foldIn(key, 0), { dtype });
  checkModel(model, encoder.params, encoder.state);
  const densified = initDensify(random.foldIn(key, 1), model, { width: decoderWidth, dtype, ...rest });
  const decoder = initDecoder(random.foldIn(key, 2), {
    ...{ stride: model.stride, width: decoderWidth, outChannels: inChannelsOf(model), dtype },
  });
  return {
    params: { encoder: encoder.params, densify: densified.params, decoder: decoder.params },
    state: { encoder: encoder.state, densify: densified.state, decoder: decoder.state },
  };
}

/**
 * Encodes the visible patches and decodes the whole images.
 *
 * @param model The model.
 * @param weights `params` and `state` of `initParams`.
 * @param input `images` `[B, H, W, 3]` and the `pattern` of their visible patches.
 * @param options Training mode, key and rate of drop path; ablations.
 * @returns Maps, predictions, state.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { tinyResnet } from "@tessera/tessera/nn";
 * import { forward, initParams, sampleMask } from "@tessera/tessera/spark";
 * import { ones, random } from "@tessera/tessera/tensor";
 *
 * const weights = initParams(tinyResnet(), random.key(0), { decoderWidth: 64 });
 * const pattern = sampleMask(random.key(1), { batch: 2, grid: [6, 6], maskRatio: 0.6 });
 * const { pixels } = forward(tinyResnet(), weights, { images: ones([2, 96, 96, 3]), pattern });
 * deepStrictEqual(pixels.shape, [2, 96, 96, 3]);
 * ```
 */
export function forward(
  model: Model,
  { params, state }: { readonly params: SparkParams; readonly state: SparkState },
  { images, pattern }: { readonly images: Tensor; readonly pattern: SparsePattern },
  options: ForwardOptions = {},
): SparkOutput {
  requireOptions("forward", options, STEP_OPTIONS satisfies OptionNames<ForwardOptions>);
  const visible = gather(images, pattern); // SparseTensor [P, patch, patch, 3]
  const encode = options.masking === "zero" ? encodeZeroed : encodeSparse;
  const encoded = encode(model, params.encoder, state.encoder, visible, options);
  const densified = densify(params.densify, state.densify, encoded.features, options);
  const decoded = decode(params.decoder, state.decoder, densified.maps, options);
  return {
    features: encoded.features,
    maps: densified.maps,
    pixels: decoded.pixels,
    state: { encoder: encoded.state, densify: densified.state, decoder: decoded.state },
  };
}

/** What a way of encoding computes: sparse maps, fine to coarse, and the state afterwards. */
type Encode = (
  model: Model,
  params: Tree,
  state: Tree,
  visible: SparseTensor,
  options: ForwardOptions,
) => { readonly features: readonly SparseTensor[]; readonly state: Tree };

const encodeSparse: Encode = (model, params, state, visible, options) =>
  model.features(params, state, visible, options);

/** Encodes dense images whose masked pixels are zero, and reads the visible patches off the dense maps. */
const encodeZeroed: Encode = (model, params, state, visible, options) => {
  const encoded = model.features(params, state, toDense(visible), options);
  return { features: encoded.features.map((map) => gather(map, visible.pattern)), state: encoded.state };
};

/** Options of `evaluate`. */
export interface EvaluateOptions
  extends Pick<ForwardOptions, "masking" | "positions">, LossOptions, Pick<ReconstructOptions, "moments"> {}

/** Loss and pictures of an evaluation. */
export interface Evaluation extends Reconstruction {
  /** Loss on the masked patches, scalar. */
  readonly loss: Tensor;
}

/**
 * Evaluates by the running statistics, and reconstructs the images.
 *
 * @param model The model.
 * @param weights `params` and `state`, of a training state for instance.
 * @param input `images` `[B, H, W, 3]` and the `pattern` of their visible patches.
 * @param options What the model was trained with, where that was an ablation; where the pictures' moments come from.
 * @returns The loss, the masked images and the composites.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { tinyResnet } from "@tessera/tessera/nn";
 * import { evaluate, initParams, sampleMask } from "@tessera/tessera/spark";
 * import { ones, random } from "@tessera/tessera/tensor";
 *
 * const weights = initParams(tinyResnet(), random.key(0), { decoderWidth: 64 });
 * const pattern = sampleMask(random.key(1), { batch: 2, grid: [6, 6], maskRatio: 0.6 });
 * const { composite } = evaluate(tinyResnet(), weights, { images: ones([2, 96, 96, 3]), pattern });
 * deepStrictEqual(composite.shape, [2, 96, 96, 3]);
 * ```
 */
export function evaluate(
  model: Model,
  weights: { readonly params: SparkParams; readonly state: SparkState },
  input: { readonly images: Tensor; readonly pattern: SparsePattern },
  options: EvaluateOptions = {},
): Evaluation {
  requireOptions("evaluate", options, STEP_OPTIONS satisfies OptionNames<EvaluateOptions>);
  const { pixels } = forward(model, weights, input, options);
  const { images, pattern } = input;
  return {
    loss: patchLoss(images, pixels, pattern, options),
    ...reconstruct(images, pixels, pattern, options),
  };
}
