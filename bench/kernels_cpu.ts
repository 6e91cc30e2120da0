/**
 * @file Speed of the cpu kernels on one thread, at the shapes that decide a training step of ResNet-50 and its decoder.
 * Run `deno run -A bench/kernels_cpu.ts [part of a name] [--direct]`; FLOP of a convolution are those of its definition. After its timing each row is checked, and a wrong one ends the run: samples of a
 * convolution's output against the definition in float64, and gradients by `⟨y, dy⟩ = ⟨x, dx⟩ = ⟨w, dw⟩`.
 */
import { ok } from "node:assert/strict";
import type { ConvParams } from "../tensor/compiler/conv_params.ts";
import type { WatKernel } from "../tensor/compiler/kernel.ts";
import { conv2dWat } from "../tensor/cpu/kernels/conv2d.ts";
import { conv2dInputGradientWat } from "../tensor/cpu/kernels/conv2d_input_gradient.ts";
import { conv2dWeightGradientWat } from "../tensor/cpu/kernels/conv2d_weight_gradient.ts";
import { kernelMapConvWat } from "../tensor/cpu/kernels/kernel_map_conv.ts";
import { kernelMapWeightGradientWat } from "../tensor/cpu/kernels/kernel_map_weight_gradient.ts";
import { matmulWat } from "../tensor/cpu/kernels/matmul.ts";
import { sizeOf, type TensorSpec } from "../tensor/spec.ts";
import { convShape } from "../tests/tensor/cpu_kernels/definitions.ts";
import { LoadedKernel, randomFloats, type Sample } from "../tests/tensor/cpu_kernels/harness.ts";

const SECONDS = 0.3;
const OPTIONS = { winograd: !Deno.args.includes("--direct") };
const { log } = console;

function spec(shape: readonly number[]): TensorSpec {
  return { shape, dtype: "float32" };
}

/** Runs a kernel for a while and prints its speed; returns its output. */
function measure(
  name: string,
  kernel: WatKernel,
  inputs: readonly Sample[],
  output: TensorSpec,
  flops: number,
): Sample {
  const loaded = new LoadedKernel(kernel, inputs, output);
  loaded.run(); // the engine's optimizing compiler starts
  const times: number[] = [];
  for (const begin = performance.now(); times.length < 2 || performance.now() - begin < SECONDS * 1000;) {
    const start = performance.now();
    loaded.run();
    times.push(performance.now() - start);
  }
  const best = Math.min(...times);
  log(
    `${name.padEnd(56)} ${(flops / best / 1e6).toFixed(1).padStart(6)} GFLOP/s ${best.toFixed(2).padStart(9)} ms`,
  );
  return { ...output, data: loaded.output() };
}

/** Inner product in float64. */
function inner(a: Sample, b: Sample): number {
  return Array.from(a.data).reduce((sum, value, i) => sum + value * b.data[i]!, 0);
}

/** Checks that three computations of one inner product agree, up to rounding. */
function checkAdjoint(name: string, products: readonly number[], terms: number): void {
  const spread = Math.max(...products) - Math.min(...products);
  ok(spread <= 1e-5 * Math.sqrt(terms), `${name}: inner products are ${products.join(", ")}`);
}

/** A convolution of square images with square kernels: batch, size, channels in and out, kernel, stride, padding, groups. */
type ConvRow = readonly [number, number, number, number, number, number, number, number];

function benchConv([batch, size, channels, outChannels, kernel, stride, pad, groups]: ConvRow): void {
  const params = { stride: [stride, stride], padding: [[pad, pad], [pad, pad]], dilation: [1, 1], groups } as const;
  const name = `${kernel}×${kernel}/${stride} ${channels}→${outChannels} at ${size}, batch ${batch}, ${groups} groups`;
  const x = randomFloats([batch, size, size, channels], 1);
  const w = randomFloats([kernel, kernel, channels / groups, outChannels], 2);
  const dy = randomFloats(convShape(x.shape, w.shape, params), 3);
  const flops = 2 * sizeOf(dy.shape) * sizeOf(w.shape.slice(0, 3));
  const y = measure(`conv2d ${name}`, conv2dWat([x, w], dy, params, OPTIONS), [x, w], spec(dy.shape), flops);
  checkSamples(name, x, w, y, params);
  const forInput = conv2dInputGradientWat([dy, w], x, { ...params, inputSize: [size, size] }, OPTIONS);
  const dx = measure(`conv2dInputGradient ${name}`, forInput, [dy, w], spec(x.shape), flops);
  const forWeight = conv2dWeightGradientWat([x, dy], w, { ...params, kernelSize: [kernel, kernel] });
  const dw = measure(`conv2dWeightGradient ${name}`, forWeight, [x, dy], spec(w.shape), flops);
  checkAdjoint(name, [inner(y, dy), inner(x, dx), inner(w, dw)], flops);
}

/** Checks 50 elements of a convolution's output. */
function checkSamples(name: string, x: Sample, w: Sample, y: Sample, params: ConvParams): void {
  const [, height, width, pixel] = x.shape as [number, number, number, number];
  const [kh, kw, channels, outChannels] = w.shape as [number, number, number, number];
  for (let sample = 0; sample < 50; sample++) {
    const i = Math.floor(y.data.length * sample / 50) + sample % outChannels;
    const [m, n] = [Math.floor(i / outChannels), i % outChannels];
    const [image, oy, ox] = [
      Math.floor(m / (y.shape[1]! * y.shape[2]!)),
      Math.floor(m / y.shape[2]!) % y.shape[1]!,
      m % y.shape[2]!,
    ];
    const first = Math.floor(n / (outChannels / params.groups)) * channels;
    let expected = 0;
    for (let k = 0; k < kh * kw * channels; k++) {
      const [tap, c] = [Math.floor(k / channels), k % channels];
      const iy = oy * params.stride[0] - params.padding[0][0] + Math.floor(tap / kw);
      const ix = ox * params.stride[1] - params.padding[1][0] + tap % kw;
      if (iy < 0 || iy >= height || ix < 0 || ix >= width) continue;
      expected += x.data[((image * height + iy) * width + ix) * pixel + first + c]! * w.data[k * outChannels + n]!;
    }
    ok(Math.abs(expected - y.data[i]!) < 1e-3, `${name}: element ${i} is ${y.data[i]}, not ${expected}`);
  }
}

