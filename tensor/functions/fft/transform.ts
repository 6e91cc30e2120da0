/** @file The discrete Fourier transform of the last axis, as products with small matrices. */
import { mul } from "../../primitives/arithmetic.ts";
import { constant } from "../../primitives/constant.ts";
import { reshape, transpose } from "../../primitives/layout.ts";
import { matmul } from "../../primitives/matmul.ts";
import { pad, slice } from "../../primitives/window.ts";
import type { Tensor } from "../../tensor.ts";
import { concat } from "../axes.ts";
import { type Complex, conjugate, onBoth, times, unitCircle } from "./complex.ts";

/** Sizes up to here are one product with the whole matrix of the transform. */
const DIRECT = 32;
/** Prime factors up to here too; lengths with larger ones go by Bluestein's way. */
const LARGEST_PRIME = 64;

/** A factor of a length that is transformed at once: as large as `DIRECT` allows, or a larger prime; 0 if there is none. */
function factorOf(n: number): number {
  for (let factor = Math.min(DIRECT, n - 1); factor > 1; factor--) if (n % factor === 0) return factor;
  return 0;
}

function largestPrime(n: number): number {
  let [rest, largest] = [n, 1];
  for (let p = 2; p * p <= rest; p++) {
    while (rest % p === 0) [rest, largest] = [rest / p, p];
  }
  return rest > 1 ? rest : largest;
}

function dtypeOf(z: Complex): "float32" | "float64" {
  return z.re.dtype === "float64" ? "float64" : "float32";
}

/**
 * Transforms lines.
 *
 * @param z Lines `[B, n]`.
 * @returns `Σ z[j] e^(-2πi jk / n)` for each k.
 */
export function transformLines(z: Complex): Complex {
  const n = z.re.shape[1]!;
  if (n <= 1) return z;
  if (n <= DIRECT) return direct(z, n);
  if (largestPrime(n) > LARGEST_PRIME) return bluestein(z, n);
  const factor = factorOf(n);
  return factor === 0 ? direct(z, n) : split(z, n, factor);
}

/** One real product of `[re | im]` with the matrix `[[C, S], [-S, C]]`. */
function direct(z: Complex, n: number): Complex {
  const batch = z.re.shape[0]!;
  const angles = Float64Array.from({ length: n * n }, (_, t) => -2 * Math.PI * ((Math.floor(t / n) * (t % n)) % n) / n);
  const { re: c, im: s } = unitCircle(angles, [n, n], dtypeOf(z));
  const matrix = concat([concat([c, s], { axis: 1 }), concat([mul(s, -1), c], { axis: 1 })]);
  const both = matmul(concat([z.re, z.im], { axis: 1 }), matrix);
  const half = (from: number) => slice(both, { start: [0, from], size: [batch, n] });
  return { re: half(0), im: half(n) };
}

/** With j = j1 m + j2 and k = k1 + k2 f: transforms over j1, turns by e^(-2πi j2 k1 / n), transforms over j2 (Cooley, Tukey). */
function split(z: Complex, n: number, f: number): Complex {
  const m = n / f;
  const batch = z.re.shape[0]!;
  const swapped = (x: Tensor, shape: readonly [number, number]) => transpose(reshape(x, [batch, ...shape]), [0, 2, 1]);
  const columns = onBoth(z, (x) => reshape(swapped(x, [f, m]), [batch * m, f])); // [batch, j2, j1]
  const inner = onBoth(transformLines(columns), (x) => reshape(x, [batch, m, f])); // [batch, j2, k1]
  const angles = Float64Array.from({ length: n }, (_, t) => -2 * Math.PI * Math.floor(t / f) * (t % f) / n);
  const turned = times(inner, unitCircle(angles, [m, f], dtypeOf(z)));
  const rows = onBoth(turned, (x) => reshape(transpose(x, [0, 2, 1]), [batch * f, m])); // [batch, k1, j2]
  const outer = transformLines(rows); // [batch, k1, k2]
  return onBoth(outer, (x) => reshape(swapped(x, [f, m]), [batch, n]));
}

/** As a convolution with e^(πi j² / n), which is a product of transforms of a power of two (Bluestein, 1970). */
function bluestein(z: Complex, n: number): Complex {
  const size = 2 ** Math.ceil(Math.log2(2 * n - 1));
  const batch = z.re.shape[0]!;
  // Squares modulo 2n: exact angles for every length.
  const angle = (j: number) => Math.PI * Number(BigInt(j) * BigInt(j) % BigInt(2 * n)) / n;
  const chirp = unitCircle(Float64Array.from({ length: n }, (_, j) => -angle(j)), [n], dtypeOf(z));
  const part = (at: (t: number) => number, length: number) =>
    unitCircle(Float64Array.from({ length }, (_, t) => angle(at(t))), [1, length], dtypeOf(z));
  const [head, tail] = [part((t) => t, n), part((t) => n - 1 - t, n - 1)];
  const gap = constant([1, size - 2 * n + 1], 0, dtypeOf(z));
  const filter = transformLines({
    re: concat([head.re, gap, tail.re], { axis: 1 }),
    im: concat([head.im, gap, tail.im], { axis: 1 }),
  });
  const padded = onBoth(times(z, chirp), (x) => pad(x, [[0, 0], [0, size - n]]));
  const product = times(transformLines(padded), filter);
  const back = onBoth(conjugate(transformLines(conjugate(product))), (x) => mul(x, 1 / size));
  const first = onBoth(back, (x) => slice(x, { start: [0, 0], size: [batch, n] }));
  return times(first, chirp);
}
