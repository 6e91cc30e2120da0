/** @file Images in other sizes. */
import { requireList, requireOptions, ShapeError } from "../../errors.ts";
import { requireFloating } from "../../primitives/operands.ts";
import { take } from "../../primitives/gather.ts";
import { requireTensor } from "../../require_tensor.ts";
import type { Tensor } from "../../tensor.ts";
import { requireWhole } from "../conv_options.ts";
import { mapAxis } from "./axis_map.ts";

/** Options of `resize`. */
export interface ResizeOptions {
  /** `"bilinear"` by default. */
  readonly method?: "nearest" | "bilinear" | "bicubic";
  /** True to widen the filter where an image gets smaller, so that every pixel counts; false by default. */
  readonly antialias?: boolean;
}

/** The cubic of Keys with a parameter. */
function cubic(a: number): (x: number) => number {
  return (x) => {
    const t = Math.abs(x);
    if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
    return t < 2 ? a * (((t - 5) * t + 8) * t - 4) : 0;
  };
}

const triangle = (x: number) => Math.max(0, 1 - Math.abs(x));

/** Weights of the pixels of an axis for each pixel of the result: pixels are squares, their values those of their middles. */
function weightsOf(from: number, to: number, method: "bilinear" | "bicubic", antialias: boolean): Float64Array[] {
  const scale = from / to;
  const width = antialias ? Math.max(1, scale) : 1;
  const filter = method === "bilinear" ? triangle : cubic(antialias ? -0.5 : -0.75);
  const reach = (method === "bilinear" ? 1 : 2) * width;
  return Array.from({ length: to }, (_, i) => {
    const middle = (i + 0.5) * scale - 0.5;
    const row = new Float64Array(from);
    for (let j = Math.ceil(middle - reach); j <= Math.floor(middle + reach); j++) {
      // Beyond the edges the last pixel repeats; a widened filter leaves out what is not there.
      if (antialias && (j < 0 || j >= from)) continue;
      row[Math.min(Math.max(j, 0), from - 1)]! += filter((j - middle) / width);
    }
    const sum = row.reduce((all, weight) => all + weight, 0);
    return row.map((weight) => weight / sum);
  });
}

/**
 * Resizes images.
 *
 * Pixels are squares whose values are those of their middles, as in PyTorch with `align_corners=False`. Without `antialias`
 * the numbers are PyTorch's `interpolate`, with it PyTorch's with `antialias=True`, which are Pillow's without rounding.
 *
 * @param x Floating images `[B, H, W, C]`, or `[B, ...sizes, C]` with as many axes as sizes.
 * @param size Sizes of the result.
 * @param options `method`, `"bilinear"` by default; `antialias`, false by default.
 * @returns `[B, ...size, C]`.
 * @throws {RangeError} If a size is not whole or below 1, the method is none, or nearest is to be antialiased.
 * @throws {ShapeError} If there is not one size for each axis.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { resize, tensor } from "@tessera/tessera/tensor";
 *
 * const line = tensor([[[[0], [4]]]]);
 * deepStrictEqual(await resize(line, [1, 4]).data(), new Float32Array([0, 1, 3, 4]));
 * ```
 */
export function resize(x: Tensor, size: readonly number[], options: ResizeOptions = {}): Tensor {
  requireOptions("resize", options, { method: true, antialias: true });
  requireTensor("resize", "x", x);
  const { method = "bilinear", antialias = false } = options;
  requireFloating("resize", [x]);
  requireList("resize", "size", size);
  requireWhole("resize", "size", size, 1);
  if (x.shape.length !== size.length + 2) {
    throw new ShapeError("resize", `images must be [B, ...${size.length} sizes, C]`, [x.shape]);
  }
  if (!["nearest", "bilinear", "bicubic"].includes(method)) {
    throw new RangeError(`Cannot resize as method must be nearest, bilinear or bicubic: current method is ${method}`);
  }
  if (method === "nearest" && antialias) {
    throw new RangeError("Cannot resize as nearest takes single pixels: current antialias is true; use bilinear");
  }
  return size.reduce((y, to, i) => {
    const from = x.shape[i + 1]!;
    if (from === 0) throw new ShapeError("resize", "images must not be empty", [x.shape]);
    if (from === to) return y;
    if (method !== "nearest") return mapAxis(y, i + 1, weightsOf(from, to, method, antialias));
    const places = Array.from({ length: to }, (_, k) => Math.min(from - 1, Math.floor(k * from / to)));
    return take(y, places, { axis: i + 1 });
  }, x);
}
