/** @file ConvNeXt: patch stem, stages of depthwise 7×7 blocks with an inverted bottleneck, layer norm throughout. */
import { requireOptions } from "../../tensor/parts.ts";
import { full, type Tensor, type Tree } from "../../tensor/core.ts";
import * as random from "../../tensor/functions/random/mod.ts";
import { gelu } from "../layers/activation.ts";
import type { NormParams } from "../layers/batch_norm.ts";
import { conv2d, type Conv2dParams, initConv2d } from "../layers/conv2d.ts";
import { type DropOptions, dropPath, layerScale } from "../layers/drop.ts";
import { addFeatures, type Features } from "../layers/features.ts";
import { type DTypeOption, smallNormal, zeroInitializer } from "../layers/initializer.ts";
import { initLayerNorm, layerNorm } from "../layers/layer_norm.ts";
import { initLinear, linear, type LinearParams } from "../layers/linear.ts";
import {
  blockDrop,
  type Classifier,
  type InputOptions,
  type ModelOptions,
  type ModelOutput,
  requireChannels,
  runBlock,
} from "./model.ts";
import { globalAvgPool } from "../layers/pool.ts";

/** Sizes of a ConvNeXt. */
export interface ConvNeXtOptions extends InputOptions {
  /** Name in reports and checkpoints; made of the sizes if not given. */
  readonly name?: string;
  /** Blocks per stage. */
  readonly depths: readonly number[];
  /** Channels per stage. */
  readonly dims: readonly number[];
  /** Drop-path rate in pre-training; 0 if not given. */
  readonly dropPath?: number;
}

/** Parameters of a block, by their official names. */
export interface ConvNeXtBlockParams {
  /** Layer scale, `[C]`. */
  readonly gamma: Tensor;
  /** Depthwise 7×7. */
  readonly dwconv: Conv2dParams;
  /** Layer norm. */
  readonly norm: NormParams;
  /** C to 4C. */
  readonly pwconv1: LinearParams;
  /** 4C to C. */
  readonly pwconv2: LinearParams;
}

/** Parameters of a ConvNeXt, by their official names. */
interface ConvNeXtParams {
  /** Stem `[conv, norm]`, then `[norm, conv]` between the stages. */
  readonly downsampleLayers: readonly (readonly [Conv2dParams | NormParams, Conv2dParams | NormParams])[];
  /** Blocks by stage. */
  readonly stages: readonly (readonly ConvNeXtBlockParams[])[];
}

/** Parameters of the head, by their official names. */
interface ConvNeXtHead {
  /** Layer norm of the pooled features. */
  readonly norm: NormParams;
  /** Channels to classes. */
  readonly head: LinearParams;
}

const WEIGHTS = { weight: smallNormal, bias: zeroInitializer };

/**
 * Describes a ConvNeXt of any size.
 *
 * @param options Sizes.
 * @returns The model; its maps have strides 4, 8, …
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { convnext } from "@tessera/tessera/nn";
 *
 * const model = convnext({ depths: [1, 2], dims: [8, 16] });
 * deepStrictEqual([model.stride, model.channels], [8, [8, 16]]);
 * ```
 */
export function convnext(options: ConvNeXtOptions): Classifier {
  requireOptions("convnext", options, { name: true, depths: true, dims: true, dropPath: true, inChannels: true });
  const { name, depths, dims, dropPath = 0 } = options;
  const inChannels = requireChannels(
    "a ConvNeXt",
    options.inChannels === undefined ? {} : { inChannels: options.inChannels },
  );
  const model: Classifier = {
    name: name ?? `convnext-${depths.join("-")}`,
    inChannels,
    stride: 4 * 2 ** (depths.length - 1),
    channels: dims,
    densifyNorm: "ln",
    recipe: { dropPath, beta2: 0.999 },
    init: (key, init) => ({ params: initConvNeXt(key, { depths, dims, inChannels }, init), state: {} }),
    features: (params: ConvNeXtParams, _state, x, run) => runConvNeXt(params, x, run),
    initHead: (key, { classes, ...init }) => ({
      norm: initLayerNorm(dims.at(-1)!, init),
      head: initLinear(key, { inChannels: dims.at(-1)!, outChannels: classes, ...WEIGHTS, ...init }),
    }),
    logits: ({ encoder, head }: { readonly encoder: Tree; readonly head: ConvNeXtHead }, state, x, run) => {
      const out = model.features(encoder, state, x, run);
      return { logits: linear(head.head, layerNorm(head.norm, globalAvgPool(out.features.at(-1)!))), state: out.state };
    },
  };
  return model;
}

