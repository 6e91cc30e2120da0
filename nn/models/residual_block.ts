/** @file Residual blocks of ResNet: the basic one of two 3×3 convolutions, and the bottleneck 1×1, 3×3, 1×1. */
import type { Tensor } from "../../tensor/core.ts";
import * as random from "../../tensor/functions/random/mod.ts";
import {
  batchNorm,
  type BatchNormOptions,
  type BatchNormState,
  initBatchNorm,
  type NormParams,
} from "../layers/batch_norm.ts";
import { conv2d, type Conv2dParams, initConv2d } from "../layers/conv2d.ts";
import { relu } from "../layers/activation.ts";
import { type DropOptions, dropPath } from "../layers/drop.ts";
import { addFeatures, type Features } from "../layers/features.ts";
import { type DTypeOption, kaimingNormal } from "../layers/initializer.ts";

/** Kind of residual block. */
export type BlockKind = "basic" | "bottleneck";

/** Channels of a block's output over its width. */
export const EXPANSION: Readonly<Record<BlockKind, number>> = { basic: 1, bottleneck: 4 };

/** Convolution or normalisation of a block by name: `conv1`, `bn1`, …; `downsample` is `[conv, bn]`. */
export type BlockParams = Readonly<Record<string, Conv2dParams | NormParams | readonly [Conv2dParams, NormParams]>>;

/** State of a block's normalisations by name: `bn1`, …; `downsample` is `[{}, bn]`. */
export type BlockState = Readonly<Record<string, BatchNormState | readonly [object, BatchNormState]>>;

/** Sizes of a block. */
export interface BlockSpec {
  /** Kind of block. */
  readonly kind: BlockKind;
  /** Channels in. */
  readonly inChannels: number;
  /** Channels of the inner convolutions. */
  readonly width: number;
  /** Step of the block. */
  readonly stride: number;
}

/** Kernel, stride and channels of the convolutions of the branch. In the bottleneck the 3×3 strides (version 1.5). */
function convsOf({ kind, inChannels, width, stride }: BlockSpec) {
  const kernels = kind === "basic" ? [3, 3] : [1, 3, 1];
  const strided = kind === "basic" ? 0 : 1;
  const last = kernels.length - 1;
  return kernels.map((kernel, i) => ({
    kernel,
    stride: i === strided ? stride : 1,
    inChannels: i === 0 ? inChannels : width,
    outChannels: i === last ? width * EXPANSION[kind] : width,
  }));
}

/** Makes a block; the last normalisation of its branch starts at scale 0, so that the block starts as its shortcut. */
export function initResidualBlock(
  key: Tensor,
  spec: BlockSpec,
  { dtype = "float32" }: DTypeOption = {},
): { readonly params: BlockParams; readonly state: BlockState } {
  const convs = convsOf(spec);
  const parts = convs.map(({ kernel, inChannels, outChannels }, i) => {
    const options = { kernel, inChannels, outChannels, weight: kaimingNormal, bias: null, dtype };
    const norm = initBatchNorm(outChannels, { dtype, scale: i === convs.length - 1 ? 0 : 1 });
    return { conv: initConv2d(random.foldIn(key, i), options), norm };
  });
  const params: Record<string, BlockParams[string]> = {};
  const state: Record<string, BlockState[string]> = {};
  parts.forEach(({ conv, norm }, i) => {
    params[`conv${i + 1}`] = conv;
    params[`bn${i + 1}`] = norm.params;
    state[`bn${i + 1}`] = norm.state;
  });
  const outChannels = spec.width * EXPANSION[spec.kind];
  if (spec.stride !== 1 || spec.inChannels !== outChannels) {
    const options = { kernel: 1, inChannels: spec.inChannels, outChannels, weight: kaimingNormal, bias: null, dtype };
    const norm = initBatchNorm(outChannels, { dtype });
    params.downsample = [initConv2d(random.foldIn(key, convs.length), options), norm.params];
    state.downsample = [{}, norm.state];
  }
  return { params, state };
}

/** Runs a block: branch, shortcut, sum, ReLU. */
export function residualBlock<T extends Features>(
  params: BlockParams,
  state: BlockState,
  x: T,
  { spec, norm, drop }: { readonly spec: BlockSpec; readonly norm: BatchNormOptions; readonly drop: DropOptions },
): { readonly output: T; readonly state: BlockState } {
  const next: Record<string, BlockState[string]> = {};
  const convs = convsOf(spec);
  const branch = convs.reduce((h, { kernel, stride }, i) => {
    const convolved = conv2d(params[`conv${i + 1}`] as Conv2dParams, h, { stride, padding: (kernel - 1) / 2 });
    const name = `bn${i + 1}`;
    const normalized = batchNorm(params[name] as NormParams, state[name] as BatchNormState, convolved, norm);
    next[name] = normalized.state;
    return i < convs.length - 1 ? relu(normalized.output) : normalized.output;
  }, x);
  const shortcut = shortcutOf(params, state, x, spec.stride, norm);
  if (shortcut.state) next.downsample = shortcut.state;
  return { output: relu(addFeatures(dropPath(branch, drop), shortcut.output)), state: next };
}

function shortcutOf<T extends Features>(
  params: BlockParams,
  state: BlockState,
  x: T,
  stride: number,
  options: BatchNormOptions,
) {
  if (!params.downsample) return { output: x };
  const [conv, norm] = params.downsample as readonly [Conv2dParams, NormParams];
  const [, running] = state.downsample as readonly [object, BatchNormState];
  const normalized = batchNorm(norm, running, conv2d(conv, x, { stride }), options);
  return { output: normalized.output, state: [{}, normalized.state] as const };
}