/** A kernel map convolution: rows, taps, channels in and out, groups. */
type MapRow = readonly [number, number, number, number, number];

function benchMap([rows, taps, channels, outChannels, groups]: MapRow): void {
  const name = `[${rows}, ${channels}]→[${rows}, ${outChannels}], ${taps} taps, ${groups} groups`;
  // neighbours in the order of the rows, every tenth missing; symmetric, so that the inverse is the map with taps reversed
  const entry = (m: number, t: number) => {
    const source = m + t - (taps >> 1);
    return source >= 0 && source < rows && (m + source) % 10 ? source : -1;
  };
  const table = (tap: (t: number) => number): Sample => ({
    shape: [rows, taps],
    dtype: "int32",
    data: Int32Array.from({ length: rows * taps }, (_, i) => entry(Math.floor(i / taps), tap(i % taps))),
  });
  const [map, inverse] = [table((t) => t), table((t) => taps - 1 - t)];
  const [x, dy] = [randomFloats([rows, channels], 1), randomFloats([rows, outChannels], 3)];
  const w = randomFloats([taps, channels / groups, outChannels], 2);
  const flops = 2 * rows * sizeOf(w.shape);
  const forward = kernelMapConvWat([x, w, map], dy, { groups, transposeWeight: false });
  const y = measure(`kernelMapConv ${name}`, forward, [x, w, map], spec(dy.shape), flops);
  const forInput = kernelMapConvWat([dy, w, inverse], x, { groups, transposeWeight: true });
  const dx = measure(`kernelMapConv transposed ${name}`, forInput, [dy, w, inverse], spec(x.shape), flops);
  const forWeight = kernelMapWeightGradientWat([x, dy, map], w, { groups });
  const dw = measure(`kernelMapWeightGradient ${name}`, forWeight, [x, dy, map], spec(w.shape), flops);
  checkAdjoint(name, [inner(y, dy), inner(x, dx), inner(w, dw)], flops);
}

function benchMatmul([rows, columns, steps]: readonly [number, number, number]): void {
  const [a, b, dy] = [
    randomFloats([rows, steps], 1),
    randomFloats([steps, columns], 2),
    randomFloats([rows, columns], 3),
  ];
  const [name, flops] = [`[${rows}, ${steps}]×[${steps}, ${columns}]`, 2 * rows * columns * steps];
  const kernel = (left: Sample, right: Sample, output: Sample, transposeA: boolean, transposeB: boolean) =>
    matmulWat([left, right], output, { transposeA, transposeB });
  const y = measure(`matmul ${name}`, kernel(a, b, dy, false, false), [a, b], spec(dy.shape), flops);
  const da = measure(
    `matmul, right factor transposed ${name}`,
    kernel(dy, b, a, false, true),
    [dy, b],
    spec(a.shape),
    flops,
  );
  const db = measure(
    `matmul, left factor transposed ${name}`,
    kernel(a, dy, b, true, false),
    [a, dy],
    spec(b.shape),
    flops,
  );
  checkAdjoint(name, [inner(y, dy), inner(a, da), inner(b, db)], flops);
}

const MATMULS = [[512, 512, 512], [10240, 384, 96], [640, 1536, 384], [8, 1000, 2048]] as const;
// the decoder, its transposed convolutions, the stem, a stage of the encoder, a depthwise one
const CONVS: readonly ConvRow[] = [
  [8, 14, 768, 768, 3, 1, 1, 1],
  [4, 28, 384, 384, 3, 1, 1, 1],
  [2, 56, 192, 192, 3, 1, 1, 1],
  [1, 112, 96, 96, 3, 1, 1, 1],
  [1, 224, 48, 48, 3, 1, 1, 1],
  [8, 14, 768, 768, 4, 2, 1, 1],
  [4, 56, 384, 384, 4, 2, 1, 1],
  [1, 112, 192, 192, 4, 2, 1, 1],
  [1, 224, 96, 96, 4, 2, 1, 1],
  [1, 224, 3, 64, 7, 2, 3, 1],
  [8, 7, 512, 512, 3, 1, 1, 1],
  [2, 56, 256, 512, 1, 2, 0, 1],
  [1, 56, 96, 96, 7, 1, 3, 96],
];
const MAPS: readonly MapRow[] = [
  [10240, 9, 64, 64, 1],
  [2560, 9, 128, 128, 1],
  [640, 9, 256, 256, 1],
  [160, 9, 512, 512, 1],
  [10240, 1, 64, 256, 1],
  [10240, 49, 3, 64, 1],
  [10240, 49, 96, 96, 96],
  [640, 49, 384, 384, 384],
];

const wanted = Deno.args.find((arg) => !arg.startsWith("--")) ?? "";
if ("matmul".includes(wanted)) MATMULS.forEach(benchMatmul);
if ("conv2d".includes(wanted)) CONVS.forEach(benchConv);
if ("kernelMap".includes(wanted)) MAPS.forEach(benchMap);
