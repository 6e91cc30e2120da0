/** @file Feature pyramid network (Lin et al., 2017): one width for all maps, each with what the coarser ones know. */
import { add, repeat, slice, take, type Tensor } from "../../tensor/core.ts";
import * as random from "../../tensor/functions/random/mod.ts";
import { requireKind, requireOptions, requireTensors } from "../../tensor/parts.ts";
import type { BatchStatistics } from "../layers/batch_norm.ts";
import type { DTypeOption, Fan } from "../layers/initializer.ts";
import { convUnit, type ConvUnitParams, type ConvUnitState, initConvUnit } from "./conv_unit.ts";

/** Parameters of a pyramid, fine to coarse. */
export interface FpnParams {
  /** 1×1, from the channels of each map. */
  readonly lateral: readonly ConvUnitParams[];
  /** 3×3. */
  readonly output: readonly ConvUnitParams[];
}

/** State of its norms. */
export interface FpnState {
  /** Of the 1×1 convolutions. */
  readonly lateral: readonly ConvUnitState[];
  /** Of the 3×3 convolutions. */
  readonly output: readonly ConvUnitState[];
}

/** Sizes of a pyramid. */
export interface FpnOptions extends DTypeOption {
  /** Channels of the maps, fine to coarse. */
  readonly inChannels: readonly number[];
  /** Channels of the pyramid; 256 by default. */
  readonly outChannels?: number;
  /** `batch` for batch norm after every convolution, which then has no bias; `none` by default. */
  readonly norm?: "batch" | "none";
}

/** Uniform in ±√(3 / inputs): Kaiming's with slope 1, as detectron2 and torchvision have it. */
function pyramidUniform(key: Tensor, shape: readonly number[], fan: Fan): Tensor {
  const bound = Math.sqrt(3 / fan.in);
  return random.uniform(key, shape, { min: -bound, max: bound });
}

/**
 * Makes a pyramid.
 *
 * @param key Random key.
 * @param options Sizes.
 * @returns Parameters and state.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { initFpn } from "@tessera/tessera/nn";
 * import { random } from "@tessera/tessera/tensor";
 *
 * equal(initFpn(random.key(0), { inChannels: [8, 16], outChannels: 4 }).params.lateral.length, 2);
 * ```
 */
export function initFpn(
  key: Tensor,
  options: FpnOptions,
): { readonly params: FpnParams; readonly state: FpnState } {
  requireOptions("initFpn", options, { inChannels: true, outChannels: true, norm: true, dtype: true });
  const { inChannels, outChannels = 256, norm = "none", dtype = "float32" } = options;
  const common = { outChannels, norm, weight: pyramidUniform, dtype };
  const lateral = inChannels.map((channels, i) =>
    initConvUnit(random.foldIn(key, 2 * i), { ...common, inChannels: channels, kernel: 1 })
  );
  const output = inChannels.map((_, i) =>
    initConvUnit(random.foldIn(key, 2 * i + 1), { ...common, inChannels: outChannels, kernel: 3 })
  );
  const part = <K extends "params" | "state">(name: K) => ({
    lateral: lateral.map((unit) => unit[name]),
    output: output.map((unit) => unit[name]),
  });
  return { params: part("params"), state: part("state") };
}

/** Repeats cells to a finer size: of output i the cell ⌊i · in / out⌋, as PyTorch's `nearest`. */
function upsample(x: Tensor, size: readonly [number, number]): Tensor {
  return size.reduce((y, wanted, i) => {
    const axis = i + 1;
    const cells = y.shape[axis]!;
    if (wanted === 2 * cells) return repeat(y, 2, { axis });
    const step = Math.fround(cells / wanted); // float32 there
    const index = Array.from({ length: wanted }, (_, at) => Math.min(Math.floor(at * step), cells - 1));
    return take(y, index, { axis });
  }, x);
}

const isRecord = (x: unknown) => typeof x === "object" && x !== null;

/** Refuses what has no lateral and output layer for each map. */
function requireLevels(argument: "params" | "state", given: FpnParams | FpnState, maps: readonly Tensor[]): void {
  requireKind("fpn", argument, given, isRecord(given), "a record of initFpn");
  for (const part of ["lateral", "output"] as const) {
    const levels: unknown = given[part];
    const fits = Array.isArray(levels) && levels.length === maps.length &&
      levels.every(isRecord);
    requireKind("fpn", `${argument}.${part}`, levels, fits, "a list of one layer for each map");
  }
}

/**
 * Runs a pyramid: from the coarsest map down, each is added to the next finer one; then a last, coarser map is every second
 * cell of the coarsest.
 *
 * @param params Of `initFpn`.
 * @param state Of `initFpn`.
 * @param maps `[B, H, W, C]`, fine to coarse.
 * @param options `train`: true for statistics of the batch; `statistics`: of whose batches, of that here if not given.
 * @returns One map more than were given, all of one width, and the state.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { fpn, initFpn } from "@tessera/tessera/nn";
 * import { ones, random } from "@tessera/tessera/tensor";
 *
 * const { params, state } = initFpn(random.key(0), { inChannels: [8, 16], outChannels: 4 });
 * const { maps } = fpn(params, state, [ones([1, 8, 8, 8]), ones([1, 4, 4, 16])]);
 * deepStrictEqual(maps.map(({ shape }) => shape[1]), [8, 4, 2]);
 * ```
 */
export function fpn(
  params: FpnParams,
  state: FpnState,
  maps: readonly Tensor[],
  options: { readonly train?: boolean; readonly statistics?: Pick<BatchStatistics, "collective"> } = {},
): { readonly maps: readonly Tensor[]; readonly state: FpnState } {
  requireOptions("fpn", options, { train: true, statistics: true });
  requireTensors("fpn", "maps", maps);
  requireLevels("params", params, maps);
  requireLevels("state", state, maps);
  const run = { train: false, ...options };
  const lateral = maps.map((map, i) => convUnit(params.lateral[i]!, state.lateral[i]!, map, run));
  const merged: Tensor[] = lateral.map(({ output }) => output);
  for (let i = maps.length - 2; i >= 0; i--) {
    const [, height, width] = merged[i]!.shape as [number, number, number];
    merged[i] = add(merged[i]!, upsample(merged[i + 1]!, [height, width]));
  }
  const output = merged.map((map, i) => convUnit(params.output[i]!, state.output[i]!, map, run));
  const outputs = output.map((unit) => unit.output);
  const coarsest = outputs.at(-1)!;
  const half = (size: number) => Math.ceil(size / 2);
  const [batch, height, width, channels] = coarsest.shape as [number, number, number, number];
  const pooled = slice(coarsest, {
    start: [0, 0, 0, 0],
    size: [batch, half(height), half(width), channels],
    step: [1, 2, 2, 1],
  });
  return {
    maps: [...outputs, pooled],
    state: { lateral: lateral.map((unit) => unit.state), output: output.map((unit) => unit.state) },
  };
}
