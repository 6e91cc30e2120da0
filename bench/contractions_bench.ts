/** @file A matrix product and a convolution on the cpu; elements of what is timed are checked against the definition first. */
import { ok } from "node:assert/strict";
import { conv2d, cpuDevice, jit, key, leaf, matmul, normal, realize, type Tensor } from "../tensor/mod.ts";

const device = cpuDevice();
const random = (shape: readonly number[]) =>
  leaf({ shape, dtype: "float32" }, { buffer: realize([normal(key(1), shape)], device)[0]! });
const close = (actual: number, expected: number) =>
  ok(Math.abs(actual - expected) < 1e-3, `${actual}, not ${expected}`);

const N = 512;
const product = jit((a: Tensor, b: Tensor) => matmul(a, b), { device });
const square = random([N, N]);
const [entries, squared] = [await square.data(), await product(square, square).data()];
for (const [i, j] of [[0, 0], [7, 300], [N - 1, N - 1]] as const) {
  let sum = 0;
  for (let k = 0; k < N; k++) sum += entries[i * N + k]! * entries[k * N + j]!;
  close(squared[i * N + j]!, sum);
}

const [SIZE, CHANNELS] = [56, 64];
const convolve = jit((x: Tensor, w: Tensor) => conv2d(x, w, { padding: 1 }), { device });
const [images, weights] = [random([2, SIZE, SIZE, CHANNELS]), random([3, 3, CHANNELS, CHANNELS])];
const [pixels, taps, maps] = [await images.data(), await weights.data(), await convolve(images, weights).data()];
for (const [y, x, c] of [[0, 0, 0], [20, 33, 5], [SIZE - 1, SIZE - 1, CHANNELS - 1]] as const) {
  let sum = 0;
  for (let t = 0; t < 9; t++) {
    const [iy, ix] = [y + Math.floor(t / 3) - 1, x + t % 3 - 1];
    if (iy < 0 || iy >= SIZE || ix < 0 || ix >= SIZE) continue; // padding
    for (let k = 0; k < CHANNELS; k++) {
      sum += pixels[(iy * SIZE + ix) * CHANNELS + k]! * taps[(t * CHANNELS + k) * CHANNELS + c]!;
    }
  }
  close(maps[(y * SIZE + x) * CHANNELS + c]!, sum);
}

Deno.bench("matmul 512³, 0.27 GFLOP", { group: "matmul" }, () => product(square, square)[Symbol.dispose]());
Deno.bench(
  "conv2d 3×3 64→64 56² batch 2, 0.46 GFLOP",
  { group: "conv2d" },
  () => convolve(images, weights)[Symbol.dispose](),
);
