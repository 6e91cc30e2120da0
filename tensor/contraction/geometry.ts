/** @file Which convolutions are made of short dense ones, and where those read and write: strides cut images and kernels into phases. */
import type { Convolution } from "./contraction.ts";
import type { Scheme } from "./scheme.ts";

/** Where the pixels of the squares lie along an axis: `tile·tileStep + i·step + origin + phase·phaseStep`. */
export interface PatchAxis {
  readonly tileStep: number;
  readonly step: number;
  readonly origin: number;
  readonly phaseStep: number;
  /** Positions outside `[0, extent)` are not there. */
  readonly extent: number;
}

/** The squares of images `[batch, y.extent, x.extent, pixel]`. */
export interface Patches {
  readonly y: PatchAxis;
  readonly x: PatchAxis;
  /** Floats of a pixel. */
  readonly pixel: number;
}

/** The tiles of a batch of images. */
export interface TileGrid {
  readonly batch: number;
  readonly y: number;
  readonly x: number;
}

/** Where the weight of tap (i, j) of phase (y, x), a channel and a column lies: `offset` plus multiples of strides, in floats. */
export interface WinogradWeights {
  readonly offset: number;
  readonly tapStrides: readonly [number, number];
  readonly phaseStrides: readonly [number, number];
  readonly channels: number;
  readonly channelStride: number;
  readonly columns: number;
  readonly columnStride: number;
}

/** A convolution that a scheme computes, perhaps of some phases of a stride. */
export interface WinogradConv {
  readonly scheme: Scheme;
  readonly tiles: TileGrid;
  readonly input: Patches;
  readonly output: Patches;
  readonly weights: WinogradWeights;
  /** Phases `[y, x]` that are added up: those of the input. */
  readonly inner: readonly [number, number];
  /** Phases `[y, x]` that are apart: those of the output. */
  readonly outer: readonly [number, number];
}

/** A weight gradient that a scheme computes. */
export interface WinogradWeightGradient {
  readonly scheme: Scheme;
  readonly tiles: TileGrid;
  readonly input: Patches;
  readonly outputGradient: Patches;
  readonly channels: number;
  readonly columns: number;
  /** Phases `[y, x]` of the input; each has weights of its own. */
  readonly phases: readonly [number, number];
  /** Where the gradient of tap (i, j) of phase (y, x) starts, `[channels, columns]`: multiples of these, in floats. */
  readonly result: {
    readonly tapStrides: readonly [number, number];
    readonly phaseStrides: readonly [number, number];
  };
}

/** A convolution all of whose phases have the same taps: `taps × taps`, apart by the stride. */
export interface PhasedConv {
  /** Batch, and the sizes of the larger image, that the windows slide over, and the smaller, that has a pixel for each window. */
  readonly batch: number;
  readonly large: readonly [number, number];
  readonly small: readonly [number, number];
  readonly channels: number;
  readonly outChannels: number;
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly taps: number;
}

/**
 * Tells whether a convolution is made of phases with equal square kernels of 2 or 3 taps a side, without dilation or groups.
 *
 * @param conv Any convolution.
 * @returns The sizes that count, or `null`.
 */
export function phasedConv({ images, axes, groups, channels, columns }: Convolution): PhasedConv | null {
  const [y, x] = axes;
  if (axes.length !== 2 || !y || !x || groups !== 1) return null;
  const taps = y.taps / y.stride;
  const short = (taps === 2 || taps === 3) && taps === x.taps / x.stride;
  if (!short || axes.some(({ stride, step }) => stride > 2 || step > 1)) return null;
  return {
    batch: images,
    large: [y.extent, x.extent],
    small: [y.outputs, x.outputs],
    channels,
    outChannels: columns,
    stride: [y.stride, x.stride],
    padding: [0 - y.origin, 0 - x.origin],
    taps,
  };
}

/** The tiles that cover a batch of images. */
function tilesOf(batch: number, [height, width]: readonly [number, number], { outputs }: Scheme): TileGrid {
  return { batch, y: Math.ceil(height / outputs), x: Math.ceil(width / outputs) };
}

