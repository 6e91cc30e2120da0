/** @file Settings of the contraction primitives: plain JSON, shared by shape rules, references and the kernels of every device. */

/** Settings of a batched matrix product. */
export interface MatmulParams {
  /** True if `a` is `[...batch, K, M]`. */
  readonly transposeA: boolean;
  /** True if `b` is `[...batch, N, K]`. */
  readonly transposeB: boolean;
}

/** Settings of a convolution of images `[B, H, W, Cin]` with weights `[kh, kw, Cin / groups, Cout]`. Pairs are `[y, x]`. */
export interface ConvParams {
  /** Pixels between the windows of neighbouring outputs. */
  readonly stride: readonly [number, number];
  /** Rows and columns of zeros around the image: `[[top, bottom], [left, right]]`. */
  readonly padding: readonly [readonly [number, number], readonly [number, number]];
  /** Pixels between neighbouring taps. */
  readonly dilation: readonly [number, number];
  /** Output channels of group g see the input channels of group g only. */
  readonly groups: number;
}

/** Settings of the input gradient of a convolution: the output size alone does not tell the input's. */
export interface ConvInputGradientParams extends ConvParams {
  /** `[H, W]` of the convolution's input. */
  readonly inputSize: readonly [number, number];
}

/** Settings of the weight gradient of a convolution. */
export interface ConvWeightGradientParams extends ConvParams {
  /** `[kh, kw]` of the weights. */
  readonly kernelSize: readonly [number, number];
}

/** Settings of a convolution whose windows are rows of a table: `map[m, t]` is the input row of output m and tap t, or -1. */
export interface KernelMapConvParams {
  /** Output channels of group g see the input channels of group g only. */
  readonly groups: number;
  /** True to contract over the output channels of the weights `[T, Cin / groups, Cout]`, as gradients do. */
  readonly transposeWeight: boolean;
}

/** Settings of the weight gradient of a kernel map convolution. */
export interface KernelMapWeightGradientParams {
  /** As in the convolution. */
  readonly groups: number;
}
