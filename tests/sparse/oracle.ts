/** @file What sparse operations mean, in plain loops over dense float64 arrays. Shares no code with the library. */

/** Images `[B, H, W, C]` in row-major order. */
export interface Images {
  readonly shape: readonly [number, number, number, number];
  readonly data: Float64Array;
}

/** Which cells are active, `[B][gh][gw]`. */
export type Mask = readonly (readonly (readonly number[])[])[];

/** Kernel, stride, padding before and after, dilation, groups: `[y, x]` each. */
export interface Geometry {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [readonly [number, number], readonly [number, number]];
  readonly dilation: readonly [number, number];
}

/** Makes images of a formula of the flat position. */
export function images(shape: Images["shape"], f: (k: number) => number): Images {
  return { shape, data: Float64Array.from({ length: shape.reduce((a, b) => a * b) }, (_, k) => f(k)) };
}

/** True if the pixel lies in an active cell. */
function isActive(mask: Mask, [, H, W]: readonly number[], b: number, y: number, x: number): boolean {
  const rows = mask[b]!;
  return rows[Math.floor(y / (H! / rows.length))]![Math.floor(x / (W! / rows[0]!.length))]! === 1;
}

/** Zero outside the active cells. */
export function masked(x: Images, mask: Mask): Images {
  const [, H, W, C] = x.shape;
  return images(x.shape, (k) => {
    const pixel = Math.floor(k / C);
    const active = isActive(mask, x.shape, Math.floor(pixel / (H * W)), Math.floor(pixel / W) % H, pixel % W);
    return active ? x.data[k]! : 0;
  });
}

/** Values of the active blocks, `[P, h, w, C]` flat, cells in raster order. */
export function blocks(x: Images, mask: Mask): number[] {
  const [, H, W, C] = x.shape;
  const [gh, gw] = [mask[0]!.length, mask[0]![0]!.length];
  const [h, w] = [H / gh, W / gw];
  const values: number[] = [];
  mask.forEach((rows, b) =>
    rows.forEach((row, gy) =>
      row.forEach((on, gx) => {
        for (let i = 0; on && i < h * w * C; i++) {
          const [iy, ix, c] = [Math.floor(i / (w * C)), Math.floor(i / C) % w, i % C];
          values.push(x.data[((b * H + gy * h + iy) * W + gx * w + ix) * C + c]!);
        }
      })
    )
  );
  return values;
}

/** Size of the dense output. */
export function outputSize([, H, W]: readonly number[], g: Geometry): readonly [number, number] {
  const along = (size: number, axis: 0 | 1) =>
    Math.floor(
      (size + g.padding[axis][0] + g.padding[axis][1] - g.dilation[axis] * (g.kernel[axis] - 1) - 1) / g.stride[axis],
    ) + 1;
  return [along(H!, 0), along(W!, 1)];
}

/** Calls `visit` for each output pixel and each tap that reads inside the image: pixels as flat numbers. */
function eachTap(
  shape: readonly number[],
  g: Geometry,
  visit: (output: number, tap: number, input: number) => void,
): void {
  const [B, H, W] = shape as [number, number, number];
  const [Ho, Wo] = outputSize(shape, g);
  for (let b = 0; b < B; b++) {
    for (let v = 0; v < Ho; v++) {
      for (let u = 0; u < Wo; u++) {
        for (let ty = 0; ty < g.kernel[0]; ty++) {
          for (let tx = 0; tx < g.kernel[1]; tx++) {
            const y = g.stride[0] * v - g.padding[0][0] + g.dilation[0] * ty;
            const x = g.stride[1] * u - g.padding[1][0] + g.dilation[1] * tx;
            if (y < 0 || y >= H || x < 0 || x >= W) continue;
            visit((b * Ho + v) * Wo + u, ty * g.kernel[1] + tx, (b * H + y) * W + x);
          }
        }
      }
    }
  }
}

/** Calls `visit` for every product of a convolution: flat positions in y, w `[T, Cin / groups, Cout]` and x. */
function eachProduct(
  shape: readonly number[],
  g: Geometry,
  cout: number,
  groups: number,
  visit: (y: number, w: number, x: number) => void,
): void {
  const cin = shape[3]!;
  const [share, width] = [cin / groups, cout / groups];
  eachTap(shape, g, (output, tap, input) => {
    for (let co = 0; co < cout; co++) {
      for (let ci = 0; ci < share; ci++) {
        const channel = Math.floor(co / width) * share + ci;
        visit(output * cout + co, (tap * share + ci) * cout + co, input * cin + channel);
      }
    }
  });
}

/** Dense convolution and both its gradients for the cotangent `dy`. */
export function convolve(x: Images, w: Float64Array, dy: Images, g: Geometry, groups: number): {
  readonly y: Images;
  readonly dx: Images;
  readonly dw: Float64Array;
} {
  const y = images(dy.shape, () => 0);
  const dx = images(x.shape, () => 0);
  const dw = new Float64Array(w.length);
  eachProduct(x.shape, g, dy.shape[3], groups, (i, j, k) => {
    y.data[i]! += w[j]! * x.data[k]!;
    dx.data[k]! += w[j]! * dy.data[i]!;
    dw[j]! += x.data[k]! * dy.data[i]!;
  });
  return { y, dx, dw };
}

/** How inactive sites within the image read. */
export type Inactive = "ignore" | "zero";

/** Max pooling of masked images and its gradient: to the first of the largest that is active. */
export function maxPool(x: Images, mask: Mask, dy: Images, g: Geometry, inactive: Inactive): {
  readonly y: Images;
  readonly dx: Images;
} {
  const [, H, W, C] = x.shape;
  const y = images(dy.shape, () => -Infinity);
  const winner = new Int32Array(y.data.length).fill(-1);
  eachTap(x.shape, g, (output, _, input) => {
    const active = isActive(mask, x.shape, Math.floor(input / (H * W)), Math.floor(input / W) % H, input % W);
    if (!active && inactive === "ignore") return;
    for (let c = 0; c < C; c++) {
      const value = active ? x.data[input * C + c]! : 0;
      if (value <= y.data[output * C + c]!) continue;
      y.data[output * C + c] = value;
      winner[output * C + c] = active ? input * C + c : -1;
    }
  });
  const dx = images(x.shape, () => 0);
  winner.forEach((input, k) => input >= 0 && (dx.data[input]! += dy.data[k]!));
  return { y: images(y.shape, (k) => y.data[k] === -Infinity ? 0 : y.data[k]!), dx };
}

/** Sums of windows over active pixels, their number, and the gradient of the sum. */
export function sumPool(x: Images, mask: Mask, dy: Images, g: Geometry): {
  readonly y: Images;
  readonly count: Images;
  readonly dx: Images;
} {
  const C = x.shape[3];
  const [y, count, dx] = [images(dy.shape, () => 0), images(dy.shape, () => 0), images(x.shape, () => 0)];
  const read = masked(x, mask);
  const ones = masked(images(x.shape, () => 1), mask);
  eachTap(x.shape, g, (output, _, input) => {
    for (let c = 0; c < C; c++) {
      y.data[output * C + c]! += read.data[input * C + c]!;
      count.data[output * C + c]! += ones.data[input * C + c]!;
      dx.data[input * C + c]! += dy.data[output * C + c]!;
    }
  });
  return { y, count, dx };
}
