/** @file What other libraries call the weights of ResNets and ConvNeXts. */

/**
 * Whose names: `official` is SparK's backbone file (torchvision's and timm's for ResNets, the authors' own for
 * ConvNeXts); `huggingface` is transformers'; `detectron2` is for ResNets only.
 */
export type WeightNaming = "official" | "timm" | "torchvision" | "huggingface" | "detectron2";

/** All namings, in the order in which a file's is looked for. */
export const WEIGHT_NAMINGS: readonly WeightNaming[] = ["official", "timm", "torchvision", "huggingface", "detectron2"];

/**
 * Names under which weights are only read: `sequential` numbers the children of a ResNet, as
 * `nn.Sequential(*resnet.children())` does in self-supervised training.
 */
export type ReadNaming = WeightNaming | "sequential";

/** All of them, in the order in which a file's is looked for. */
export const READ_NAMINGS: readonly ReadNaming[] = [...WEIGHT_NAMINGS, "sequential"];

type Rule = readonly [pattern: RegExp, replace: (match: readonly string[]) => string];

/** Parts of a ConvNeXt block: official, timm's, torchvision's, transformers'. */
const BLOCK_PARTS: Readonly<Record<string, readonly [timm: string, torchvision: string, huggingface: string]>> = {
  gamma: ["gamma", "layer_scale", "layer_scale_parameter"],
  dwconv: ["conv_dw", "block.0", "dwconv"],
  norm: ["norm", "block.2", "layernorm"],
  pwconv1: ["mlp.fc1", "block.3", "pwconv1"],
  pwconv2: ["mlp.fc2", "block.5", "pwconv2"],
};

/** Parts of a ResNet's stem and blocks in transformers, which counts the layers of a block from 0. */
const LAYER = /^(conv|bn)(\d)\.(.*)$/;
const layerKind = (part: string) => part === "conv" ? "convolution" : "normalization";

const DOWNSAMPLE = /^downsample_layers\.(\d+)\.(.*)$/;
const BLOCK = /^stages\.(\d+)\.(\d+)\.(\w+)(.*)$/;

const RULES: Readonly<Record<ReadNaming, readonly Rule[]>> = {
  official: [],
  sequential: [
    // convolution, norm, ReLU, pooling, four stages, pooling, head
    [/^conv1\.(.*)$/, ([, rest]) => `0.${rest}`],
    [/^bn1\.(.*)$/, ([, rest]) => `1.${rest}`],
    [/^layer(\d+)\.(.*)$/, ([, stage, rest]) => `${Number(stage) + 3}.${rest}`],
    [/^fc\.(.*)$/, ([, rest]) => `9.${rest}`],
  ],
  timm: [
    [/^downsample_layers\.0\.(.*)$/, ([, rest]) => `stem.${rest}`],
    [DOWNSAMPLE, ([, stage, rest]) => `stages.${stage}.downsample.${rest}`],
    [
      BLOCK,
      ([, stage, block, part, rest]) => `stages.${stage}.blocks.${block}.${BLOCK_PARTS[part!]?.[0] ?? part}${rest}`,
    ],
    [/^norm\.(.*)$/, ([, rest]) => `head.norm.${rest}`],
    [/^head\.(.*)$/, ([, rest]) => `head.fc.${rest}`],
  ],
  torchvision: [
    [DOWNSAMPLE, ([, stage, rest]) => `features.${2 * Number(stage)}.${rest}`],
    [
      BLOCK,
      ([, stage, block, part, rest]) =>
        `features.${2 * Number(stage) + 1}.${block}.${BLOCK_PARTS[part!]?.[1] ?? part}${rest}`,
    ],
    [/^norm\.(.*)$/, ([, rest]) => `classifier.0.${rest}`],
    [/^head\.(.*)$/, ([, rest]) => `classifier.2.${rest}`],
  ],
  huggingface: [
    [/^downsample_layers\.0\.0\.(.*)$/, ([, rest]) => `convnext.embeddings.patch_embeddings.${rest}`],
    [/^downsample_layers\.0\.1\.(.*)$/, ([, rest]) => `convnext.embeddings.layernorm.${rest}`],
    [DOWNSAMPLE, ([, stage, rest]) => `convnext.encoder.stages.${stage}.downsampling_layer.${rest}`],
    [
      BLOCK,
      ([, stage, block, part, rest]) =>
        `convnext.encoder.stages.${stage}.layers.${block}.${BLOCK_PARTS[part!]?.[2] ?? part}${rest}`,
    ],
    [/^norm\.(.*)$/, ([, rest]) => `convnext.layernorm.${rest}`],
    [/^head\.(.*)$/, ([, rest]) => `classifier.${rest}`],
    [/^fc\.(.*)$/, ([, rest]) => `classifier.1.${rest}`],
    [LAYER, ([, part, , rest]) => `resnet.embedder.embedder.${layerKind(part!)}.${rest}`],
    [
      /^layer(\d+)\.(\d+)\.downsample\.(\d)\.(.*)$/,
      ([, stage, block, part, rest]) =>
        `resnet.encoder.stages.${Number(stage) - 1}.layers.${block}.shortcut.${
          layerKind(part === "0" ? "conv" : "bn")
        }.${rest}`,
    ],
    [
      /^layer(\d+)\.(\d+)\.(conv|bn)(\d)\.(.*)$/,
      ([, stage, block, part, layer, rest]) =>
        `resnet.encoder.stages.${Number(stage) - 1}.layers.${block}.layer.${Number(layer) - 1}.${
          layerKind(part!)
        }.${rest}`,
    ],
  ],
  detectron2: [
    [/^(?:fc|head|norm)\.(.*)$/, ([whole]) => whole!],
    [/^layer(\d+)\.(.*)$/, ([, stage, rest]) => `res${Number(stage) + 1}.${detectronPart(rest!)}`],
    [/^(.*)$/, ([, rest]) => `stem.${detectronPart(rest!)}`],
  ],
};

