/** @file A convolution with a norm or a bias: what pyramid and heads are made of. */
import { requireParams } from "../layers/require_params.ts";
import { reshape, type Tensor } from "../../tensor/core.ts";
import {
  batchNorm,
  type BatchNormState,
  type BatchStatistics,
  initBatchNorm,
  type NormParams,
} from "../layers/batch_norm.ts";
import { batchNormOfRows } from "../layers/batch_norm_rows.ts";
import { conv2d, type Conv2dParams, initConv2d } from "../layers/conv2d.ts";
import { type DTypeOption, type Initializer, zeroInitializer } from "../layers/initializer.ts";

/** Parameters of a unit: a convolution, with a bias unless a norm follows. */
export interface ConvUnitParams {
  /** Weights, and a bias where no norm follows. */
  readonly conv: Conv2dParams;
  /** Scale and shift of the norm; absent where there is none. */
  readonly norm?: NormParams;
}

/** State of its norm, if it has one. */
export interface ConvUnitState {
  /** Running statistics; absent where there is no norm. */
  readonly norm?: BatchNormState;
}

/** Sizes of a unit. */
export interface ConvUnitOptions extends DTypeOption {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernel: number;
  readonly norm: "batch" | "none";
  readonly weight: Initializer;
}

/** Makes a unit. */
export function initConvUnit(
  key: Tensor,
  { norm, weight, dtype = "float32", ...sizes }: ConvUnitOptions,
): { readonly params: ConvUnitParams; readonly state: ConvUnitState } {
  const conv = initConv2d(key, { ...sizes, weight, bias: norm === "batch" ? null : zeroInitializer, dtype });
  if (norm === "none") return { params: { conv }, state: {} };
  const made = initBatchNorm(sizes.outChannels, { dtype });
  return { params: { conv, norm: made.params }, state: { norm: made.state } };
}

/** How a unit runs: `valid` are the rows of `[N, H, W, C]` that count, all if not given. */
export interface ConvUnitRun {
  readonly train: boolean;
  readonly valid?: Tensor;
  /** Over what norms take their statistics; over the rows here if not given. */
  readonly statistics?: Pick<BatchStatistics, "collective">;
}

/** Convolution that keeps the size, then the norm. */
export function convUnit(
  { conv, norm }: ConvUnitParams,
  state: ConvUnitState,
  x: Tensor,
  { train, valid, statistics }: ConvUnitRun,
): { readonly output: Tensor; readonly state: ConvUnitState } {
  requireParams("conv2d", conv, ["weight"], { argument: "conv" });
  const y = conv2d(conv, x, { padding: (conv.weight.shape[0]! - 1) / 2 });
  if (!norm || !state.norm) return { output: y, state };
  const out = valid
    ? batchNormOfRows(norm, state.norm, y, { train, valid: reshape(valid, [-1]), ...statistics })
    : batchNorm(norm, state.norm, y, { train, ...statistics });
  return { output: out.output, state: { norm: out.state } };
}
