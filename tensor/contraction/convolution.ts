/** @file Convolutions of any number of axes, and the contractions that they and their two gradients are. */
import { type Shape, sizeOf, stridesOf } from "../spec.ts";
import type { Contraction, Convolution, ConvolutionPart, RightMatrix, RowsProduct, WindowRows } from "./contraction.ts";
import { type Phase, phasesOf, type WindowAxis } from "./window_axis.ts";

/** Settings of a convolution of images `[B, ...size, Cin]` with weights `[...kernel, Cin / groups, Cout]`; lists have one item an axis. */
export interface ConvParams {
  /** Positions between the windows of neighbouring outputs. */
  readonly stride: readonly number[];
  /** Zeros before and after the images on each axis. */
  readonly padding: readonly (readonly [number, number])[];
  /** Positions between neighbouring taps. */
  readonly dilation: readonly number[];
  /** Output channels of group g see the input channels of group g only. */
  readonly groups: number;
}

/**
 * Describes a convolution.
 *
 * @param x Shape of the images.
 * @param w Shape of the weights.
 * @param y Shape of the output.
 * @param params Settings.
 * @returns The convolution.
 */
export function convolutionOf(x: Shape, w: Shape, y: Shape, params: ConvParams): Convolution {
  const { stride, padding, dilation, groups } = params;
  const axes = stride.map((stride, axis): WindowAxis => ({
    outputs: y[1 + axis]!,
    taps: w[axis]!,
    stride,
    origin: 0 - padding[axis]![0],
    step: dilation[axis]!,
    extent: x[1 + axis]!,
  }));
  return { images: x[0]!, axes, groups, channels: w.at(-2)!, columns: w.at(-1)! / groups };
}

/** Elements between neighbouring taps of the weights on each axis. */
function tapStrides({ axes, groups, channels, columns }: Convolution): readonly number[] {
  return stridesOf(axes.map(({ taps }) => taps)).map((stride) => stride * channels * columns * groups);
}

function windows({ images, axes, groups, channels }: Convolution): WindowRows {
  const pixel = channels * groups;
  return { kind: "window", input: 0, images, axes, channels, pixel, batchStride: channels };
}

/** The convolution of input 0 with input 1. */
function output(conv: Convolution): Contraction {
  const { images, axes, groups, columns } = conv;
  const pixel = groups * columns;
  const right: RightMatrix = {
    input: 1,
    offset: 0,
    tapStrides: tapStrides(conv),
    channelStride: pixel,
    columnStride: 1,
    batchStride: columns,
  };
  const rowStrides = stridesOf([images, ...axes.map(({ outputs }) => outputs)]).map((stride) => stride * pixel);
  const result = { offset: 0, rowStrides, batchStride: columns };
  return { ...partOf(conv, "output"), form: "rows", columns, phases: [{ rows: windows(conv), right, result }] };
}

/** The gradient with respect to the images, of the output's gradient (input 0) and the weights (input 1). */
function input(conv: Convolution): Contraction {
  const phases = conv.axes.map(phasesOf)
    .reduce<readonly (readonly Phase[])[]>(
      (all, phases) => all.flatMap((before) => phases.map((phase) => [...before, phase])),
      [[]],
    );
  return {
    ...partOf(conv, "input"),
    form: "rows",
    columns: conv.channels,
    phases: phases.map((phase) => phaseProduct(conv, phase)),
  };
}

/** The positions of one phase on every axis: a convolution of the output's gradient at stride 1 with some of the taps. */
function phaseProduct(conv: Convolution, phases: readonly Phase[]): RowsProduct {
  const { images, groups, channels, columns } = conv;
  const taps = tapStrides(conv);
  const positions = stridesOf([...conv.axes.map(({ extent }) => extent), channels * groups]);
  const sum = (terms: readonly number[]) => terms.reduce((a, b) => a + b, 0);
  return {
    rows: {
      kind: "window",
      input: 0,
      images,
      axes: phases.map(({ axis }) => axis),
      channels: columns,
      pixel: columns * groups,
      batchStride: columns,
    },
    right: {
      input: 1,
      offset: sum(phases.map(({ firstTap }, axis) => firstTap * taps[axis]!)),
      tapStrides: phases.map(({ tapStep }, axis) => tapStep * taps[axis]!),
      channelStride: 1,
      columnStride: columns * groups,
      batchStride: columns,
    },
    result: {
      offset: sum(phases.map(({ phase }, axis) => phase * positions[axis]!)),
      rowStrides: [
        sizeOf([...conv.axes.map(({ extent }) => extent), channels * groups]),
        ...phases.map(({ spacing }, axis) => spacing * positions[axis]!),
      ],
      batchStride: channels,
    },
  };
}

/** The gradient with respect to the weights, of the images (input 0) and the output's gradient (input 1). */
function weight(conv: Convolution): Contraction {
  const { groups, columns } = conv;
  return {
    ...partOf(conv, "weight"),
    form: "outer",
    columns,
    rows: windows(conv),
    right: { input: 1, rowStride: groups * columns, batchStride: columns },
    result: { rowStride: groups * columns, batchStride: columns },
  };
}

function partOf(of: Convolution, part: ConvolutionPart) {
  return { kind: "contraction", batch: of.groups, convolution: { of, part } } as const;
}

const PARTS: Readonly<Record<ConvolutionPart, (conv: Convolution) => Contraction>> = { output, input, weight };

/**
 * The contraction that computes a part of a convolution.
 *
 * @param conv The convolution.
 * @param part Its output, of images and weights; the gradient of its `input`, of the output's gradient and the weights; or of
 * its `weight`, of the images and the output's gradient.
 * @returns The contraction.
 */
export function convolutionPart(conv: Convolution, part: ConvolutionPart): Contraction {
  return PARTS[part](conv);
}