function initConvNeXt(
  key: Tensor,
  { depths, dims, inChannels: first }: Required<Pick<ConvNeXtOptions, "depths" | "dims" | "inChannels">>,
  { dtype = "float32" }: DTypeOption = {},
): ConvNeXtParams {
  const downsampleKey = random.foldIn(key, 0);
  const downsampleLayers = dims.map((channels, i) => {
    const [inChannels, kernel] = i === 0 ? [first, 4] : [dims[i - 1]!, 2];
    const options = { inChannels, outChannels: channels, kernel, ...WEIGHTS, dtype };
    const conv = initConv2d(random.foldIn(downsampleKey, i), options);
    return i === 0
      ? [conv, initLayerNorm(channels, { dtype })] as const
      : [initLayerNorm(inChannels, { dtype }), conv] as const;
  });
  const stages = depths.map((depth, stage) => {
    const stageKey = random.foldIn(key, stage + 1);
    return Array.from({ length: depth }, (_, i) => initBlock(random.foldIn(stageKey, i), dims[stage]!, { dtype }));
  });
  return { downsampleLayers, stages };
}

function initBlock(key: Tensor, channels: number, { dtype = "float32" }: DTypeOption): ConvNeXtBlockParams {
  const [wide, depthwise] = [4 * channels, { kernel: 7, groups: channels }];
  const options = { inChannels: channels, outChannels: channels, ...WEIGHTS, dtype };
  return {
    gamma: full([channels], 1e-6, { dtype }),
    dwconv: initConv2d(random.foldIn(key, 0), { ...options, ...depthwise }),
    norm: initLayerNorm(channels, { dtype }),
    pwconv1: initLinear(random.foldIn(key, 1), { ...options, outChannels: wide }),
    pwconv2: initLinear(random.foldIn(key, 2), { ...options, inChannels: wide }),
  };
}

function block<T extends Features>(params: ConvNeXtBlockParams, x: T, drop: DropOptions): T {
  const groups = params.gamma.shape[0]!;
  const mixed = layerNorm(params.norm, conv2d(params.dwconv, x, { padding: 3, groups }));
  const branch = linear(params.pwconv2, gelu(linear(params.pwconv1, mixed)));
  return addFeatures(x, dropPath(layerScale(params.gamma, branch), drop));
}

function runConvNeXt<T extends Features>(params: ConvNeXtParams, x: T, options: ModelOptions = {}): ModelOutput<T> {
  const count = params.stages.reduce((sum, blocks) => sum + blocks.length, 0);
  let h = x;
  let index = 0;
  const features = params.stages.map((blocks, stage) => {
    const [first, second] = params.downsampleLayers[stage]!;
    h = stage === 0
      ? layerNorm(second as NormParams, conv2d(first as Conv2dParams, h, { stride: 4 }))
      : conv2d(second as Conv2dParams, layerNorm(first as NormParams, h), { stride: 2 });
    for (const blockParams of blocks) {
      const drop = blockDrop(options, index++, count);
      h = runBlock({ ...options, stage }, blockParams, h, (own, x) => ({ output: block(own, x, drop), state: {} }))
        .output;
    }
    return h;
  });
  return { features, state: {} };
}
