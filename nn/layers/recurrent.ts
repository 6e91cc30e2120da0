/** @file Recurrent layers by `scan`: compiled once whatever the length of the sequence. */
import { requireLayers } from "./require_params.ts";
import {
  add,
  mul,
  scan,
  ShapeError,
  sigmoid,
  split,
  sub,
  swapaxes,
  tanh,
  type Tensor,
  zeros,
} from "../../tensor/core.ts";
import * as random from "../../tensor/functions/random/mod.ts";
import { requireOptions, requireTensor } from "../../tensor/parts.ts";
import { type DTypeOption, initialize, torchUniform } from "./initializer.ts";
import { linear, type LinearParams } from "./linear.ts";

/** Parameters of a recurrent layer: the gates side by side, from the input and from what is remembered. */
export interface RecurrentParams {
  /** `[in, gates · H]` and `[gates · H]`. */
  readonly input: LinearParams;
  /** `[H, gates · H]` and `[gates · H]`. */
  readonly hidden: LinearParams;
}

/** Options of `initLstm` and `initGru`. */
export interface InitRecurrentOptions extends DTypeOption {
  /** Channels in. */
  readonly inChannels: number;
  /** H, channels that are remembered. */
  readonly hiddenChannels: number;
}

function initRecurrent(operation: string, gates: number, key: Tensor, options: InitRecurrentOptions): RecurrentParams {
  requireOptions(operation, options, { inChannels: true, hiddenChannels: true, dtype: true });
  const { inChannels, hiddenChannels, dtype } = options;
  const [wide, fan] = [gates * hiddenChannels, { in: hiddenChannels, out: hiddenChannels }]; // as PyTorch: all by √H
  const make = (index: number, shape: readonly number[]) =>
    initialize(torchUniform, random.foldIn(key, index), shape, fan, dtype);
  return {
    input: { weight: make(0, [inChannels, wide]), bias: make(1, [wide]) },
    hidden: { weight: make(2, [hiddenChannels, wide]), bias: make(3, [wide]) },
  };
}

/**
 * Makes the parameters of an LSTM, distributed as PyTorch's.
 *
 * @param key Random key.
 * @param options Channels, dtype.
 * @returns Gates in the order input, forget, cell, output.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { initLstm } from "@tessera/tessera/nn";
 * import { random } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(initLstm(random.key(0), { inChannels: 3, hiddenChannels: 5 }).hidden.weight.shape, [5, 20]);
 * ```
 */
export function initLstm(key: Tensor, options: InitRecurrentOptions): RecurrentParams {
  return initRecurrent("initLstm", 4, key, options);
}

/**
 * Makes the parameters of a GRU, distributed as PyTorch's.
 *
 * @param key Random key.
 * @param options Channels, dtype.
 * @returns Gates in the order reset, update, new.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { initGru } from "@tessera/tessera/nn";
 * import { random } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(initGru(random.key(0), { inChannels: 3, hiddenChannels: 5 }).input.weight.shape, [3, 15]);
 * ```
 */
export function initGru(key: Tensor, options: InitRecurrentOptions): RecurrentParams {
  return initRecurrent("initGru", 3, key, options);
}

/** What an LSTM remembers. */
export interface LstmState {
  /** `[B, H]`, its last output. */
  readonly hidden: Tensor;
  /** `[B, H]`. */
  readonly cell: Tensor;
}

/** Options of `lstm` and `gru`. */
export interface RecurrentOptions<State> {
  /** What is remembered before the first step; zeros if not given. */
  readonly initial?: State;
  /** True: from the last step to the first. Default false. */
  readonly reverse?: boolean;
}

const RECURRENT_OPTIONS = { initial: true, reverse: true } as const;

function requireRecurrent(operation: string, params: RecurrentParams, x: Tensor): void {
  requireLayers(operation, params, ["input", "hidden"]);
  requireTensor(operation, "x", x);
}

