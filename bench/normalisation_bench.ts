/** @file Batch and layer normalisation in training mode, forward and backward. */
import { random, type Tensor, type Tree, type TypedArray, vjp, zeros } from "../tensor/mod.ts";
import { batchNorm, initBatchNorm, layerNorm, type NormParams } from "../nn/mod.ts";
import { checkElements } from "./definitions.ts";
import { benchKernel, runKernels } from "./kernel_benchmark.ts";

/** Pixels by channels, as in ResNet-50, the decoder, ConvNeXt-S on packed rows. */
const SHAPES = [[25_088, 64], [1568, 1024], [100_352, 96], [10_240, 96], [640, 384]] as const;

interface Norm {
  readonly name: string;
  readonly epsilon: number;
  /** Times that all values pass through memory: forward, backward. */
  readonly passes: readonly [number, number];
  readonly apply: (params: NormParams, x: Tensor) => Tensor;
  /** Positions that are normalised together with one. */
  readonly mates: (at: number, rows: number, channels: number) => readonly number[];
}

const NORMS: readonly Norm[] = [
  {
    name: "batch norm",
    epsilon: 1e-5,
    passes: [3, 5], // statistics, then the result; two sums, then the gradient
    apply: (params, x) => batchNorm(params, initBatchNorm(x.shape[1]!).state, x, { train: true }).output,
    mates: (at, rows, channels) => Array.from({ length: rows }, (_, row) => row * channels + at % channels),
  },
  {
    name: "layer norm",
    epsilon: 1e-6,
    passes: [2, 3], // a row stays in the cache
    apply: (params, x) => layerNorm(params, x),
    mates: (at, _, channels) => Array.from({ length: channels }, (_, c) => at - at % channels + c),
  },
];

/** Weights that differ from channel to channel, so that a wrong one shows. */
function paramsOf(channels: number): readonly Tensor[] {
  return [random.normal(random.key(7), [channels]), random.normal(random.key(8), [channels])];
}

/** x̂ at some positions, and 1 / σ. */
function normalized(x: TypedArray, mates: readonly number[], epsilon: number) {
  const mean = mates.reduce((sum, at) => sum + x[at]!, 0) / mates.length;
  const variance = mates.reduce((sum, at) => sum + (x[at]! - mean) ** 2, 0) / mates.length;
  const scale = 1 / Math.sqrt(variance + epsilon);
  return { of: (at: number) => (x[at]! - mean) * scale, scale };
}

function forwardBench(
  { name, epsilon, passes, apply, mates }: Norm,
  [rows, channels]: readonly [number, number],
): void {
  const title = `${name} [${rows}, ${channels}] forward`;
  benchKernel({
    group: name,
    name: title,
    bytes: 4 * passes[0] * rows * channels,
    inputs: () => [random.normal(random.key(0), [rows, channels]), ...paramsOf(channels)],
    program: (x, weight, bias) => apply({ weight: weight!, bias: bias! }, x!),
    check: ([x, weight, bias], [result]) =>
      checkElements(title, result!, 1, (at) => {
        const c = at % channels;
        return normalized(x!, mates(at, rows, channels), epsilon).of(at) * weight![c]! + bias![c]!;
      }),
  });
}

function backwardBench(
  { name, epsilon, passes, apply, mates }: Norm,
  [rows, channels]: readonly [number, number],
): void {
  const title = `${name} [${rows}, ${channels}] backward`;
  benchKernel({
    group: name,
    name: title,
    bytes: 4 * passes[1] * rows * channels,
    inputs: () => [
      random.normal(random.key(0), [rows, channels]),
      random.normal(random.key(1), [rows, channels]),
      ...paramsOf(channels),
    ],
    program: (x, dy, weight) => {
      const params = { weight: weight!, bias: zeros([channels]) };
      return vjp(((x: Tensor) => apply(params, x)) as (x: Tree) => Tree, x!)[1](dy!)[0]!;
    },
    // dx = (g - mean g - x̂ · mean g·x̂) / σ with g = dy · weight
    check: ([x, dy, weight], [result]) =>
      checkElements(title, result!, 1, (at) => {
        const group = mates(at, rows, channels);
        const { of, scale } = normalized(x!, group, epsilon);
        const g = (i: number) => dy![i]! * weight![i % channels]!;
        const first = group.reduce((sum, i) => sum + g(i), 0) / group.length;
        const second = group.reduce((sum, i) => sum + g(i) * of(i), 0) / group.length;
        return (g(at) - first - of(at) * second) * scale;
      }),
  });
}

for (const norm of NORMS) {
  SHAPES.forEach((shape) => forwardBench(norm, shape));
  SHAPES.forEach((shape) => backwardBench(norm, shape));
}

await runKernels();
