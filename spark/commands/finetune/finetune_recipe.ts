/** @file How models are fine-tuned where the command line says nothing. */
import { modelEntry } from "../../train/model_file.ts";
import type { RecipeOptions } from "./finetune_options.ts";

/** Defaults of fine-tuning. */
export interface FinetuneRecipe extends RecipeOptions {
  /** Share of the run that the warm-up takes. */
  readonly warmupShare: number;
}

/** What SparK's authors do with ResNet-50, but for the batch. */
const RESNET: FinetuneRecipe = {
  batchSize: 32,
  epochs: 300,
  warmupShare: 5 / 300,
  optimizer: "lamb",
  loss: "bce",
  baseLr: 2e-3,
  weightDecay: 0.02,
  layerDecay: 0.7,
  dropPath: 0.05,
  mixup: 0.1,
  cutmix: 1,
  cropScale: 0.08,
  augment: "trivial",
  erase: 0.25,
  repeats: 1,
  ema: 0.9999,
};

/** Theirs for larger ResNets. */
const LARGE_RESNET: FinetuneRecipe = { ...RESNET, baseLr: 1e-3, layerDecay: 0.8, dropPath: 0.2 };

/** Theirs for ConvNeXt-S, but for the batch. */
const CONVNEXT: FinetuneRecipe = {
  ...RESNET,
  epochs: 400,
  warmupShare: 20 / 400,
  optimizer: "adamw",
  loss: "ce",
  baseLr: 2e-4,
  weightDecay: 0.01,
  dropPath: 0.3,
  mixup: 0.8,
  repeats: 3,
};

/** For networks of a few layers, which need little regularisation; measured here, not the authors'. */
const TINY: FinetuneRecipe = {
  ...RESNET,
  batchSize: 64,
  epochs: 20,
  warmupShare: 0.1,
  optimizer: "adamw",
  loss: "ce",
  baseLr: 0.02,
  weightDecay: 0.05,
  layerDecay: 1,
  dropPath: 0,
  mixup: 0,
  cutmix: 0,
  cropScale: 0.35,
  augment: "none",
  erase: 0,
  ema: null,
};

const RECIPES: Readonly<Record<string, FinetuneRecipe>> = {
  resnet101: LARGE_RESNET,
  resnet152: LARGE_RESNET,
  resnet200: LARGE_RESNET,
  "convnext_tiny": CONVNEXT,
  "convnext_small": CONVNEXT,
  "convnext_base": { ...CONVNEXT, baseLr: 1e-4, dropPath: 0.4 },
  "convnext_large": { ...CONVNEXT, epochs: 200, baseLr: 1e-4, weightDecay: 0.02, dropPath: 0.5 },
};

/**
 * The recipe of a model.
 *
 * @param name Name of `modelEntry`.
 * @param inputSize Height and width: ConvNeXt-L has a second recipe from 384 pixels on.
 * @returns Its defaults; those of ResNet-50 for its smaller sisters.
 */
export function finetuneRecipe(name: string, inputSize: readonly [number, number]): FinetuneRecipe {
  const isTiny = modelEntry(name).recipe.steps !== null; // jobs that are counted in steps
  const recipe = isTiny ? TINY : RECIPES[name] ?? RESNET;
  const isSecond = name === "convnext_large" && Math.min(...inputSize) >= 384;
  return isSecond ? { ...recipe, warmupShare: 0.1, baseLr: 6e-5, weightDecay: 0.01, ema: 0.99995 } : recipe;
}