function detectronPart(rest: string): string {
  return rest.replace(/\bbn(\d)/, "conv$1.norm").replace("downsample.0", "shortcut").replace(
    "downsample.1",
    "shortcut.norm",
  );
}

/**
 * Renames a weight of a backbone or of its head.
 *
 * @param key Official name, such as `stages.0.0.dwconv.weight`, `layer1.0.bn1.bias`, `fc.weight`, `head.weight`.
 * @param naming Whose name to give.
 * @returns The name there. Names of other networks stay as they are, except in `detectron2`.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { renameWeight } from "@tessera/tessera/spark";
 *
 * equal(renameWeight("stages.2.5.pwconv1.weight", "timm"), "stages.2.blocks.5.mlp.fc1.weight");
 * equal(renameWeight("layer1.0.downsample.1.bias", "detectron2"), "res2.0.shortcut.norm.bias");
 * ```
 */
export function renameWeight(key: string, naming: ReadNaming): string {
  for (const [pattern, replace] of RULES[naming]) {
    const match = pattern.exec(key);
    if (match) return replace(match);
  }
  return key;
}

/**
 * The shape of a weight in another library's file, where that differs only by axes of one element.
 *
 * @param key Official name.
 * @param shape Official shape.
 * @param naming Whose file.
 * @returns The shape there: torchvision's layer scales are `[C, 1, 1]`.
 */
export function renamedShape(key: string, shape: readonly number[], naming: ReadNaming): readonly number[] {
  return naming === "torchvision" && key.endsWith(".gamma") ? [...shape, 1, 1] : shape;
}

/**
 * Where a weight stands in the state dict of another library, as that lists its modules.
 *
 * @param name Its name there.
 * @returns A number to sort by; equal numbers keep their order.
 */
export function renamedRank(name: string): number {
  const [, stage, downsample] = /^(?:stages\.(\d+)\.(downsample)?|features\.(\d+)\.)/.exec(name) ?? [];
  if (/^features\./.test(name)) return Number(name.split(".")[1]);
  if (/^(stem|conv1|bn1)\b/.test(name)) return -1;
  if (/^(head|classifier|fc|norm)\./.test(name)) return 1000;
  return stage === undefined ? 0 : 2 * Number(stage) + (downsample ? 0 : 1);
}
