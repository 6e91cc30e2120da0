/** @file Which scheme computes a convolution fastest. */
import type { Convolution, OuterContraction, RowsContraction } from "./contraction.ts";
import {
  adjointConv,
  forwardConv,
  type PhasedConv,
  phasedConv,
  weightAdjoint,
  type WinogradConv,
  type WinogradWeightGradient,
} from "./geometry.ts";
import { makeScheme, type Scheme } from "./scheme.ts";

/** Points chosen for the least rounding error; all constants of the input and output transforms are exact in float32. */
const F4X3 = makeScheme({ outputs: 4, taps: 3, zero: true, pairs: [5 / 8, 3 / 2] });
const F2X3 = makeScheme({ outputs: 2, taps: 3, zero: true, pairs: [1] });
const F4X2 = makeScheme({ outputs: 4, taps: 2, zero: false, pairs: [1 / 2, 5 / 4] });
const F3X2 = makeScheme({ outputs: 3, taps: 2, zero: true, pairs: [1] });

/** Every scheme by name. */
export const SCHEMES: Readonly<Record<string, Scheme>> = { F4X3, F2X3, F4X2, F3X2 };

/** Fewest channels on either side. */
const LEAST_CHANNELS = 8;
/** Least gain for which it is worth the memory and the rounding errors. */
const GAIN = 1.2;

/** What transforms cost on a device, in multiply-adds. */
export interface TransformCosts {
  /** For each element of a transformed tile and each channel. */
  readonly tile: number;
  /** Transforming and fetching the weights, in tiles. */
  readonly weights: number;
}

/** As measured on a processor. */
export const CPU_COSTS: TransformCosts = { tile: 6, weights: 6 };
/** Weight gradients add up as many sums as there are transformed weights, and transform tiles again for each block of them. */
export const CPU_WEIGHT_GRADIENT_COSTS: TransformCosts = { tile: 6, weights: 24 };
/** Memory is further away from a GPU, compared to multiply-adds, than caches from a processor. */
export const GPU_COSTS: TransformCosts = { tile: 24, weights: 32 };
/** Direct weight gradients of few channels do not fill a GPU's tiles: transforms cost less in comparison. */
export const GPU_WEIGHT_GRADIENT_COSTS: TransformCosts = { tile: 8, weights: 32 };

/** Multiply-adds, and what takes as long, for each pair of an input and an output channel of a phase. */
function costOf(
  { batch, small, channels, outChannels }: PhasedConv,
  { outputs, size }: Scheme,
  { tile, weights }: TransformCosts,
): number {
  const tiles = batch * Math.ceil(small[0] / outputs) * Math.ceil(small[1] / outputs);
  return size ** 2 * (tiles * (1 + tile / channels + tile / outChannels) + weights);
}

/**
 * Chooses the scheme that takes the least time: few outputs a tile where larger tiles would cover much that is not there, or where
 * there are too few tiles to make up for the transformed weights, of which large tiles have more.
 *
 * @param conv The convolution, which its gradients are told by, too.
 * @param costs Of the device.
 * @returns The scheme, or `null` where direct computation is as fast.
 */
export function chooseScheme(conv: PhasedConv, costs: TransformCosts): Scheme | null {
  if (Math.min(conv.channels, conv.outChannels) < LEAST_CHANNELS) return null;
  const direct = conv.batch * conv.small[0] * conv.small[1] * conv.taps ** 2;
  const [best] = Object.values(SCHEMES)
    .filter(({ taps }) => taps === conv.taps)
    .toSorted((a, b) => costOf(conv, a, costs) - costOf(conv, b, costs));
  return best && costOf(conv, best, costs) * GAIN < direct ? best : null;
}

/** A convolution and the scheme that computes it or its gradients fastest; `null` to compute directly. */
function winogradOf(conv: Convolution | undefined, costs: TransformCosts) {
  const phased = conv ? phasedConv(conv) : null;
  const scheme = phased && chooseScheme(phased, costs);
  return phased && scheme && { phased, scheme };
}

/**
 * Chooses Winograd's method for a convolution or its gradient with respect to the input.
 *
 * @param contraction Products of rows.
 * @param costs What transforms cost on the device.
 * @returns What to compute, or `null` to compute the contraction as it is.
 */
export function winogradProduct({ convolution }: RowsContraction, costs: TransformCosts): WinogradConv | null {
  const fast = winogradOf(convolution?.of, costs);
  if (!fast) return null;
  return convolution!.part === "output" ? forwardConv(fast.phased, fast.scheme) : adjointConv(fast.phased, fast.scheme);
}

/**
 * Chooses Winograd's method for the gradient of a convolution with respect to its weights.
 *
 * @param contraction A sum of outer products.
 * @param costs What transforms cost on the device.
 * @returns What to compute, or `null` to compute the contraction as it is.
 */
export function winogradOuter({ convolution }: OuterContraction, costs: TransformCosts): WinogradWeightGradient | null {
  const fast = winogradOf(convolution?.of, costs);
  return fast && weightAdjoint(fast.phased, fast.scheme);
}