/** The convolution itself: phases of the input add up. */
export function forwardConv(conv: PhasedConv, scheme: Scheme): WinogradConv {
  const { channels, outChannels, stride, taps } = conv;
  const tap = channels * outChannels;
  const row = taps * stride[1] * tap;
  return {
    scheme,
    tiles: tilesOf(conv.batch, conv.small, scheme),
    input: {
      y: windows(conv, 0, scheme),
      x: windows(conv, 1, scheme),
      pixel: channels,
    },
    output: {
      y: neighbours(conv.small[0], scheme),
      x: neighbours(conv.small[1], scheme),
      pixel: outChannels,
    },
    weights: {
      offset: 0,
      tapStrides: [stride[0] * row, stride[1] * tap],
      phaseStrides: [row, tap],
      channels,
      channelStride: outChannels,
      columns: outChannels,
      columnStride: 1,
    },
    inner: stride,
    outer: [1, 1],
  };
}

/** The pixels under a tile of windows: every `stride`-th, from each phase on. */
function windows({ stride, padding, large }: PhasedConv, axis: 0 | 1, { outputs }: Scheme): PatchAxis {
  return {
    tileStep: outputs * stride[axis],
    step: stride[axis],
    origin: -padding[axis],
    phaseStep: 1,
    extent: large[axis],
  };
}

/** The pixels of a tile. */
function neighbours(extent: number, { outputs }: Scheme): PatchAxis {
  return { tileStep: outputs, step: 1, origin: 0, phaseStep: 0, extent };
}

/**
 * The adjoint with respect to the input. Position `stride·j + q` gets `dy[o]` through tap `k` where
 * `o = j + ⌊(q + padding) / stride⌋ - κ` and `k = stride·κ + (q + padding) mod stride`: with κ counted backwards a convolution.
 *
 * @param conv The convolution.
 * @param scheme How to compute it.
 * @returns The adjoint: phases of the result are apart.
 */
export function adjointConv(conv: PhasedConv, scheme: Scheme): WinogradConv {
  const { channels, outChannels, stride, taps, large, padding } = conv;
  const tap = channels * outChannels;
  const floats = [taps * stride[1] * tap, tap] as const; // between neighbouring taps
  const firstTap = (axis: 0 | 1, phase: number) => stride[axis] * (taps - 1) + (phase + padding[axis]) % stride[axis];
  const phased = [Math.ceil(large[0] / stride[0]), Math.ceil(large[1] / stride[1])] as const;
  const offset = (phaseY: number, phaseX: number) => firstTap(0, phaseY) * floats[0] + firstTap(1, phaseX) * floats[1];
  return {
    scheme,
    tiles: tilesOf(conv.batch, phased, scheme),
    input: { y: reversed(conv, 0, scheme), x: reversed(conv, 1, scheme), pixel: outChannels },
    output: {
      y: { ...windows(conv, 0, scheme), origin: 0 },
      x: { ...windows(conv, 1, scheme), origin: 0 },
      pixel: channels,
    },
    weights: {
      offset: offset(0, 0),
      tapStrides: [-stride[0] * floats[0], -stride[1] * floats[1]],
      phaseStrides: [offset(1, 0) - offset(0, 0), offset(0, 1) - offset(0, 0)],
      channels: outChannels,
      channelStride: 1,
      columns: channels,
      columnStride: outChannels,
    },
    inner: [1, 1],
    outer: stride,
  };
}

/** The pixels of `dy` that reach a tile of a phase. */
function reversed({ stride, padding, taps, small }: PhasedConv, axis: 0 | 1, { outputs }: Scheme): PatchAxis {
  const shift = (phase: number) => Math.floor((phase + padding[axis]) / stride[axis]);
  return {
    tileStep: outputs,
    step: 1,
    origin: shift(0) - (taps - 1),
    phaseStep: shift(1) - shift(0),
    extent: small[axis],
  };
}

/**
 * The adjoint with respect to the weights: each phase of the input has taps of its own.
 *
 * @param conv The convolution.
 * @param scheme How to compute it.
 * @returns The adjoint.
 */
export function weightAdjoint(conv: PhasedConv, scheme: Scheme): WinogradWeightGradient {
  const { tiles, input, output, weights, inner } = forwardConv(conv, scheme);
  return {
    scheme,
    tiles,
    input,
    outputGradient: { ...output },
    channels: conv.channels,
    columns: conv.outChannels,
    phases: inner,
    result: { tapStrides: weights.tapStrides, phaseStrides: weights.phaseStrides },
  };
}
