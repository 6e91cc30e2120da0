/** @file ResNet as timm builds it: 7×7 stem, stages of residual blocks, the stride of a bottleneck on its 3×3. */
import { requireOptions } from "../../tensor/parts.ts";
import type { Tensor, Tree } from "../../tensor/core.ts";
import * as random from "../../tensor/functions/random/mod.ts";
import { relu } from "../layers/activation.ts";
import { batchNorm, type BatchNormState, initBatchNorm, type NormParams } from "../layers/batch_norm.ts";
import { conv2d, type Conv2dParams, initConv2d } from "../layers/conv2d.ts";
import type { Features } from "../layers/features.ts";
import { type DTypeOption, kaimingNormal } from "../layers/initializer.ts";
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
import { globalAvgPool, maxPool2d } from "../layers/pool.ts";
import {
  type BlockKind,
  type BlockParams,
  type BlockSpec,
  type BlockState,
  EXPANSION,
  initResidualBlock,
  residualBlock,
} from "./residual_block.ts";

/** Sizes of a ResNet. */
export interface ResNetOptions extends InputOptions {
  /** Name in reports and checkpoints; made of the sizes if not given. */
  readonly name?: string;
  /** Kind of residual block. */
  readonly block: BlockKind;
  /** Blocks per stage. */
  readonly depths: readonly number[];
  /** Width of the blocks per stage; 64, doubling, if not given. A bottleneck puts out four times as many channels. */
  readonly widths?: readonly number[];
  /** Channels of the stem; 64 if not given. */
  readonly stemWidth?: number;
  /** `standard`: 7×7 stride 2 and max pooling, first map at stride 4. `light`: 3×3 stride 2, first map at stride 2. */
  readonly stem?: "standard" | "light";
  /** Drop-path rate in pre-training; 0 if not given. */
  readonly dropPath?: number;
}

/** Sizes of a stage's blocks, stage by stage. */
function blocksOf(options: Required<Pick<ResNetOptions, "block" | "depths" | "widths" | "stemWidth">>): BlockSpec[][] {
  const { block: kind, depths, widths, stemWidth } = options;
  return depths.map((depth, stage) => {
    const width = widths[stage]!;
    const before = stage === 0 ? stemWidth : widths[stage - 1]! * EXPANSION[kind];
    return Array.from({ length: depth }, (_, i) => ({
      kind,
      width,
      inChannels: i === 0 ? before : width * EXPANSION[kind],
      stride: i === 0 && stage > 0 ? 2 : 1,
    }));
  });
}

/**
 * Describes a ResNet of any size.
 *
 * @param options Sizes.
 * @returns The model; its maps have strides 4, 8, … (2, 4, … with the light stem).
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { resnet } from "@tessera/tessera/nn";
 *
 * const model = resnet({ block: "basic", depths: [1, 1], widths: [16, 32], stemWidth: 16 });
 * deepStrictEqual([model.stride, model.channels], [8, [16, 32]]);
 * ```
 */
export function resnet(options: ResNetOptions): Classifier {
  requireOptions("resnet", options, {
    name: true,
    block: true,
    depths: true,
    widths: true,
    stemWidth: true,
    stem: true,
    dropPath: true,
    inChannels: true,
  });
  const { block, depths, stemWidth = 64, stem = "standard", dropPath = 0 } = options;
  const widths = options.widths ?? depths.map((_, stage) => 64 * 2 ** stage);
  const inChannels = requireChannels(
    "a ResNet",
    options.inChannels === undefined ? {} : { inChannels: options.inChannels },
  );
  const stages = blocksOf({ block, depths, widths, stemWidth });
  const channels = widths.slice(0, depths.length).map((width) => width * EXPANSION[block]);
  const model: Classifier = {
    name: options.name ?? `resnet-${block}-${depths.join("-")}`,
    inChannels,
    stride: (stem === "standard" ? 4 : 2) * 2 ** (depths.length - 1),
    channels,
    densifyNorm: "bn",
    recipe: { dropPath, beta2: 0.95 },
    init: (key, init) => initResNet(key, stages, { stem, stemWidth, inChannels, ...init }),
    features: (params: ResNetParams, state: ResNetState, x, run) =>
      runResNet(params, state, x, { stages, stem, ...run }),
    initHead: (key, { classes, ...init }) =>
      initLinear(key, { inChannels: channels.at(-1)!, outChannels: classes, ...init }),
    logits: ({ encoder, head }: { readonly encoder: Tree; readonly head: LinearParams }, state, x, run) => {
      const out = model.features(encoder, state, x, run);
      return { logits: linear(head, globalAvgPool(out.features.at(-1)!)), state: out.state };
    },
  };
  return model;
}

