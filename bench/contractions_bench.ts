/** @file Matrix product and convolutions of the decoder on the cpu, checked against each other before they are timed. */
import { ok } from "node:assert/strict";
import { conv2d, cpuDevice, jit, key, matmul, normal, realize, reshape, type Tensor } from "../tensor/mod.ts";
import { leaf } from "../tensor/mod.ts";

const device = cpuDevice();
const random = (shape: readonly number[]) =>
  leaf({ shape, dtype: "float32" }, { buffer: realize([normal(key(1), shape)], device)[0]! });

// A 1×1 convolution is a matrix product: the two kernels must agree.
const [x, w] = [random([1, 8, 8, 32]), random([1, 1, 32, 16])];
const rows = jit((x: Tensor, w: Tensor) => matmul(reshape(x, [64, 32]), reshape(w, [32, 16])), { device });
const images = jit((x: Tensor, w: Tensor) => conv2d(x, w), { device });
const [expected, actual] = [await rows(x, w).data(), await images(x, w).data()];
ok(actual.every((value, i) => Math.abs(value - expected[i]!) < 1e-4), "convolution and product differ");

const product = jit((a: Tensor, b: Tensor) => matmul(a, b), { device });
const square = random([512, 512]);
Deno.bench("matmul 512³, 0.27 GFLOP", { group: "matmul" }, () => product(square, square)[Symbol.dispose]());

const convolve = jit((x: Tensor, w: Tensor) => conv2d(x, w, { padding: 1 }), { device });
const [map, weight] = [random([2, 56, 56, 64]), random([3, 3, 64, 64])];
Deno.bench(
  "conv2d 3×3 64→64 56² batch 2, 0.46 GFLOP",
  { group: "conv2d" },
  () => convolve(map, weight)[Symbol.dispose](),
);
