/** @file Scaling of the loss where float16 holds the gradients, so that small ones do not vanish. */
import { requireOptions } from "../tensor/kernel.ts";
import {
  abs,
  add,
  clip,
  full,
  greaterEqual,
  less,
  logicalAnd,
  logicalNot,
  mul,
  type Tensor,
  type Tree,
  treeMap,
  where,
} from "../tensor/mod.ts";
import type { LossScale } from "./train_state.ts";

/** Bounds of the scale. */
const [LEAST, MOST] = [1, 2 ** 24];

/** A state whose loss can be scaled: of pre-training or of fine-tuning. */
export interface Scalable {
  /** Parameters. */
  readonly params: Tree;
  /** Running statistics. */
  readonly state: Tree;
  /** Step counter and moments. */
  readonly optimizer: Tree;
  /** The factor; absent where gradients are float32. */
  readonly lossScale?: LossScale;
}

/** What a step returns. */
export interface ScalableOutput<T extends Scalable> {
  /** State after the step. */
  readonly train: T;
  /** Loss before the step, scalar. */
  readonly loss: Tensor;
  /** Norm of the gradient, scalar. */
  readonly gradientNorm: Tensor;
}

/**
 * Begins to scale losses.
 *
 * @param train A state.
 * @param options `scale`: the first factor; 65,536 if not given.
 * @returns The state with a scale: `trainStep` then multiplies the loss with it, and skips steps that overflow.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { tinyResnet } from "@tessera/tessera/nn";
 * import { init, pretrainOptimizer, startLossScale } from "@tessera/tessera/spark";
 * import { random } from "@tessera/tessera/tensor";
 *
 * const train = startLossScale(init(tinyResnet(), pretrainOptimizer({ learningRate: 1 }), random.key(0), { decoderWidth: 16 }));
 * equal(await train.lossScale!.scale.item(), 65536);
 * ```
 */
export function startLossScale<T extends Scalable>(
  train: T,
  options: { readonly scale?: number } = {},
): T & { readonly lossScale: LossScale } {
  requireOptions("startLossScale", options, { scale: true });
  const { scale = 2 ** 16 } = options;
  return { ...train, lossScale: { scale: full([], scale), steps: full([], 0, { dtype: "int32" }) } };
}

/**
 * Adapts a scale after a step: half after one that was not finite, at least 1; twice, at most 2^24, after many that were.
 *
 * @param before The scale of the step.
 * @param finite Whether its gradients were finite, bool scalar.
 * @param options `growEvery`: how many finite steps let it grow; 2,000 if not given.
 * @returns The scale of the next step.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { nextLossScale } from "@tessera/tessera/spark";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const before = { scale: tensor(1024), steps: tensor(7, { dtype: "int32" }) };
 * equal(await nextLossScale(before, tensor(false)).scale.item(), 512);
 * equal(await nextLossScale(before, tensor(true), { growEvery: 8 }).scale.item(), 2048);
 * ```
 */
export function nextLossScale(
  { scale, steps }: LossScale,
  finite: Tensor,
  options: { readonly growEvery?: number } = {},
): LossScale {
  requireOptions("nextLossScale", options, { growEvery: true });
  const { growEvery = 2000 } = options;
  const counted = add(steps, 1);
  const grows = logicalAnd(finite, greaterEqual(counted, growEvery));
  const factor = where(grows, 2, where(finite, full([], 1), 0.5));
  return {
    scale: clip(mul(scale, factor), LEAST, MOST),
    steps: where(logicalAnd(finite, logicalNot(grows)), counted, full([], 0, { dtype: "int32" })),
  };
}

/**
 * Undoes a step whose loss or gradient is not finite, but for its random key: the next one draws another mask. States
 * without a scale are left as they are.
 *
 * @param before State before the step.
 * @param out What the step returned.
 * @returns What it returns instead, with the scale of the next step.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { tinyResnet } from "@tessera/tessera/nn";
 * import { init, pretrainOptimizer, skipOverflow, startLossScale } from "@tessera/tessera/spark";
 * import { random, tensor } from "@tessera/tessera/tensor";
 *
 * const train = startLossScale(init(tinyResnet(), pretrainOptimizer({ learningRate: 1 }), random.key(0), { decoderWidth: 16 }));
 * const out = skipOverflow(train, { train, loss: tensor(1), gradientNorm: tensor(Infinity) });
 * equal(await out.train.lossScale!.scale.item(), 32768);
 * ```
 */
export function skipOverflow<T extends Scalable>(before: T, out: ScalableOutput<T>): ScalableOutput<T> {
  if (!before.lossScale) return out;
  const finite = logicalAnd(isFinite(out.loss), isFinite(out.gradientNorm));
  const choose = (after: Tensor, old: Tensor) => where(finite, after, old);
  const kept = ({ params, state, optimizer }: Scalable) => ({ params, state, optimizer });
  const chosen = treeMap(choose, kept(out.train) as Tree, kept(before) as Tree);
  return { ...out, train: { ...out.train, ...chosen as object, lossScale: nextLossScale(before.lossScale, finite) } };
}

/** Comparisons with NaN are false. */
function isFinite(x: Tensor): Tensor {
  return less(abs(x), 3.4e38);
}
