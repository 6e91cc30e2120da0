import type { ConvolutionTexts } from "../../compiler/kernel_text.ts";
import { isDepthwise } from "../../contraction/traits.ts";
import { depthwise, windowsOf } from "./depthwise/depthwise.ts";
import { depthwiseWeightGradient } from "./depthwise/depthwise_weight_gradient.ts";
import { winogradRowsWgsl } from "./winograd/winograd.ts";
import { winogradOuterWgsl } from "./winograd/winograd_weight_gradient.ts";

/** Winograd's method, and windows of single channels. */
export const CONVOLUTION_TEXTS: ConvolutionTexts = {
  rows: winogradRowsWgsl,
  phase: (contraction, phase, limits) => {
    const windows = isDepthwise(contraction) ? windowsOf(contraction, phase) : null;
    return windows && depthwise(windows, limits);
  },
  outer: (contraction, limits) =>
    winogradOuterWgsl(contraction, limits) ??
      (isDepthwise(contraction) ? depthwiseWeightGradient(contraction, limits) : null),
};