/** The gates' input of all steps at once, time first: `[T, B, gates · H]`. */
function gatesOf(operation: string, params: RecurrentParams, x: Tensor): Tensor {
  if (x.shape.length === 3) return swapaxes(linear(params.input, x), 0, 1);
  throw new ShapeError(operation, "sequences must be [B, T, in]", [x.shape]);
}

const start = (params: RecurrentParams, x: Tensor): Tensor =>
  zeros([x.shape[0]!, params.hidden.weight.shape[0]!], { dtype: x.dtype });

/**
 * Long short-term memory (Hochreiter and Schmidhuber 1997) over sequences, with PyTorch's formula.
 *
 * @param params Of `initLstm`.
 * @param x `[B, T, in]`.
 * @param options What is remembered at the start; direction.
 * @returns `outputs [B, T, H]`, and the `state` after the last step.
 * @throws {ShapeError} If `x` has not three axes.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { initLstm, lstm } from "@tessera/tessera/nn";
 * import { ones, random } from "@tessera/tessera/tensor";
 *
 * const params = initLstm(random.key(0), { inChannels: 3, hiddenChannels: 5 });
 * const { outputs, state } = lstm(params, ones([2, 7, 3]));
 * deepStrictEqual([outputs.shape, state.cell.shape], [[2, 7, 5], [2, 5]]);
 * ```
 */
export function lstm(
  params: RecurrentParams,
  x: Tensor,
  options: RecurrentOptions<LstmState> = {},
): { readonly outputs: Tensor; readonly state: LstmState } {
  requireOptions("lstm", options, RECURRENT_OPTIONS);
  requireRecurrent("lstm", params, x);
  const { initial = { hidden: start(params, x), cell: start(params, x) }, reverse = false } = options;
  const step = ({ hidden, cell }: LstmState, gates: Tensor) => {
    const [i, f, g, o] = split(add(gates, linear(params.hidden, hidden)), 4, { axis: -1 });
    const next = add(mul(sigmoid(f!), cell), mul(sigmoid(i!), tanh(g!)));
    const output = mul(sigmoid(o!), tanh(next));
    return [{ hidden: output, cell: next }, output] as const;
  };
  const [state, outputs] = scan(step, initial, gatesOf("lstm", params, x), { reverse });
  return { outputs: swapaxes(outputs, 0, 1), state };
}

/**
 * Gated recurrent units (Cho et al. 2014) over sequences, with PyTorch's formula.
 *
 * @param params Of `initGru`.
 * @param x `[B, T, in]`.
 * @param options What is remembered at the start, `[B, H]`; direction.
 * @returns `outputs [B, T, H]`, and the `state [B, H]` after the last step.
 * @throws {ShapeError} If `x` has not three axes.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { gru, initGru } from "@tessera/tessera/nn";
 * import { ones, random } from "@tessera/tessera/tensor";
 *
 * const params = initGru(random.key(0), { inChannels: 3, hiddenChannels: 5 });
 * deepStrictEqual(gru(params, ones([2, 7, 3])).outputs.shape, [2, 7, 5]);
 * ```
 */
export function gru(
  params: RecurrentParams,
  x: Tensor,
  options: RecurrentOptions<Tensor> = {},
): { readonly outputs: Tensor; readonly state: Tensor } {
  requireOptions("gru", options, RECURRENT_OPTIONS);
  requireRecurrent("gru", params, x);
  const { initial = start(params, x), reverse = false } = options;
  const step = (hidden: Tensor, gates: Tensor) => {
    const [own, remembered] = [gates, linear(params.hidden, hidden)].map((y) => split(y, 3, { axis: -1 }));
    const [reset, update] = [0, 1].map((gate) => sigmoid(add(own![gate]!, remembered![gate]!)));
    const fresh = tanh(add(own![2]!, mul(reset!, remembered![2]!)));
    const next = add(fresh, mul(update!, sub(hidden, fresh)));
    return [next, next] as const;
  };
  const [state, outputs] = scan(step, initial, gatesOf("gru", params, x), { reverse });
  return { outputs: swapaxes(outputs, 0, 1), state };
}
