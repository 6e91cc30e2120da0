import type { ConvParams } from "../../../../tensor/contraction/convolution.ts";
import type { Shape } from "../../../../tensor/spec.ts";

/** A convolution to test. */
export interface ConvCase extends ConvParams {
  readonly x: Shape;
  readonly w: Shape;
}

const DEFAULT: ConvParams = { stride: [1, 1], padding: [[0, 0], [0, 0]], dilation: [1, 1], groups: 1 };

/** A case; what is not given is stride 1, no padding, no dilation, one group. */
export function row(x: Shape, w: Shape, params: Partial<ConvParams> = {}): ConvCase {
  return { ...DEFAULT, ...params, x, w };
}

/** The same padding on all sides. */
export function same(pad: number): ConvParams["padding"] {
  return [[pad, pad], [pad, pad]];
}

/** Strides, paddings, dilations, groups, even kernels, odd channel counts, nothing at all. */
export const CONV_CASES: readonly ConvCase[] = [
  row([1, 1, 1, 1], [1, 1, 1, 1]),
  row([2, 5, 6, 4], [1, 1, 4, 8]),
  row([2, 7, 7, 8], [3, 3, 8, 16], { padding: same(1) }),
  row([1, 9, 8, 3], [7, 7, 3, 10], { padding: same(3), stride: [2, 2] }),
  row([2, 8, 9, 5], [3, 3, 5, 7], { padding: [[0, 1], [2, 0]], stride: [2, 1] }),
  row([1, 12, 11, 6], [3, 3, 6, 5], { padding: same(2), dilation: [2, 2] }),
  row([1, 13, 14, 6], [3, 2, 6, 5], { padding: [[2, 1], [1, 3]], dilation: [3, 2], stride: [2, 3] }),
  row([2, 8, 8, 16], [4, 4, 16, 12], { padding: same(1), stride: [2, 2] }),
  row([1, 8, 8, 4], [2, 2, 4, 9], { stride: [2, 2] }),
  row([1, 9, 10, 4], [1, 1, 4, 9], { stride: [3, 2] }),
  row([1, 11, 12, 2], [5, 4, 2, 3], { stride: [3, 3], padding: [[2, 3], [0, 4]] }),
  row([2, 6, 6, 12], [3, 3, 4, 6], { groups: 3, padding: same(1) }),
  row([1, 7, 6, 10], [3, 3, 5, 4], { groups: 2, padding: same(1), stride: [2, 2] }),
  row([0, 6, 6, 4], [3, 3, 4, 4], { padding: same(1) }),
  row([1, 5, 5, 450], [3, 3, 450, 11], { padding: same(1) }),
  row([2, 6, 7, 100], [4, 4, 100, 9], { padding: same(1), stride: [2, 2] }),
  row([1, 2, 3, 98], [3, 3, 98, 99], { padding: same(4), dilation: [2, 1] }),
  row([3, 14, 15, 20], [3, 3, 20, 70], { padding: same(1) }),
  row([2, 6, 6, 8], [3, 3, 1, 8], { groups: 8, padding: same(1) }),
  row([2, 9, 20, 12], [7, 7, 1, 12], { groups: 12, padding: same(3) }),
  row([1, 8, 31, 8], [3, 3, 1, 8], { groups: 8, padding: [[2, 0], [0, 1]] }),
  row([1, 3, 7, 4], [3, 3, 1, 4], { groups: 4, padding: [[0, 4], [1, 1]] }),
  row([2, 5, 4, 4], [4, 5, 1, 4], { groups: 4, padding: [[1, 2], [4, 3]] }),
  row([1, 2, 40, 8], [7, 7, 1, 8], { groups: 8, padding: [[6, 6], [2, 0]] }),
  row([1, 6, 6, 8], [3, 3, 1, 8], { groups: 8, padding: [[3, 0], [0, 4]] }),
  row([2, 9, 9, 23], [7, 7, 1, 23], { groups: 23, padding: same(3) }),
  row([1, 9, 10, 19], [3, 4, 1, 19], { groups: 19, padding: [[1, 2], [0, 1]], stride: [2, 3] }),
  row([1, 12, 10, 36], [3, 3, 1, 36], { groups: 36, padding: same(2), dilation: [2, 3] }),
  row([1, 5, 5, 3], [3, 3, 1, 6], { groups: 3, padding: same(1) }),
];
