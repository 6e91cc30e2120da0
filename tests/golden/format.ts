/** @file The format of golden files: traces of the official implementation, and the rules by which models are filled. */

/** Numbers that tell a tensor: NCHW shape, statistics, and samples. */
export interface Summary {
  readonly shape: readonly number[];
  readonly mean: number;
  readonly meanAbs: number;
  readonly l2: number;
  /** Flat NCHW positions of the samples. */
  readonly at: readonly number[];
  readonly values: readonly number[];
}

/** What the official implementation computed in one dtype. */
export interface Expected {
  readonly dtype: "float64" | "float32";
  readonly loss: number;
  /** Fine to coarse. */
  readonly encoder: readonly Summary[];
  /** Coarse to fine. */
  readonly densified: readonly Summary[];
  readonly reconstruction: Summary;
  readonly gradientL2: Readonly<Record<string, number>>;
  readonly gradientSamples: Readonly<Record<string, Summary>>;
  readonly training?: {
    readonly optimizer: string;
    readonly lr: number;
    readonly weightDecay: number;
    readonly beta1: number;
    readonly beta2: number;
    readonly eps: number;
    readonly maxGradNorm: number;
    /** Before each step, and after the last. */
    readonly losses: readonly number[];
    readonly globalGradientNorm: readonly number[];
  };
  readonly parameterL2AfterOneStep?: Readonly<Record<string, number>>;
  readonly buffersAfterTraining?: Readonly<Record<string, Summary>>;
  readonly evaluation?: { readonly loss: number; readonly masked: Summary; readonly composite: Summary };
}

/** Sizes, mask and filling of a case. */
export interface Spec {
  readonly encoder:
    | { readonly family: "convnext"; readonly depths: readonly number[]; readonly dims: readonly number[] }
    | {
      readonly family: "resnet";
      readonly block: "basic" | "bottleneck";
      readonly depths: readonly number[];
      readonly stemWidth?: number;
    };
  readonly inputSize: number | readonly [number, number];
  readonly decoderWidth: number;
  readonly densifyNorm: string;
  readonly fillOffset: number;
  /** Per image, rows of the patch grid; 1 is visible. */
  readonly active: readonly (readonly (readonly number[])[])[];
}

/** One model, traced in float64 and perhaps in float32 too. */
export interface Case {
  readonly name: string;
  readonly spec: Spec;
  readonly expected: readonly Expected[];
  /** By quantity: the largest error of official float32 runs against the float64 trace. */
  readonly float32Spread?: Readonly<Record<string, number>>;
}

/**
 * The file's hash: a number in [-1, 1) for element `k` of tensor `j`.
 *
 * @param k Flat index.
 * @param j Position of the tensor.
 * @returns The number.
 */
export function hashUniform(k: number, j: number): number {
  let h = (k + Math.imul(0x9E3779B9, j + 1)) >>> 0;
  h ^= h >>> 16;
  h = Math.imul(h, 0x7feb352d);
  h ^= h >>> 15;
  h = Math.imul(h, 0x846ca68b);
  h ^= h >>> 16;
  return (h >>> 0) / 2 ** 31 - 1;
}

/**
 * Fills one tensor of the official state dict.
 *
 * @param key Its name.
 * @param shape Its official shape.
 * @param j Its position, offset included.
 * @returns Its numbers in official order.
 */
export function fillTensor(key: string, shape: readonly number[], j: number): Float64Array {
  const size = shape.reduce((product, dim) => product * dim, 1);
  const [offset, scale] = fillRule(key, shape, size);
  const values = new Float64Array(size).fill(offset);
  if (scale !== 0) for (let k = 0; k < size; k++) values[k] = offset + scale * hashUniform(k, j);
  return values;
}

/** Values are `offset + scale · u`. */
function fillRule(key: string, shape: readonly number[], size: number): readonly [offset: number, scale: number] {
  if (/(^|\.)(running_mean|num_batches_tracked)$|^(imn_m|imn_s|norm_black)$/.test(key)) return [0, 0];
  if (/(^|\.)running_var$/.test(key)) return [1, 0];
  if (key.endsWith(".gamma")) return [0.5, 0.1];
  if (key.includes("mask_token")) return [0, 0.02];
  if (shape.length >= 2) return [0, Math.sqrt(6 / (size / shape[0]!))];
  if (key.endsWith(".bias")) return [0, 0.05];
  return [1, 0.1];
}

/**
 * Makes the images of a case.
 *
 * @param shape `[B, H, W]`.
 * @param fillOffset Of the case.
 * @returns Numbers of `[B, H, W, 3]`.
 */
export function fillImages([batch, height, width]: readonly [number, number, number], fillOffset: number): Float64Array {
  const values = new Float64Array(batch * height * width * 3);
  let k = 0;
  for (let b = 0; b < batch; b++) {
    for (let c = 0; c < 3; c++) {
      for (let p = 0; p < height * width; p++, k++) {
        values[(b * height * width + p) * 3 + c] = Math.sin(0.0137 * k) + 0.5 * hashUniform(k, 999 + fillOffset);
      }
    }
  }
  return values;
}
