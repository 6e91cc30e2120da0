/** @file What is trained: a state, a compiled step, and how a step ends, whatever the task. */
import { concat, type ExecutableStats, stack, type Tensor } from "../../tensor/mod.ts";
import { appendRow, type Ring } from "../../tensor/kernel.ts";
import { type Averaged, averageWeights } from "../average.ts";

/** Result of one compiled step. */
export interface StepResult<State> {
  /** State after the step. */
  readonly train: State;
  /** Loss, rate, weight decay, gradient norm, the scale of the loss if there is one, and its parts, of the last steps. */
  readonly metrics: Ring;
}

/** A step: takes state and metrics over, which must not be used afterwards. */
export interface Step<State, Batch> {
  (train: State, metrics: Ring, batch: Batch): StepResult<State>;
}

/** A compiled step, which can be planned before it runs. */
export interface CompiledStep<State, Batch> extends Step<State, Batch> {
  /** What the step costs; compiles if need be, runs nothing. */
  stats(...args: Parameters<Step<State, Batch>>): ExecutableStats;
  /** Compiles all that the step needs. */
  prepare(...args: Parameters<Step<State, Batch>>): Promise<ExecutableStats>;
}

/** What a run computes. */
export interface Training<State, Batch> {
  /** State before the first step. Nothing is computed until it is used, so it also serves as a description. */
  readonly initial: State;
  /** The compiled step. */
  readonly step: CompiledStep<State, Batch>;
  /** Explains a step that is not finite, from the state before it; absent where that is not kept. */
  readonly explain?: (train: State, batch: Batch) => Promise<string | null>;
}

/** What a step computes, before its metrics are noted. */
export interface StepOutput<State> {
  /** State after the step. */
  readonly train: State;
  /** Loss before the step, scalar. */
  readonly loss: Tensor;
  /** Norm of the gradient before clipping, scalar. */
  readonly gradientNorm: Tensor;
  /** Losses that the loss is the sum of, `[P]`; absent where there is one. */
  readonly parts?: Tensor;
}

/**
 * Ends a step: moves the average of the weights on and notes the metrics.
 *
 * @param before State before the step.
 * @param out What the step computed.
 * @param metrics Metrics of the steps before.
 * @param options Learning rate and weight decay of the step, scalars; decay of the average, or `null` for none; scale of the loss, if it is
 * scaled.
 * @returns State and metrics after the step.
 */
export function concluded<State extends Averaged>(
  before: State,
  { train, loss, gradientNorm, parts }: StepOutput<State>,
  metrics: Ring,
  { learningRate, weightDecay, ema, lossScale }: {
    readonly learningRate: Tensor;
    readonly weightDecay: Tensor;
    readonly ema: number | null;
    readonly lossScale?: Tensor | undefined;
  },
): StepResult<State> {
  const own = stack([loss, learningRate, weightDecay, gradientNorm, ...lossScale ? [lossScale] : []], { axis: 0 });
  const row = parts ? concat([own, parts], { axis: 0 }) : own;
  const next = ema === null ? train : averageWeights(before, train, { decay: ema });
  return { train: next, metrics: appendRow(metrics, row) };
}
