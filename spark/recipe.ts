/** @file The optimizers of SparK's recipes: whose moments, clip and weight decay they have. */
import { requireOptions } from "../tensor/kernel.ts";
import type { Tensor } from "../tensor/mod.ts";
import {
  adamw,
  chain,
  clipByGlobalNorm,
  isFrozen,
  lamb,
  notNormOrBias,
  type Optimizer,
  scaleByLayer,
  type Schedule,
  sgd,
  TORCH_CLIP_EPSILON,
} from "../nn/mod.ts";

/**
 * Tells to which parameters SparK's weight decay applies: to matrices and kernels, not to biases, scales and tokens.
 *
 * @param name Name of the parameter, ours or the official one.
 * @param param The parameter, or its shape.
 * @returns False for one axis or none, for names that end with `bias`, and for class tokens, position embeddings, mask
 * tokens and layer scales.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { decays } from "@tessera/tessera/spark";
 *
 * const [kernel, scale] = [{ shape: [3, 3, 8, 8] }, { shape: [8] }];
 * deepStrictEqual(
 *   [decays("conv1.weight", kernel), decays("bn1.weight", scale), decays("mask_tokens.0", kernel)],
 *   [true, false, false],
 * );
 * ```
 */
export function decays(name: string, param: Pick<Tensor, "shape">): boolean {
  return notNormOrBias(name, param) && !/cls_?token|pos_?embed|mask_?token|gamma/i.test(name);
}

/** Options of `pretrainOptimizer`. */
export interface PretrainOptimizerOptions {
  /** Rate, or a schedule of it. */
  readonly learningRate: number | Schedule;
  /** Decay of the parameters that `decays` names, or a schedule of it; 0.04 if not given. */
  readonly weightDecay?: number | Schedule;
  /** Decay of the second moment; 0.95 if not given, as SparK has it for ResNets (0.999 for ConvNeXts). */
  readonly b2?: number;
  /** Largest norm of all gradients together; 5 if not given. */
  readonly maxGradientNorm?: number;
  /** SparK's LAMB, or one of its alternatives; `lamb` if not given. */
  readonly rule?: "lamb" | "adamw" | "sgd";
}

/**
 * The optimizer of pre-training as SparK's authors have it: gradients clipped at norm 5, weight decay of matrices and
 * kernels alone; LAMB, or AdamW, or SGD with Nesterov's momentum 0.9.
 *
 * @param options Rate, and what differs from the authors' settings.
 * @returns The optimizer.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { momentsOf } from "@tessera/tessera/nn";
 * import { pretrainOptimizer } from "@tessera/tessera/spark";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const state = pretrainOptimizer({ learningRate: 1e-3 }).init({ weight: tensor([[1, 2]]) });
 * deepStrictEqual(Object.keys(momentsOf(state).moments), ["first", "second"]);
 * ```
 */
export function pretrainOptimizer(options: PretrainOptimizerOptions): Optimizer {
  requireOptions("pretrainOptimizer", options, {
    learningRate: true,
    weightDecay: true,
    b2: true,
    maxGradientNorm: true,
    rule: true,
  });
  const { learningRate, weightDecay = 0.04, b2 = 0.95, maxGradientNorm = 5, rule = "lamb" } = options;
  const shared = { learningRate, weightDecay, mask: decays };
  if (rule === "lamb") return lamb({ ...shared, b2, maxGradientNorm });
  return chain(
    clipByGlobalNorm(maxGradientNorm, { epsilon: TORCH_CLIP_EPSILON }),
    rule === "adamw" ? adamw({ ...shared, b2 }) : sgd({ ...shared, momentum: 0.9, nesterov: true }),
  );
}

/** Options of `finetuneOptimizer`. */
export interface FinetuneOptimizerOptions {
  /** Rate of the head, or a schedule of it. */
  readonly learningRate: number | Schedule;
  /** Decay of the parameters that `decays` names. */
  readonly weightDecay: number;
  /** Factor of the rate between neighbouring groups of layers, in (0, 1]; 1 if not given. */
  readonly layerDecay?: number;
  /** LAMB as for ResNets, or AdamW as for ConvNeXts; `lamb` if not given. */
  readonly rule?: "lamb" | "adamw";
}

