import { requireOptions } from "../../tensor/kernel.ts";
import {
  add,
  customVjp,
  type DType,
  mean,
  mul,
  ones,
  reshape,
  rsqrt,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
  zeros,
} from "../../tensor/mod.ts";
import { type Features, mapFeatures, valuesOf } from "./features.ts";
import type { DTypeOption } from "./initializer.ts";

/** Parameters of a normalisation. */
export interface NormParams {
  /** Scale, `[C]`. */
  readonly weight: Tensor;
  /** Shift, `[C]`. */
  readonly bias: Tensor;
}

/** What batch normalisation remembers for evaluation. */
export interface BatchNormState {
  /** Running mean, `[C]`. */
  readonly runningMean: Tensor;
  /** Running unbiased variance, `[C]`. */
  readonly runningVar: Tensor;
  /** Batches seen, int32 scalar. */
  readonly count: Tensor;
}

/** Options of `batchNorm`. */
export interface BatchNormOptions {
  /** True: statistics of this batch, which the returned state takes in. False: the running ones. */
  readonly train?: boolean;
  /** Added to the variance; 1e-5 if not given. */
  readonly epsilon?: number;
  /** Share of this batch in the running statistics; 0.1 if not given. */
  readonly momentum?: number;
}

/**
 * Makes the parameters and the state of a batch normalisation.
 *
 * @param channels C.
 * @param options Dtype, and the first scale (1 if not given).
 * @returns Parameters: scale and shift 0; state: mean 0, variance 1.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { initBatchNorm } from "@tessera/tessera/nn";
 *
 * deepStrictEqual(initBatchNorm(4).state.runningVar.shape, [4]);
 * ```
 */
export function initBatchNorm(
  channels: number,
  options: DTypeOption & { readonly scale?: 0 | 1 } = {},
): { readonly params: NormParams; readonly state: BatchNormState } {
  requireOptions("initBatchNorm", options, { dtype: true, scale: true });
  const { dtype = "float32", scale = 1 } = options;
  const constant = (value: 0 | 1, type: DType = dtype) => (value === 1 ? ones : zeros)([channels], { dtype: type });
  return {
    params: { weight: constant(scale), bias: constant(0) },
    state: { runningMean: constant(0), runningVar: constant(1), count: zeros([], { dtype: "int32" }) },
  };
}

/**
 * Normalises each channel over the batch and all positions; of sparse features over the active ones.
 * The batch is normalised by the biased variance, the running variance takes in the unbiased one, as in PyTorch.
 *
 * @param params Scale and shift, `[C]`.
 * @param state Running statistics.
 * @param x Features with C channels.
 * @param options Mode, epsilon, momentum.
 * @returns `output` of the shape of `x`, and the `state` after this batch (the given one in evaluation).
 * @throws {RangeError} In training, if a channel has fewer than two numbers.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { batchNorm, initBatchNorm } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const { params, state } = initBatchNorm(1);
 * const { output } = batchNorm(params, state, tensor([[1], [3]]), { train: true, epsilon: 0 });
 * deepStrictEqual(await output.data(), new Float32Array([-1, 1]));
 * ```
 */
export function batchNorm<T extends Features>(
  params: NormParams,
  state: BatchNormState,
  x: T,
  options: BatchNormOptions = {},
): { readonly output: T; readonly state: BatchNormState } {
  requireOptions("batchNorm", options, { train: true, epsilon: true, momentum: true });
  const { train = false, epsilon = 1e-5, momentum = 0.1 } = options;
  if (!train) return { output: mapFeatures(x, (values) => applyRunning(params, state, values, epsilon)), state };
  const values = valuesOf(x);
  const channels = values.shape.at(-1)!;
  const rows = values.shape.slice(0, -1).reduce((product, size) => product * size, 1);
  if (rows < 2) {
    throw new RangeError(
      `Cannot batchNorm as training needs two or more numbers a channel: current shape is [${values.shape.join(", ")}]`,
    );
  }
  const flat = reshape(values, [rows, channels]);
  const average = mean(flat, { axis: 0 }); // [C]
  const variance = mean(square(sub(flat, average)), { axis: 0 }); // [C], biased
  const output = reshape(normalize(params, flat, average, variance, epsilon), values.shape);
  const blend = (old: Tensor, now: Tensor) => add(mul(old, 1 - momentum), mul(stopGradient(now), momentum));
  return {
    output: mapFeatures(x, () => output),
    state: {
      runningMean: blend(state.runningMean, average),
      runningVar: blend(state.runningVar, mul(variance, rows / (rows - 1))),
      count: add(state.count, 1),
    },
  };
}

/** Normalisation by running statistics: one scale and one shift a channel. */
function applyRunning({ weight, bias }: NormParams, state: BatchNormState, x: Tensor, epsilon: number): Tensor {
  const scale = mul(weight, rsqrt(add(state.runningVar, epsilon)));
  return add(mul(sub(x, state.runningMean), scale), bias);
}

/**
 * Normalisation by the statistics of `x` `[rows, C]` itself, with the closed form of the pullback: two sums over the
 * rows, Σdy and Σdy·x̂, then dx = scale · (dy - Σdy / n - x̂ · Σdy·x̂ / n).
 */
function normalize(params: NormParams, x: Tensor, average: Tensor, variance: Tensor, epsilon: number): Tensor {
  const deviation = rsqrt(add(variance, epsilon)); // [C], 1 / σ
  const normalized = mul(sub(x, average), deviation); // [rows, C], x̂
  const f = customVjp(
    // The pullback of x is written below, with that through x̂.
    (_x: Tensor, weight: Tensor, bias: Tensor) => add(mul(stopGradient(normalized), weight), bias),
    ([_x, weight], _output, cotangent) => {
      const shiftGradient = sum(cotangent, { axis: 0 }); // [C]
      const scaleGradient = sum(mul(cotangent, normalized), { axis: 0 }); // [C]
      const share = 1 / x.shape[0]!;
      const centred = sub(sub(cotangent, mul(shiftGradient, share)), mul(normalized, mul(scaleGradient, share)));
      return [mul(centred, mul(weight, deviation)), scaleGradient, shiftGradient];
    },
  );
  return f(x, params.weight, params.bias);
}
