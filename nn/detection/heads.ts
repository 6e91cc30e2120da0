/** @file The three heads: of proposals on every cell of the pyramid, of boxes and of masks on regions. */
import { add, concat, matmul, mul, oneHot, reshape, sum, type Tensor, transpose } from "../../tensor/core.ts";
import * as random from "../../tensor/functions/random/mod.ts";
import { relu } from "../layers/activation.ts";
import { conv2d, type Conv2dParams, initConv2d } from "../layers/conv2d.ts";
import { convTranspose2d, type ConvTranspose2dParams, initConvTranspose2d } from "../layers/conv_transpose2d.ts";
import { type DTypeOption, type Fan, type Initializer, kaimingNormal, zeroInitializer } from "../layers/initializer.ts";
import { initLinear, linear, type LinearParams } from "../layers/linear.ts";
import { convUnit, type ConvUnitParams, type ConvUnitRun, type ConvUnitState, initConvUnit } from "./conv_unit.ts";
import type { DetectorSettings } from "./options.ts";

/** Parameters of the proposal head, which all maps share. */
export interface RpnHeadParams {
  /** 3×3 convolutions before both outputs. */
  readonly convs: readonly Conv2dParams[];
  /** 1×1, one logit an anchor. */
  readonly logits: Conv2dParams;
  /** 1×1, four differences an anchor. */
  readonly deltas: Conv2dParams;
}

/** Parameters of the box head. */
export interface BoxHeadParams {
  /** Convolutions on regions; none in most detectors. */
  readonly convs: readonly ConvUnitParams[];
  /** Linear layers, of the flat regions. */
  readonly fcs: readonly LinearParams[];
  /** Classes, the last of which is background. */
  readonly logits: LinearParams;
  /** Four differences a class, without background. */
  readonly deltas: LinearParams;
}

/** Parameters of the mask head. */
export interface MaskHeadParams {
  /** 3×3 convolutions on regions. */
  readonly convs: readonly ConvUnitParams[];
  /** 2×2 of stride 2. */
  readonly upsample: ConvTranspose2dParams;
  /** 1×1, one logit a class. */
  readonly logits: Conv2dParams;
}

/** State of a head: of the norms of its convolutions. */
export interface HeadState {
  /** Of each convolution, in order. */
  readonly convs: readonly ConvUnitState[];
}

const normal = (deviation: number): Initializer => (key, shape) => mul(random.normal(key, shape), deviation);
const fcUniform: Initializer = (key, shape, fan: Fan) => {
  const bound = Math.sqrt(3 / fan.in);
  return random.uniform(key, shape, { min: -bound, max: bound });
};

/** Makes the proposal head: N(0, 0.01), biases 0. */
export function initRpnHead(key: Tensor, settings: DetectorSettings, dtype: DTypeOption): RpnHeadParams {
  const { fpnChannels: inChannels, rpnConvs, anchorSizes, anchorRatios } = settings;
  const anchors = anchorSizes[0]!.length * anchorRatios.length;
  const make = (i: number, outChannels: number, kernel: number) =>
    initConv2d(random.foldIn(key, i), {
      ...{ inChannels, outChannels, kernel, weight: normal(0.01), bias: zeroInitializer },
      ...dtype,
    });
  return {
    convs: Array.from({ length: rpnConvs }, (_, i) => make(i + 2, inChannels, 3)),
    logits: make(0, anchors, 1),
    deltas: make(1, 4 * anchors, 1),
  };
}

/** Logits `[B, N]` of all anchors and differences `[B, N, 4]`, and how many anchors each map has. */
export interface RpnOutput {
  /** `[B, N]`, of objects. */
  readonly logits: Tensor;
  /** `[B, N, 4]`, as of `encodeBoxes`. */
  readonly deltas: Tensor;
  /** Anchors of each map, fine to coarse. */
  readonly counts: readonly number[];
}

/** Runs the proposal head on every map. */
export function rpnHead(params: RpnHeadParams, maps: readonly Tensor[]): RpnOutput {
  const levels = maps.map((map) => {
    const hidden = params.convs.reduce((h, conv) => relu(conv2d(conv, h, { padding: 1 })), map);
    const batch = map.shape[0]!;
    return {
      logits: reshape(conv2d(params.logits, hidden), [batch, -1]),
      deltas: reshape(conv2d(params.deltas, hidden), [batch, -1, 4]),
    };
  });
  return {
    logits: concat(levels.map(({ logits }) => logits), { axis: 1 }),
    deltas: concat(levels.map(({ deltas }) => deltas), { axis: 1 }),
    counts: levels.map(({ logits }) => logits.shape[1]!),
  };
}

function initConvs(
  key: Tensor,
  widths: readonly number[],
  { fpnChannels, headNorm: norm }: DetectorSettings,
  dtype: DTypeOption,
) {
  const units = widths.map((outChannels, i) => {
    const sizes = { inChannels: widths[i - 1] ?? fpnChannels, outChannels, kernel: 3, norm, weight: kaimingNormal };
    return initConvUnit(random.foldIn(key, i), { ...sizes, ...dtype });
  });
  return { params: units.map(({ params }) => params), state: { convs: units.map(({ state }) => state) } };
}

