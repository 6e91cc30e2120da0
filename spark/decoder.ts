/** @file The light decoder: a U-Net's upward half, from the coarsest dense map to pixels. */
import { type OptionNames, requireOptions } from "../tensor/kernel.ts";
import { STEP_OPTIONS } from "./step_options.ts";
import { add, random, type Tensor } from "../tensor/mod.ts";
import {
  batchNorm,
  type BatchNormOptions,
  type BatchNormState,
  conv2d,
  type Conv2dParams,
  convTranspose2d,
  type ConvTranspose2dParams,
  type DTypeOption,
  initBatchNorm,
  initConv2d,
  initConvTranspose2d,
  kaimingNormal,
  type ModelOptions,
  type NormParams,
  relu6,
  smallNormal,
  zeroInitializer,
} from "../nn/mod.ts";

/** Parameters of one doubling of the maps. */
export interface DecoderBlockParams {
  /** Transposed 4×4 convolution of stride 2. */
  readonly upSample: ConvTranspose2dParams;
  /** 3×3 convolution that keeps the width. */
  readonly conv1: Conv2dParams;
  /** Its normalisation. */
  readonly norm1: NormParams;
  /** 3×3 convolution that halves the width. */
  readonly conv2: Conv2dParams;
  /** Its normalisation. */
  readonly norm2: NormParams;
}

/** State of one doubling. */
export interface DecoderBlockState {
  /** Running statistics after the first convolution. */
  readonly norm1: BatchNormState;
  /** Running statistics after the second. */
  readonly norm2: BatchNormState;
}

/** Parameters of the decoder. */
export interface DecoderParams {
  /** Doublings, coarse to fine. */
  readonly blocks: readonly DecoderBlockParams[];
  /** 1×1 convolution to the channels of the images. */
  readonly projection: Conv2dParams;
}

/** State of the decoder. */
export interface DecoderState {
  /** Running statistics, coarse to fine. */
  readonly blocks: readonly DecoderBlockState[];
}

/**
 * Makes the parameters and the state of the decoder.
 *
 * @param key Random key.
 * @param options `stride` of the encoder, a power of two: one block for each doubling; `width` at the coarsest scale,
 * halved by each block; channels of the images, 3 if not given; dtype.
 * @returns Parameters and state.
 * @throws {RangeError} If the stride is no power of two, or the width does not divide by it.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { initDecoder } from "@tessera/tessera/spark";
 * import { random } from "@tessera/tessera/tensor";
 *
 * equal(initDecoder(random.key(0), { stride: 32, width: 768 }).params.blocks.length, 5);
 * ```
 */
export function initDecoder(
  key: Tensor,
  options: DTypeOption & { readonly stride: number; readonly width: number; readonly outChannels?: number },
): { readonly params: DecoderParams; readonly state: DecoderState } {
  requireOptions("initDecoder", options, { dtype: true, stride: true, width: true, outChannels: true });
  const { stride, width, outChannels = 3, dtype = "float32" } = options;
  const levels = Math.log2(stride);
  if (!Number.isInteger(levels) || levels < 1 || width < 1 || width % stride !== 0) {
    throw new RangeError(
      "Cannot make a decoder as the stride must be a power of two and divide the width: " +
        `current stride is ${stride}, width is ${width}`,
    );
  }
  const blocks = Array.from({ length: levels }, (_, i) => initBlock(random.foldIn(key, i), width / 2 ** i, { dtype }));
  const conv = { inChannels: width / stride, outChannels, kernel: 1, dtype };
  const projection = initConv2d(random.foldIn(key, levels), { ...conv, weight: smallNormal, bias: zeroInitializer });
  return {
    params: { blocks: blocks.map((block) => block.params), projection },
    state: { blocks: blocks.map((block) => block.state) },
  };
}

function initBlock(
  key: Tensor,
  width: number,
  options: DTypeOption,
): { readonly params: DecoderBlockParams; readonly state: DecoderBlockState } {
  const conv = { inChannels: width, kernel: 3, weight: smallNormal, bias: null, ...options };
  const up = { inChannels: width, outChannels: width, kernel: 4, weight: kaimingNormal, bias: zeroInitializer };
  const [first, second] = [initBatchNorm(width, options), initBatchNorm(width / 2, options)];
  return {
    params: {
      upSample: initConvTranspose2d(random.foldIn(key, 0), { ...up, ...options }),
      conv1: initConv2d(random.foldIn(key, 1), { ...conv, outChannels: width }),
      norm1: first.params,
      conv2: initConv2d(random.foldIn(key, 2), { ...conv, outChannels: width / 2 }),
      norm2: second.params,
    },
    state: { norm1: first.state, norm2: second.state },
  };
}

/** Options of `decode`, as of a model. */
export type DecodeOptions = Pick<ModelOptions, "train" | "statistics">;

/**
 * Decodes dense maps to pixels: each block adds the map of its scale, if there is one, then doubles the size.
 *
 * @param params Of `initDecoder`.
 * @param state Of `initDecoder`.
 * @param maps Dense maps, coarse to fine, each twice as large as the one before; at most one per block.
 * @param options `train`: batch statistics.
 * @returns `pixels` `[B, H, W, 3]`, normalised within patches, and the `state` afterwards.
 * @throws {ShapeError} If a map does not have the size or width of its scale.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { decode, initDecoder } from "@tessera/tessera/spark";
 * import { ones, random } from "@tessera/tessera/tensor";
 *
 * const { params, state } = initDecoder(random.key(0), { stride: 4, width: 8 });
 * deepStrictEqual(decode(params, state, [ones([1, 2, 3, 8])]).pixels.shape, [1, 8, 12, 3]);
 * ```
 */
export function decode(
  params: DecoderParams,
  state: DecoderState,
  maps: readonly Tensor[],
  options: DecodeOptions = {},
): { readonly pixels: Tensor; readonly state: DecoderState } {
  requireOptions("decode", options, STEP_OPTIONS satisfies OptionNames<DecodeOptions>);
  const norm = { train: options.train ?? false, ...options.statistics };
  let h = maps[0]!;
  const states = params.blocks.map((block, i) => {
    const map = i > 0 ? maps[i] : undefined;
    const out = decodeBlock(block, state.blocks[i]!, map ? add(h, map) : h, norm);
    h = out.output;
    return out.state;
  });
  return { pixels: conv2d(params.projection, h), state: { blocks: states } };
}

function decodeBlock(params: DecoderBlockParams, state: DecoderBlockState, x: Tensor, norm: BatchNormOptions) {
  const enlarged = convTranspose2d(params.upSample, x, { stride: 2, padding: 1 });
  const first = batchNorm(params.norm1, state.norm1, conv2d(params.conv1, enlarged, { padding: 1 }), norm);
  const convolved = conv2d(params.conv2, relu6(first.output), { padding: 1 });
  const second = batchNorm(params.norm2, state.norm2, convolved, norm);
  return { output: second.output, state: { norm1: first.state, norm2: second.state } };
}
