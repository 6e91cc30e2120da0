/** @file What network weights belong to, told by their official names and shapes: what other formats must be told. */
import type { StateDict } from "./export_weights.ts";

/** A ResNet as torchvision and timm build it. */
export interface ResNetShape {
  /** Which family. */
  readonly family: "resnet";
  /** `standard`: 7×7 and max pooling; `light`: 3×3 alone. */
  readonly stem: "standard" | "light";
  /** Channels of the images. */
  readonly inChannels: number;
  /** Channels of the stem. */
  readonly stemWidth: number;
  /** Two convolutions a block, or three of which the last has four times the channels. */
  readonly block: "basic" | "bottleneck";
  /** Blocks per stage. */
  readonly depths: readonly number[];
  /** Channels inside the blocks, per stage. */
  readonly widths: readonly number[];
  /** Classes of the head; `null` without one. */
  readonly classes: number | null;
}

/** A ConvNeXt. */
export interface ConvNeXtShape {
  /** Which family. */
  readonly family: "convnext";
  /** Channels of the images. */
  readonly inChannels: number;
  /** Blocks per stage. */
  readonly depths: readonly number[];
  /** Channels per stage. */
  readonly dims: readonly number[];
  /** Classes of the head; `null` without one. */
  readonly classes: number | null;
}

/** A network of a family that is known. */
export type NetworkShape = ResNetShape | ConvNeXtShape;

/** How often a pattern's number goes on from its first: stages, or blocks of a stage. */
function countOf(state: StateDict, name: (index: number) => string, first = 0): number {
  let count = 0;
  while (state.has(name(first + count))) count++;
  return count;
}

/**
 * Tells the network of a state dict.
 *
 * @param state Of `backboneStateDict` with official names.
 * @returns Its family and sizes; `null` if it is of neither family.
 */
export function networkShape(state: StateDict): NetworkShape | null {
  return resnetShape(state) ?? convnextShape(state);
}

function resnetShape(state: StateDict): ResNetShape | null {
  const stem = state.get("conv1.weight");
  const stages = countOf(state, (stage) => `layer${stage}.0.conv1.weight`, 1);
  if (!stem || stages === 0 || !state.has("bn1.running_mean")) return null;
  const numbers = Array.from({ length: stages }, (_, i) => i + 1);
  const kernel = stem.shape[2]!;
  if (kernel !== 7 && kernel !== 3) return null;
  return {
    family: "resnet",
    stem: kernel === 7 ? "standard" : "light",
    inChannels: stem.shape[1]!,
    stemWidth: stem.shape[0]!,
    block: state.has("layer1.0.conv3.weight") ? "bottleneck" : "basic",
    depths: numbers.map((stage) => countOf(state, (block) => `layer${stage}.${block}.conv1.weight`)),
    widths: numbers.map((stage) => state.get(`layer${stage}.0.conv1.weight`)!.shape[0]!),
    classes: state.get("fc.weight")?.shape[0] ?? null,
  };
}

function convnextShape(state: StateDict): ConvNeXtShape | null {
  const stages = countOf(state, (stage) => `stages.${stage}.0.dwconv.weight`);
  if (stages === 0 || !state.has("downsample_layers.0.0.weight")) return null;
  const numbers = Array.from({ length: stages }, (_, i) => i);
  return {
    family: "convnext",
    inChannels: state.get("downsample_layers.0.0.weight")!.shape[1]!,
    depths: numbers.map((stage) => countOf(state, (block) => `stages.${stage}.${block}.dwconv.weight`)),
    dims: numbers.map((stage) => state.get(`stages.${stage}.0.dwconv.weight`)!.shape[0]!),
    classes: state.get("head.weight")?.shape[0] ?? null,
  };
}