function runConvs(params: readonly ConvUnitParams[], { convs }: HeadState, x: Tensor, run: ConvUnitRun) {
  const states: ConvUnitState[] = [];
  const output = params.reduce((h, unit, i) => {
    const out = convUnit(unit, convs[i]!, h, run);
    states.push(out.state);
    return relu(out.output);
  }, x);
  return { output, state: { convs: states } };
}

/** Makes the box head. */
export function initBoxHead(
  key: Tensor,
  settings: DetectorSettings,
  dtype: DTypeOption,
): { readonly params: BoxHeadParams; readonly state: HeadState } {
  const { boxConvs, boxFcs, boxSize, classes, fpnChannels } = settings;
  const convs = initConvs(random.foldIn(key, 0), boxConvs, settings, dtype);
  const flat = (boxConvs.at(-1) ?? fpnChannels) * boxSize ** 2;
  const width = (i: number) => boxFcs[i] ?? flat;
  const layer = (i: number, inChannels: number, outChannels: number, weight: Initializer) =>
    initLinear(random.foldIn(key, i), { inChannels, outChannels, weight, bias: zeroInitializer, ...dtype });
  const last = boxFcs.at(-1) ?? flat;
  return {
    params: {
      convs: convs.params,
      fcs: boxFcs.map((wide, i) => layer(i + 3, width(i - 1), wide, fcUniform)),
      logits: layer(1, last, classes + 1, normal(0.01)),
      deltas: layer(2, last, 4 * classes, normal(0.001)),
    },
    state: convs.state,
  };
}

/** What the box head makes of N regions. */
export interface BoxOutput {
  /** `[N, width]`. */
  readonly features: Tensor;
  /** `[N, K + 1]`, the last of background. */
  readonly logits: Tensor;
  /** `[N, K, 4]`. */
  readonly deltas: Tensor;
  /** The state after this run. */
  readonly state: HeadState;
}

/** Runs the box head on regions `[N, size, size, C]`: features, logits `[N, K + 1]`, differences `[N, K, 4]`. */
export function boxHead(params: BoxHeadParams, state: HeadState, regions: Tensor, run: ConvUnitRun): BoxOutput {
  const convs = runConvs(params.convs, state, regions, run);
  const flat = reshape(convs.output, [regions.shape[0]!, -1]);
  const features = params.fcs.reduce((h, fc) => relu(linear(fc, h)), flat);
  return {
    features,
    logits: linear(params.logits, features),
    deltas: reshape(linear(params.deltas, features), [regions.shape[0]!, -1, 4]),
    state: convs.state,
  };
}

/** Makes the mask head. */
export function initMaskHead(
  key: Tensor,
  settings: DetectorSettings,
  dtype: DTypeOption,
): { readonly params: MaskHeadParams; readonly state: HeadState } {
  const { maskConvs, classes, fpnChannels } = settings;
  const convs = initConvs(random.foldIn(key, 0), maskConvs, settings, dtype);
  const width = maskConvs.at(-1) ?? fpnChannels;
  const rest = { inChannels: width, bias: zeroInitializer, ...dtype };
  // PyTorch counts the outputs of a transposed convolution by its kernel [in, out, 2, 2]: 4 · in.
  const spread: Initializer = (k, shape) => mul(random.normal(k, shape), Math.sqrt(2 / (4 * width)));
  return {
    params: {
      convs: convs.params,
      upsample: initConvTranspose2d(random.foldIn(key, 1), { ...rest, outChannels: width, kernel: 2, weight: spread }),
      logits: initConv2d(random.foldIn(key, 2), { ...rest, outChannels: classes, kernel: 1, weight: normal(0.001) }),
    },
    state: convs.state,
  };
}

/**
 * Runs the mask head on regions `[N, size, size, C]`, of each for one class alone.
 *
 * @param params Parameters.
 * @param state Of the norms.
 * @param regions Regions.
 * @param classes int32 `[N]`; the logits of a row of no class are 0.
 * @param run Mode, and which rows count.
 * @returns Logits `[N, 2 · size, 2 · size]`. Those of all classes would be as large as what the head reads, for one that counts.
 */
export function maskHead(
  params: MaskHeadParams,
  state: HeadState,
  regions: Tensor,
  classes: Tensor,
  run: ConvUnitRun,
): { readonly logits: Tensor; readonly state: HeadState } {
  const convs = runConvs(params.convs, state, regions, run);
  const fine = relu(convTranspose2d(params.upsample, convs.output, { stride: 2 }));
  const { weight, bias } = params.logits;
  const [, , width, count] = weight.shape as [number, number, number, number];
  const isClass = oneHot(classes, count, { dtype: weight.dtype }); // [N, K]
  const own = matmul(isClass, transpose(reshape(weight, [width, count]), [1, 0])); // [N, C]
  const logits = sum(mul(fine, reshape(own, [-1, 1, 1, width])), { axis: 3 });
  const shift = bias ? reshape(matmul(isClass, reshape(bias, [count, 1])), [-1, 1, 1]) : 0;
  return { logits: add(logits, shift), state: convs.state };
}