/** Parameters by their names in timm: conv1, bn1, layer1[block], … */
type ResNetParams = Readonly<Record<string, Conv2dParams | NormParams | readonly BlockParams[]>>;
/** State under the same names. */
type ResNetState = Readonly<Record<string, BatchNormState | readonly BlockState[]>>;

function initResNet(
  key: Tensor,
  stages: readonly (readonly BlockSpec[])[],
  { stem, stemWidth, inChannels, dtype = "float32" }: DTypeOption & {
    readonly stem: string;
    readonly stemWidth: number;
    readonly inChannels: number;
  },
): { readonly params: ResNetParams; readonly state: ResNetState } {
  const kernel = stem === "standard" ? 7 : 3;
  const norm = initBatchNorm(stemWidth, { dtype });
  const conv = { kernel, inChannels, outChannels: stemWidth, weight: kaimingNormal, bias: null, dtype };
  const params: Record<string, ResNetParams[string]> = {
    conv1: initConv2d(random.foldIn(key, 0), conv),
    bn1: norm.params,
  };
  const state: Record<string, ResNetState[string]> = { bn1: norm.state };
  stages.forEach((blocks, stage) => {
    const stageKey = random.foldIn(key, stage + 1);
    const made = blocks.map((spec, i) => initResidualBlock(random.foldIn(stageKey, i), spec, { dtype }));
    params[`layer${stage + 1}`] = made.map((block) => block.params);
    state[`layer${stage + 1}`] = made.map((block) => block.state);
  });
  return { params, state };
}

/** Sizes of the network and how to run it. */
type ResNetRun = ModelOptions & { readonly stages: readonly (readonly BlockSpec[])[]; readonly stem: string };

function runResNet<T extends Features>(
  params: ResNetParams,
  state: ResNetState,
  x: T,
  { stages, stem, ...options }: ResNetRun,
): ModelOutput<T> {
  const { train = false, frozenParts = 0, statistics } = options;
  const normOf = (part: number) => ({ train: train && part >= frozenParts, ...statistics });
  const count = stages.reduce((sum, blocks) => sum + blocks.length, 0);
  const convolved = conv2d(params.conv1 as Conv2dParams, x, { stride: 2, padding: stem === "standard" ? 3 : 1 });
  const first = batchNorm(params.bn1 as NormParams, state.bn1 as BatchNormState, convolved, normOf(0));
  const next: Record<string, Tree> = { bn1: first.state };
  const activated = relu(first.output);
  let h = stem === "standard" ? maxPool2d(activated, { kernel: 3, stride: 2, padding: 1 }) : activated;
  let index = 0;
  const features = stages.map((blocks, stage) => {
    const name = `layer${stage + 1}`;
    const norm = normOf(stage + 1);
    next[name] = blocks.map((spec, i) => {
      const drop = blockDrop(options, index++, count);
      const blockParams = (params[name] as readonly BlockParams[])[i]!;
      const blockState = (state[name] as readonly BlockState[])[i]!;
      const out = runBlock(
        { ...options, stage },
        blockParams,
        h,
        (own, x) => residualBlock(own, blockState, x, { spec, norm, drop }),
      );
      h = out.output;
      return out.state;
    });
    return h;
  });
  return { features, state: next };
}
