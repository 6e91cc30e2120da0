import { requireBatchNorm } from "./require_params.ts";
import { requireOptions } from "../../tensor/parts.ts";
import {
  add,
  allReduce,
  alone,
  type Collective,
  customVjp,
  div,
  type DType,
  full,
  mean,
  mul,
  ones,
  reshape,
  rsqrt,
  type Shape,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
  zeros,
} from "../../tensor/core.ts";
import { channelsOf, type Features, mapFeatures, requireFeatures, valuesOf } from "./features.ts";
import type { DTypeOption } from "./initializer.ts";
import { joinedMoments } from "./joined_moments.ts";

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

/** Over what batch normalisation takes its statistics in training; over the batch at hand if nothing is given. */
export interface BatchStatistics {
  /** Over the batches of all these processes together, whose sizes may differ: synchronised batch normalisation. */
  readonly collective?: Collective;
  /**
   * Over so many equal parts of the batch, each by itself; the running statistics take in the mean of theirs. So one process
   * computes what several would that do not synchronise. 1 if not given.
   */
  readonly parts?: number;
}

/** Options of `batchNorm`. */
export interface BatchNormOptions extends BatchStatistics {
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

/** A channel has a single number in training, of which there is no variance; or the parts of a batch are not equal. */
export class BatchStatisticsError extends RangeError {
  /** Shape of what was to be normalised. */
  readonly shape: Shape;

  /**
   * Names the shape.
   *
   * @param x What was to be normalised.
   * @param parts Parts of the batch.
   */
  constructor({ shape }: Pick<Tensor, "shape">, parts: number) {
    super(
      "Cannot batchNorm as training needs two or more numbers a channel, as many in each part: current shape is " +
        `[${shape.join(", ")}], number of parts is ${parts}; take more images, or larger ones`,
    );
    this.shape = shape;
  }
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
 * @throws {BatchStatisticsError} In training, if a channel has fewer than two numbers, or the parts are not equal.
 * @throws {ShapeError} If a parameter is not of the shape that the channels ask for.
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
  requireOptions("batchNorm", options, { train: true, epsilon: true, momentum: true, collective: true, parts: true });
  requireFeatures("batchNorm", x);
  requireBatchNorm("batchNorm", params, state, channelsOf(x));
  const { train = false, epsilon = 1e-5, momentum = 0.1, ...over } = options;
  if (!train) return { output: mapFeatures(x, (values) => applyRunning(params, state, values, epsilon)), state };
  const values = valuesOf(x);
  const found = momentsOf(values, over);
  const output = reshape(normalize(params, found, epsilon), values.shape);
  const blend = (old: Tensor, now: Tensor) => add(mul(old, 1 - momentum), mul(stopGradient(now), momentum));
  return {
    output: mapFeatures(x, () => output),
    state: {
      runningMean: blend(state.runningMean, found.ofParts(found.average, mean)),
      runningVar: blend(state.runningVar, found.ofParts(found.unbiased, mean)),
      count: add(state.count, 1),
    },
  };
}

/** What a batch is normalised by. */
interface Moments {
  /** The batch, `[rows, C]`, or `[parts, rows, C]`. */
  readonly flat: Tensor;
  /** `[C]`, or `[parts, 1, C]`. */
  readonly average: Tensor;
  /** Biased. */
  readonly variance: Tensor;
  readonly unbiased: Tensor;
  /** One over the numbers that each is of: known, or of all processes. */
  readonly share: number | Tensor;
  /** Sums over the own rows, then over those of all processes. */
  readonly sums: (...terms: readonly Tensor[]) => readonly Tensor[];
  readonly together: (sums: readonly Tensor[]) => readonly Tensor[];
  /** What the parts have, as one, `[C]`. */
  readonly ofParts: (x: Tensor, combine: typeof mean) => Tensor;
}

function momentsOf(values: Tensor, { collective = alone(), parts = 1 }: BatchStatistics): Moments {
  const channels = values.shape.at(-1)!;
  const all = values.shape.slice(0, -1).reduce((product, size) => product * size, 1);
  const rows = all / parts;
  if ((rows < 2 && collective.size === 1) || !Number.isInteger(rows)) throw new BatchStatisticsError(values, parts);
  const flat = reshape(values, parts === 1 ? [rows, channels] : [parts, rows, channels]);
  const reduction = parts === 1 ? { axis: 0 } : { axis: 1, keepDims: true };
  const own = {
    flat,
    sums: (...terms: readonly Tensor[]) => terms.map((term) => sum(term, reduction)),
    together: (sums: readonly Tensor[]) => allReduce(sums, collective),
    ofParts: (x: Tensor, combine: typeof mean) => parts === 1 ? x : combine(x, { axis: [0, 1] }),
  };
  if (collective.size > 1) return { ...own, ...sharedMoments(own, collective, rows) };
  const average = mean(flat, reduction);
  const variance = mean(square(sub(flat, average)), reduction);
  return { ...own, average, variance, unbiased: mul(variance, rows / (rows - 1)), share: 1 / rows };
}

/** Moments of the rows of all processes. */
function sharedMoments({ flat, sums }: Pick<Moments, "flat" | "sums">, collective: Collective, rows: number) {
  const means = div(sums(flat)[0]!, rows);
  const [squares] = sums(square(sub(flat, means))) as [Tensor];
  const count = full([1], rows, { dtype: flat.dtype });
  const all = joinedMoments({ means, squares, count }, collective);
  return { ...all, unbiased: mul(all.variance, div(all.count, sub(all.count, 1))), share: div(1, all.count) };
}

/** Normalisation by running statistics: one scale and one shift a channel. */
function applyRunning({ weight, bias }: NormParams, state: BatchNormState, x: Tensor, epsilon: number): Tensor {
  const scale = mul(weight, rsqrt(add(state.runningVar, epsilon)));
  return add(mul(sub(x, state.runningMean), scale), bias);
}

/**
 * Normalisation by the statistics of the batch itself, with the closed form of the pullback: two sums over the rows, Σdy and
 * Σdy·x̂, then dx = scale · (dy - Σdy / n - x̂ · Σdy·x̂ / n). The gradients of scale and shift are those of the own rows.
 */
function normalize(params: NormParams, { flat, average, variance, share, ...of }: Moments, epsilon: number): Tensor {
  const deviation = rsqrt(add(variance, epsilon)); // [C], 1 / σ
  const normalized = mul(sub(flat, average), deviation); // [rows, C], x̂
  const f = customVjp(
    // The pullback of x is written below, with that through x̂.
    (_x: Tensor, weight: Tensor, bias: Tensor) => add(mul(stopGradient(normalized), weight), bias),
    ([_x, weight], _output, cotangent) => {
      const own = of.sums(cotangent, mul(cotangent, normalized)) as [Tensor, Tensor]; // [C]
      const [shiftGradient, scaleGradient] = of.together(own) as [Tensor, Tensor];
      const centred = sub(sub(cotangent, mul(shiftGradient, share)), mul(normalized, mul(scaleGradient, share)));
      return [mul(centred, mul(weight, deviation)), of.ofParts(own[1], sum), of.ofParts(own[0], sum)];
    },
  );
  return f(flat, params.weight, params.bias);
}
