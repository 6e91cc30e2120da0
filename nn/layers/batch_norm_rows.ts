/** @file Batch normalisation of batches whose last rows are filling: statistics over those that count. */
import {
  add,
  allReduce,
  alone,
  broadcastTo,
  cast,
  type Collective,
  customVjp,
  div,
  greaterEqual,
  maximum,
  mul,
  reshape,
  rsqrt,
  type Shape,
  ShapeError,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
  where,
} from "../../tensor/core.ts";
import { type OptionNames, requireOptions, requireTensor } from "../../tensor/parts.ts";
import { batchNorm, type BatchNormOptions, type BatchNormState, type NormParams } from "./batch_norm.ts";
import { channelsOf } from "./features.ts";
import { joinedMoments } from "./joined_moments.ts";
import { requireBatchNorm } from "./require_params.ts";

/** Options of `batchNormOfRows`. */
export interface BatchNormRowsOptions extends Omit<BatchNormOptions, "parts"> {
  /** bool or int32 `[N]`: rows that count. */
  readonly valid: Tensor;
}

/** All options. */
const NAMES = {
  ...{ valid: true, train: true, epsilon: true, momentum: true },
  collective: true,
} satisfies OptionNames<BatchNormRowsOptions>;

/** What a batch is normalised by, `[C]` each, and the numbers that it is of. */
interface Statistics {
  readonly average: Tensor;
  readonly variance: Tensor;
  /** How many numbers of a channel count, at least 1; a scalar. */
  readonly count: Tensor;
  /** 1 where statistics of this batch are taken, 0 where there are too few numbers; a scalar. */
  readonly own: Tensor;
  /** 1 for positions that count, `[rows, 1]`. */
  readonly counts: Tensor;
}

/**
 * `batchNorm` of a batch of fixed size of which only some rows count, such as sampled regions of images: statistics,
 * gradients and running statistics are those of the rows that count alone, of all processes if they synchronise: some may have
 * none. With fewer than two numbers a channel the running statistics are used and stay as they are; the batch is counted.
 *
 * @param params Scale and shift, `[C]`.
 * @param state Running statistics.
 * @param x `[N, ..., C]`. What stands in rows that do not count is without effect.
 * @param options Which rows count, mode, epsilon, momentum, processes whose rows count too.
 * @returns `output` of the shape of `x`, and the `state` after this batch.
 * @throws {ShapeError} If `valid` is not `[N]`.
 * @throws {ShapeError} If a parameter is not of the shape that the channels ask for.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { batchNormOfRows, initBatchNorm } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const { params, state } = initBatchNorm(1);
 * const valid = tensor([1, 1, 0], { dtype: "int32" });
 * const { output } = batchNormOfRows(params, state, tensor([[1], [3], [99]]), { valid, train: true, epsilon: 0 });
 * deepStrictEqual((await output.data()).slice(0, 2), new Float32Array([-1, 1]));
 * ```
 */
export function batchNormOfRows(
  params: NormParams,
  state: BatchNormState,
  x: Tensor,
  options: BatchNormRowsOptions,
): { readonly output: Tensor; readonly state: BatchNormState } {
  requireOptions("batchNormOfRows", options, NAMES);
  requireTensor("batchNormOfRows", "x", x);
  requireBatchNorm("batchNormOfRows", params, state, channelsOf(x));
  const { valid, train = false, epsilon = 1e-5, momentum = 0.1, collective = alone() } = options;
  requireTensor("batchNormOfRows", "valid", valid);
  if (valid.shape.length !== 1 || valid.shape[0] !== x.shape[0]) {
    throw new ShapeError("batchNormOfRows", "valid must be [N] for [N, ..., C]", [valid.shape, x.shape]);
  }
  if (!train) return batchNorm(params, state, x, { epsilon, momentum });
  const channels = x.shape.at(-1)!;
  const positions = x.shape.slice(1, -1).reduce((product, size) => product * size, 1);
  const rows = reshape(x, [-1, channels]);
  const found = statisticsOf(rows, countsOf(valid, positions, x), { state, collective });
  const output = reshape(normalize(params, rows, found, { epsilon, collective }), x.shape as Shape);
  const unbiased = mul(found.variance, div(found.count, maximum(sub(found.count, 1), 1)));
  const blend = (old: Tensor, now: Tensor) =>
    where(greaterEqual(found.own, 1), add(mul(old, 1 - momentum), mul(stopGradient(now), momentum)), old);
  return {
    output,
    state: {
      runningMean: blend(state.runningMean, found.average),
      runningVar: blend(state.runningVar, unbiased),
      count: add(state.count, 1), // without rows, too, as in PyTorch: it must not depend on who has how many
    },
  };
}

/** 1 for each position of a row that counts, `[N · positions, 1]`. */
function countsOf(valid: Tensor, positions: number, { dtype }: Tensor): Tensor {
  const rows = reshape(cast(valid, dtype), [-1, 1]); // [N, 1]
  return reshape(broadcastTo(rows, [valid.shape[0]!, positions]), [-1, 1]);
}

function statisticsOf(
  x: Tensor,
  counts: Tensor,
  { state: { runningMean, runningVar }, collective }: {
    readonly state: BatchNormState;
    readonly collective: Collective;
  },
): Statistics {
  const total = sum(counts);
  const some = maximum(total, 1);
  const kept = where(greaterEqual(counts, 1), x, 0); // [rows, C]
  const means = div(sum(kept, { axis: 0 }), some); // [C]
  const squares = sum(mul(square(sub(kept, means)), counts), { axis: 0 }); // [C]
  const { count, ...found } = collective.size === 1
    ? { average: means, variance: div(squares, some), count: some }
    : joinedMoments({ means, squares, count: reshape(total, [1]) }, collective);
  const isOwn = greaterEqual(count, 2);
  const average = where(isOwn, found.average, runningMean);
  const variance = where(isOwn, found.variance, runningVar); // biased
  return { average, variance, count, own: cast(isOwn, x.dtype), counts };
}

/** As the one of `batchNorm`, with the sums of the pullback over rows that count. */
function normalize(
  params: NormParams,
  x: Tensor,
  found: Statistics,
  { epsilon, collective }: { readonly epsilon: number; readonly collective: Collective },
): Tensor {
  const { average, variance, count, own, counts } = found;
  const deviation = rsqrt(add(variance, epsilon)); // [C], 1 / σ
  const normalized = where(greaterEqual(counts, 1), mul(sub(x, average), deviation), 0); // [rows, C], x̂
  const f = customVjp(
    // The pullback of x is written below, with that through x̂.
    (_x: Tensor, weight: Tensor, bias: Tensor) => add(mul(stopGradient(normalized), weight), bias),
    ([_x, weight], _output, all) => {
      const cotangent = mul(all, counts); // [rows, C]
      const rows = [sum(cotangent, { axis: 0 }), sum(mul(cotangent, normalized), { axis: 0 })] as const; // [C]
      const [shiftGradient, scaleGradient] = allReduce(rows, collective);
      const share = mul(div(own, count), counts); // [rows, 1]
      const centred = sub(sub(cotangent, mul(shiftGradient, share)), mul(normalized, mul(scaleGradient, share)));
      return [mul(centred, mul(weight, deviation)), rows[1], rows[0]]; // of scale and shift those of the own rows
    },
  );
  return f(x, params.weight, params.bias);
}