/**
 * The optimizer of fine-tuning as SparK's authors have it: no clipping, β2 0.999, rates decayed by layer; LAMB scales
 * every parameter and does not correct the moments.
 *
 * @param options Rate, weight decay, and layer decay.
 * @returns The optimizer, for parameters that are a record of `encoder` and `head`.
 * @throws {RangeError} If the layer decay is out of range.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { finetuneOptimizer } from "@tessera/tessera/spark";
 *
 * equal(finetuneOptimizer({ learningRate: 1e-3, weightDecay: 0.02, layerDecay: 0.7 }).links.length, 5);
 * ```
 */
export function finetuneOptimizer(
  options: FinetuneOptimizerOptions,
): Optimizer {
  requireOptions("finetuneOptimizer", options, { learningRate: true, weightDecay: true, layerDecay: true, rule: true });
  const { learningRate, weightDecay, layerDecay = 1, rule = "lamb" } = options;
  const shared = { learningRate, weightDecay, mask: decays };
  return chain(
    rule === "adamw"
      ? adamw(shared)
      : lamb({ ...shared, biasCorrected: false, alwaysAdapts: true, maxGradientNorm: null }),
    scaleByLayer(layerDecay),
  );
}

/** Options of `detectionOptimizer`. */
export interface DetectionOptimizerOptions {
  /** Rate of the heads, or a schedule of it. */
  readonly learningRate: number | Schedule;
  /** Weight decay. */
  readonly weightDecay: number;
  /** Factor of the rate between neighbouring groups of layers of the backbone, in (0, 1]; 1 if not given. */
  readonly layerDecay?: number;
  /**
   * What does not decay: parameters of `norms`, as in SparK's ResNet-50 recipe of detectron2, or all `vectors`, biases too, as in
   * its ConvNeXt recipe of mmdetection; `vectors` if not given.
   */
  readonly without?: "norms" | "vectors";
  /** Parts of the backbone that are not learned, as of `detector`: they do not decay either. 0 if not given. */
  readonly freezeAt?: number;
  /** Largest norm of all gradients together; none if not given. */
  readonly maxGradientNorm?: number | null;
}

/** Biases beside weights of one layer: those of norms stand in a record named after it. */
function decaysBesideNorms(name: string, param: Pick<Tensor, "shape">): boolean {
  return decays(name, param) || (/bias$/.test(name) && !/(^|\.)(bn\d*|norm\w*|downsample)\./.test(name));
}

const BACKBONE = "backbone.";

/**
 * The optimizer of detectors as SparK's authors have it: AdamW of β 0.9 and 0.999, rates of the backbone decayed by layer.
 *
 * @param options Rate, weight decay, layer decay.
 * @returns The optimizer, for parameters of a detector.
 * @throws {RangeError} If the layer decay is out of range.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { detectionOptimizer } from "@tessera/tessera/spark";
 *
 * const { links } = detectionOptimizer({ learningRate: 2.5e-4, weightDecay: 1e-4, layerDecay: 0.6, without: "norms" });
 * equal(links.length > 2, true);
 * ```
 */
export function detectionOptimizer(options: DetectionOptimizerOptions): Optimizer {
  requireOptions("detectionOptimizer", options, {
    ...{ learningRate: true, weightDecay: true, layerDecay: true, without: true, freezeAt: true },
    maxGradientNorm: true,
  });
  const { learningRate, weightDecay, layerDecay = 1, without = "vectors", freezeAt = 0 } = options;
  const { maxGradientNorm = null } = options;
  const decaying = without === "norms" ? decaysBesideNorms : decays;
  const isStill = (name: string) => name.startsWith(BACKBONE) && isFrozen(name.slice(BACKBONE.length), freezeAt);
  const own = [
    adamw({ learningRate, weightDecay, mask: (name, param) => !isStill(name) && decaying(name, param) }),
    scaleByLayer(layerDecay, { encoder: "backbone", secondStage: "one" }),
  ] as const;
  if (maxGradientNorm === null) return chain(...own);
  return chain(clipByGlobalNorm(maxGradientNorm, { epsilon: TORCH_CLIP_EPSILON }), ...own);
}
