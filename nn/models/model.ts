/** @file What a convolutional network must offer to be pre-trained and fine-tuned here. */
import { requireOptions } from "../../tensor/parts.ts";
import { checkpoint, type Tensor, type Tree } from "../../tensor/core.ts";
import * as random from "../../tensor/functions/random/mod.ts";
import type { BatchStatistics } from "../layers/batch_norm.ts";
import type { DropOptions } from "../layers/drop.ts";
import { type Features, mapFeatures, valuesOf } from "../layers/features.ts";
import type { DTypeOption } from "../layers/initializer.ts";

/** What of a model that has a name may be another. */
export interface InputOptions {
  /** Channels of the images, such as 1 for grey ones; 3 if not given. */
  readonly inChannels?: number;
}

/**
 * The channels of a model's images.
 *
 * @param model The model.
 * @returns What it says; 3 if it says nothing.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { inChannelsOf, resnet18 } from "@tessera/tessera/nn";
 *
 * deepStrictEqual([resnet18(), resnet18({ inChannels: 1 })].map(inChannelsOf), [3, 1]);
 * ```
 */
export function inChannelsOf(model: Pick<Model, "inChannels">): number {
  return model.inChannels ?? 3;
}

/** Channels that a model is to take. */
export function requireChannels(operation: string, options: InputOptions): number {
  requireOptions(operation, options, { inChannels: true });
  const { inChannels = 3 } = options;
  if (Number.isSafeInteger(inChannels) && inChannels > 0) return inChannels;
  throw new RangeError(
    `Cannot make ${operation} as inChannels must be an integer of at least 1: current inChannels is ${inChannels}`,
  );
}

/** How a model is run. */
export interface ModelOptions {
  /** True: batch statistics, which the returned state takes in. Default false. */
  readonly train?: boolean;
  /** Random key of what is dropped; without one nothing is. */
  readonly key?: Tensor;
  /** Draws uniform numbers in [0, 1) for images, of a key; `random.uniform` if not given. */
  readonly uniform?: DropOptions["uniform"];
  /** Drop-path rate of the last block; it rises linearly from 0 at the first. Default 0. */
  readonly dropPath?: number;
  /**
   * True: what blocks compute inside is computed again for gradients instead of kept; a number: in so many stages, the first,
   * whose maps are the largest. Default false.
   */
  readonly checkpoint?: boolean | number;
  /** Parts, the stem and then stages, whose batch norms take running statistics in training too. Default 0. */
  readonly frozenParts?: number;
  /** Over what batch normalisation takes its statistics; over the batch if not given. */
  readonly statistics?: BatchStatistics;
}

/** Feature maps of a model, and its state afterwards. */
export interface ModelOutput<T extends Features> {
  /** One per scale, fine to coarse. */
  readonly features: readonly T[];
  /** Running statistics after this batch. */
  readonly state: Tree;
}

/**
 * A convolutional network with feature maps at several scales. Any record of this form can be pre-trained by SparK:
 * its maps must halve in size from one to the next, the last having the whole `stride`, a power of two. A model built
 * of the layers of this module takes dense and sparse input with the same parameters.
 */
export interface Model {
  /** Name in reports and checkpoints. */
  readonly name: string;
  /** Channels of the images; 3 if not given. */
  readonly inChannels?: number;
  /** Input pixels per cell of the coarsest map. */
  readonly stride: number;
  /** Channels of the maps, fine to coarse. */
  readonly channels: readonly number[];
  /** Normalisation that SparK puts before its mask tokens: batch norm, layer norm or none. */
  readonly densifyNorm: "bn" | "ln" | "none";
  /** What SparK's authors pre-train it with: drop-path rate and β2 of the moments. */
  readonly recipe: { readonly dropPath: number; readonly beta2: number };
  /** Makes parameters and state. */
  init(key: Tensor, options?: DTypeOption): { readonly params: Tree; readonly state: Tree };
  /** Runs the network on images `[B, H, W, inChannels]`, or on the visible blocks of such. */
  features<T extends Features>(params: Tree, state: Tree, x: T, options?: ModelOptions): ModelOutput<T>;
}

/** A model with a classification head. */
export interface Classifier extends Model {
  /** Makes the parameters of the head. */
  initHead(key: Tensor, options: DTypeOption & { readonly classes: number }): Tree;
  /**
   * Scores the classes of images.
   *
   * @param params `{ encoder, head }`: of `init` (or of pre-training) and of `initHead`.
   * @param state Of `init`, or of pre-training.
   * @param x Images `[B, H, W, inChannels]`, or visible blocks.
   * @param options As of `features`.
   * @returns `logits` `[B, classes]` and the state afterwards.
   */
  logits(
    params: { readonly encoder: Tree; readonly head: Tree },
    state: Tree,
    x: Features,
    options?: ModelOptions,
  ): { readonly logits: Tensor; readonly state: Tree };
}

/** What block `index` of `count` drops: its rate rises linearly from 0 to `dropPath`. */
export function blockDrop({ key, uniform, dropPath = 0 }: ModelOptions, index: number, count: number): DropOptions {
  const rate = count > 1 ? dropPath * index / (count - 1) : 0;
  return key && rate > 0 ? { rate, key: random.foldIn(key, index), ...uniform && { uniform } } : { rate };
}

/**
 * Runs a block of a network. Where `checkpoint` says so only what goes in and out of it is kept for the gradient, and the rest
 * is computed again there: less memory, one more forward pass.
 *
 * @param options How the model is run, and the number of the block's stage, from 0 on.
 * @param params Parameters of the block.
 * @param x What goes in, dense or sparse.
 * @param block The block. It may use other tensors, of which no gradient is wanted, such as running statistics.
 * @returns What the block returns.
 */
export function runBlock<P extends Tree, T extends Features, S extends Tree>(
  { checkpoint: thrifty = false, stage }: Pick<ModelOptions, "checkpoint"> & { readonly stage: number },
  params: P,
  x: T,
  block: (params: P, x: T) => { readonly output: T; readonly state: S },
): { readonly output: T; readonly state: S } {
  if (typeof thrifty === "number" ? stage >= thrifty : !thrifty) return block(params, x);
  const shapes: { output?: T } = {}; // pattern and block shape of the output, which hold no gradient
  const inner = checkpoint((params: P, values: Tensor) => {
    const { output, state } = block(params, mapFeatures(x, () => values));
    shapes.output ??= output;
    return { values: valuesOf(output), state };
  });
  const { values, state } = inner(params, valuesOf(x));
  return { output: mapFeatures(shapes.output!, () => values), state };
}
