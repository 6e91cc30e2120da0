/** @file Every public operation, one row each, and what else the entries export. */
import * as kernel from "../../tensor/kernel.ts";
import * as nn from "../../nn/mod.ts";
import * as sparse from "../../sparse/mod.ts";
import * as tensor from "../../tensor/mod.ts";
import type { ConformanceRow } from "./row.ts";
import { ARRAYS } from "./rows/arrays.ts";
import { DETECTION_ROWS } from "./rows/detection.ts";
import { DRAWS } from "./rows/draws.ts";
import { ELEMENTWISE } from "./rows/elementwise.ts";
import { LAYER_ROWS } from "./rows/layers.ts";
import { PLACES } from "./rows/places.ts";
import { PRODUCT_ROWS } from "./rows/products.ts";
import { PROGRAM_ROWS } from "./rows/programs.ts";
import { SPARSE_ROWS } from "./rows/sparse.ts";

/** One row for each public operation. */
export const TABLE: readonly ConformanceRow[] = [
  ...[...ELEMENTWISE, ...ARRAYS, ...PLACES, ...PRODUCT_ROWS],
  ...[...DRAWS, ...PROGRAM_ROWS, ...LAYER_ROWS, ...DETECTION_ROWS, ...SPARSE_ROWS],
];

/** Functions of the entries that are no operations on tensors, by what they are. */
export const OTHERS: Readonly<Record<string, readonly string[]>> = {
  transformations: [
    ...["grad", "valueAndGrad", "vjp", "jvp", "linearize", "jacfwd", "jacrev", "hessian", "vmap", "jit"],
    ...["evalShape", "makeProgram", "checkpointName", "savedResiduals"],
  ],
  devices: [
    ...["openDevice", "defaultDevice", "setDefaultDevice", "cpuDevice", "webgpuDevice", "referenceDevice"],
    ...["toDevice", "evaluate", "registerDevice", "realize", "bufferOf", "leafSource", "leaf", "bind"],
    ...["adapterName", "parseTuning", "tuneWebgpu", "tuningText", "launchTeller", "workOf", "readRing"],
    ...["adapterHere", "profile", "tune"],
  ],
  "trees and specs": [
    ...["treeFlatten", "treeLeaves", "treeMap", "treePaths", "treeUnflatten", "sizeOf", "promoteTypes", "einsumPath"],
  ],
  checks: ["checkGrads", "debugNans", "firstNotFinite"],
  errors: ["CollectiveError", "DeviceError", "ShapeError"],
  classes: ["Static", "Tensor"],
  collectives: ["alone", "threads", "joinThreads"],
  "for those who write kernels": [
    ...["castScalar", "literal", "op", "convParams", "onEach", "requireWhole", "requireDType", "requireOptions"],
    ...["requireFunction", "requireKind", "requireList", "requireTensors"],
    ...["requireTensor", "shown", "textOf", "sameShape", "stridesOf", "tupleOf", "holds", "inputsIn", "threefry"],
    ...[
      "windowCount",
      "windowMap",
      "appendRow",
      "emptyRing",
      "customKernel",
      "asFloating",
      "matrixLoops",
      "once",
      "shareOf",
    ],
  ],
};

/** Functions of `nn` that are no operations on tensors, by what they are. */
export const OTHERS_OF_NN: Readonly<Record<string, readonly string[]>> = {
  parameters: [
    ...["initBatchNorm", "initConv2d", "initConvTranspose2d", "initEmbedding", "initGlobalResponseNorm", "initGru"],
    ...["initLayerNorm", "initLinear", "initLstm", "initMultiHeadAttention", "initSqueezeExcite", "kaimingNormal"],
    ...["smallNormal", "torchUniform", "zeroInitializer"],
  ],
  detectors: ["anchorOptionsOf", "detect", "detectionLosses", "detector", "initFpn", "isFrozen"],
  errors: ["BatchStatisticsError"],
  features: ["isSparse", "mapFeatures", "shapeOf", "valuesOf"],
  models: [
    ...[
      "convnext",
      "convnextBase",
      "convnextLarge",
      "convnextSmall",
      "convnextTiny",
      "resnet",
      "resnet101",
      "resnet152",
    ],
    ...["inChannelsOf", "resnet18", "resnet200", "resnet34", "resnet50", "tinyResnet"],
  ],
  optimizers: [
    ...[
      "adam",
      "adamw",
      "addDecayedWeights",
      "applyUpdates",
      "chain",
      "clipByGlobalNorm",
      "clipByValue",
      "ema",
      "lamb",
    ],
    ...[
      "layerGroups",
      "layerScales",
      "leafwise",
      "lion",
      "momentsOf",
      "multiSteps",
      "muon",
      "namesOf",
      "notNormOrBias",
    ],
    ...["partition", "rmsprop", "scaleByAdam", "scaleByLayer", "scaleByLearningRate", "scaleByLion", "scaleByMuon"],
    ...["scaleByRms", "scaleByTrustRatio", "sgd", "trace", "withMoments"],
  ],
  schedules: [
    ...["constantSchedule", "cosineSchedule", "cosineWeightDecay", "exponentialSchedule", "joinSchedules"],
    ...["oneCycleSchedule", "piecewiseConstantSchedule", "polynomialSchedule", "warmupCosine"],
  ],
};

/** Functions of `sparse` that are no operations on tensors, by what they are. */
export const OTHERS_OF_SPARSE: Readonly<Record<string, readonly string[]>> = {
  patterns: [
    ...["sparse.fullPattern", "sparse.patternFromIndices", "sparse.patternFromMask", "sparse.samePattern"],
    ...["sparse.concretePattern", "sparse.coverageOf"],
  ],
  "tables of patterns": ["sparse.lookupTable", "sparse.neighbourTable", "sparse.kernelMap"],
  "sizes and room": ["sparse.shapeOf", "coo.shapeOf", "coo.compact"],
};

/** Names of the functions of an entry. */
const functionsOf = (entry: object, prefix = ""): readonly string[] =>
  Object.entries(entry).filter(([, value]) => typeof value === "function").map(([name]) => `${prefix}${name}`);

/** Names of all public functions on tensors. */
export function publicFunctions(): readonly string[] {
  const spaces = [["linalg.", tensor.linalg], ["fft.", tensor.fft], ["random.", tensor.random]] as const;
  const names = [
    ...functionsOf(tensor),
    ...functionsOf(kernel),
    ...functionsOf(nn, "nn.").filter((name) => !(name.slice(3) in kernel)),
    ...functionsOf(sparse, "sparse."),
    ...functionsOf(sparse.coo, "coo."),
    ...spaces.flatMap(([prefix, space]) => functionsOf(space, prefix)),
  ];
  return [...new Set(names)];
}
