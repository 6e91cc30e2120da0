import { requireOptions } from "../../tensor/parts.ts";
import {
  add,
  div,
  matmul,
  mul,
  reshape,
  sizeOf,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  transpose,
} from "../../tensor/core.ts";
import { addDecayedWeights } from "./add_decayed_weights.ts";
import { chain, type Optimizer } from "./chain.ts";
import { partition } from "./partition.ts";
import { type AdamOptions, scaleByAdam } from "./scale_by_adam.ts";
import { scaleByLearningRate } from "./scale_by_learning_rate.ts";
import { requireWithin, type Schedule } from "./schedule.ts";
import { type GradientTransformation, leafwise, type ParameterMask } from "./transformation.ts";

/** Options of `scaleByMuon`. */
export interface MuonMomentOptions {
  /** Share of the velocity that the next step keeps; 0.95 if not given. */
  readonly momentum?: number;
  /** True, the default: the step looks ahead along the velocity. */
  readonly nesterov?: boolean;
  /** Iterations of Newton and Schulz; 5 if not given. */
  readonly iterations?: number;
}

/** Coefficients of the quintic whose iteration drives singular values to about 1 (Jordan 2024). */
const [A, B, C] = [3.4445, -4.7750, 2.0315];

/** The nearest matrix with orthogonal rows or columns, roughly: singular values end in about [0.7, 1.2]. */
function orthogonalized(matrix: Tensor, iterations: number): Tensor {
  const [rows, columns] = matrix.shape as readonly [number, number];
  const tall = rows > columns;
  let x = tall ? transpose(matrix) : matrix;
  x = div(x, add(sqrt(sum(square(x))), 1e-7));
  for (let i = 0; i < iterations; i++) {
    const gram = matmul(x, transpose(x)); // [m, m], m the shorter side
    const mixed = add(mul(gram, B), mul(matmul(gram, gram), C));
    x = add(mul(x, A), matmul(mixed, x));
  }
  return tall ? transpose(x) : x;
}

/**
 * Makes the velocity of each matrix orthogonal (Jordan et al. 2024, Muon): every direction is learnt at one speed. The
 * formula is that of PyTorch's `Muon`, scaled by `√max(1, out / in)`. Weights of convolutions are taken as matrices
 * `[kernel · in, out]`.
 *
 * @param options Momentum, iterations.
 * @returns The transformation. It keeps the `velocity`.
 * @throws {RangeError} When it is first used, if a parameter has fewer than two axes, with its name.
 * @throws {TypeError} If a setting is no number of its range, or no schedule where it may be one.
 *
 * @example Usage
 * ```ts
 * import { ok } from "node:assert/strict";
 * import { chain, scaleByMuon } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const rule = chain(scaleByMuon());
 * const params = { w: tensor([[0, 0], [0, 0]]) };
 * const [{ w }] = rule.update({ w: tensor([[4, 0], [0, 0.5]]) }, rule.init(params), params);
 * const [large, , , small] = await w.data();
 * ok(large! / small! < 2); // 8 before
 * ```
 */
export function scaleByMuon(
  options: MuonMomentOptions = {},
): GradientTransformation {
  requireOptions("scaleByMuon", options, { momentum: true, nesterov: true, iterations: true });
  const { momentum = 0.95, nesterov = true, iterations = 5 } = options;
  requireWithin("scaleByMuon", { momentum, iterations });
  return leafwise(["velocity"], ({ update, param, name, kept }) => {
    if (param.shape.length < 2) {
      throw new RangeError(
        `Cannot scaleByMuon as parameters must be matrices (partition gives others to another rule): current shape of ` +
          `${name} is [${param.shape.join(", ")}]`,
      );
    }
    const velocity = add(kept.velocity!, mul(sub(update, kept.velocity!), 1 - momentum));
    const ahead = nesterov ? add(update, mul(sub(velocity, update), momentum)) : velocity;
    const columns = param.shape.at(-1)!;
    const rows = sizeOf(param.shape) / columns;
    const turned = orthogonalized(reshape(ahead, [rows, columns]), iterations);
    const scaled = mul(turned, Math.sqrt(Math.max(1, columns / rows)));
    return { update: reshape(scaled, param.shape), kept: { velocity } };
  });
}

/** Options of `muon`. */
export interface MuonOptions extends MuonMomentOptions {
  /** Rate, or a schedule of it; 0.02 is usual for matrices. */
  readonly learningRate: number | Schedule;
  /** Decay of the parameters, or a schedule of it; 0.1 if not given, as in PyTorch. */
  readonly weightDecay?: number | Schedule;
  /** Which parameters decay; all if not given. */
  readonly mask?: ParameterMask;
  /** Which parameters are matrices to be made orthogonal; those of two axes and more if not given. */
  readonly matrices?: ParameterMask;
  /** Adam, for the others. */
  readonly adam?: AdamOptions;
}

/**
 * Muon for matrices and Adam for the rest, with decoupled weight decay.
 *
 * @param options Rate, momentum, weight decay, which parameters are matrices.
 * @returns The optimizer.
 * @throws {TypeError} If a setting is no number of its range, or no schedule where it may be one.
 *
 * @example Usage
 * ```ts
 * import { ok } from "node:assert/strict";
 * import { applyUpdates, muon } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const optimizer = muon({ learningRate: 0.02 });
 * const params = { weight: tensor([[1, 0], [0, 1]]), bias: tensor([0, 0]) };
 * const gradients = { weight: tensor([[1, 0], [0, 1]]), bias: tensor([1, 1]) };
 * const [updates] = optimizer.update(gradients, optimizer.init(params), params);
 * ok((await applyUpdates(params, updates).bias.data())[0]! < 0);
 * ```
 */
export function muon(options: MuonOptions): Optimizer {
  requireOptions("muon", options, {
    learningRate: true,
    weightDecay: true,
    mask: true,
    matrices: true,
    adam: true,
    momentum: true,
    nesterov: true,
    iterations: true,
  });
  const { learningRate, weightDecay = 0.1, mask, adam, ...moments } = options;
  const { matrices = (_name: string, param: Tensor) => param.shape.length >= 2, ...own } = moments;
  return chain(
    partition(
      { muon: scaleByMuon(own), adam: scaleByAdam(adam) },
      (name, param) => matrices(name, param) ? "muon" : "adam",
    ),
    ...weightDecay === 0 ? [] : [addDecayedWeights(weightDecay, { mask })],
    scaleByLearningRate(learningRate),
  );
}
