/** @file How detectors are trained where the command line says nothing. */
import { modelEntry } from "../../train/model_file.ts";
import type { DetectOptions } from "./detect_options.ts";

/** What a recipe decides. */
export type DetectRecipe = Pick<
  DetectOptions,
  | "inputSize"
  | "transform"
  | "shorts"
  | "longest"
  | "testShort"
  | "jitterLeast"
  | "jitterMost"
  | "cropShare"
  | "variant"
  | "freezeAt"
  | "headNorm"
  | "precise"
  | "fpnChannels"
  | "anchorScale"
  | "canonicalScale"
  | "boxConvs"
  | "boxFcs"
  | "maskConvs"
  | "rpnBatch"
  | "roiBatch"
  | "preNms"
  | "postNms"
  | "batchSize"
  | "epochs"
  | "steps"
  | "baseLr"
  | "weightDecay"
  | "layerDecay"
  | "schedule"
  | "decayAt"
  | "decayFactor"
  | "clip"
  | "dropPath"
  | "warmupShare"
>;

const range = (first: number, last: number, step: number): string =>
  Array.from({ length: (last - first) / step + 1 }, (_, i) => first + i * step).join();

/** What SparK's authors do with ResNet-50 in detectron2 (1×: 90,000 steps of 16 images are 12.3 passes over COCO). */
const RESNET: DetectRecipe = {
  ...{ inputSize: [1024, 1024], transform: "edge", shorts: range(480, 896, 32), longest: 1333, testShort: 800 },
  ...{ jitterLeast: 0.1, jitterMost: 2, cropShare: 0 },
  ...{ variant: "detectron2", freezeAt: 0, headNorm: "batch", precise: 200 },
  ...{ fpnChannels: 256, anchorScale: 8, canonicalScale: 224 },
  ...{ boxConvs: "256,256,256,256", boxFcs: "1024", maskConvs: "256,256,256,256" },
  ...{ rpnBatch: 256, roiBatch: 512, preNms: "2000,1000", postNms: "1000,1000" },
  ...{ batchSize: 16, epochs: 12, steps: null, baseLr: 2.5e-4, weightDecay: 1e-4, layerDecay: 0.6 },
  ...{ schedule: "step", decayAt: "0.666667,0.888889", decayFactor: 0.25, clip: 0, dropPath: 0 },
  warmupShare: 1000 / 90000,
};

/** What they do with ConvNeXt-B in mmdetection (3×). */
const CONVNEXT: DetectRecipe = {
  ...RESNET,
  ...{ shorts: range(480, 800, 32), cropShare: 0.5, variant: "mmdetection", headNorm: "none", precise: 0 },
  ...{ boxConvs: "0", boxFcs: "1024,1024", epochs: 36, baseLr: 2e-4, weightDecay: 0.05, layerDecay: 0.65 },
  ...{ decayAt: "0.75,0.916667", decayFactor: 0.2, dropPath: 0.5, warmupShare: 500 / (36 * 7330) },
};

/** For networks of a few layers on small images: what two cores train in a quarter of an hour. Measured here, not the authors'. */
const TINY: DetectRecipe = {
  ...RESNET,
  ...{ inputSize: [64, 64], transform: "jitter", shorts: "64", longest: 128, testShort: 64 },
  ...{ jitterLeast: 0.6, jitterMost: 1.5, precise: 10, fpnChannels: 32, anchorScale: 6, canonicalScale: 64 },
  ...{ boxConvs: "0", boxFcs: "128", maskConvs: "32,32" },
  ...{ rpnBatch: 32, roiBatch: 32, preNms: "300,200", postNms: "150,100" },
  ...{ batchSize: 8, epochs: 20, baseLr: 4e-3, weightDecay: 0.02, layerDecay: 1, schedule: "cosine", clip: 5 },
  warmupShare: 0.05,
};

/** Steps of a run on the built-in scenes. */
const SCENE_STEPS = 560;

/** FREEZE_AT of detectron2's own recipes, whose norms are frozen: the stem and the first stage. */
const FROZEN_PARTS = 2;

/**
 * The recipe of a model.
 *
 * @param name Name of `modelEntry`.
 * @param given What else is known: `isBuiltIn` for the built-in scenes, `isFresh` for weights that are not pre-trained,
 * `isFrozen` for batch norms of the backbone that stay as they are.
 * @returns Its defaults.
 */
export function detectRecipe(
  name: string,
  { isBuiltIn, isFresh, isFrozen }: Readonly<Record<"isBuiltIn" | "isFresh" | "isFrozen", boolean>>,
): DetectRecipe {
  const { make, recipe: { steps } } = modelEntry(name);
  const isTiny = steps !== null; // jobs that are counted in steps
  const { densifyNorm } = make();
  const own = isTiny ? TINY : densifyNorm === "ln" ? CONVNEXT : RESNET;
  const small = isTiny
    ? { transform: "edge" as const }
    : { inputSize: [224, 224] as const, shorts: "224", longest: 224 };
  const scenes = isBuiltIn
    ? { ...small, ...isTiny ? {} : { testShort: 224, anchorScale: 4, canonicalScale: 96 }, steps: SCENE_STEPS }
    : {};
  const frozen = isFrozen && densifyNorm === "bn" ? { freezeAt: FROZEN_PARTS } : {};
  return { ...own, ...scenes, ...isFresh ? { layerDecay: 1 } : frozen };
}
