import type { Pixels } from "./pixels.ts";
import { IMAGENET_NORMALISATION, type Normalisation } from "./transforms.ts";

/**
 * Turns bytes into centred values: `(x / 255 - mean) / std`, each step rounded to float32 as in torchvision.
 *
 * @param image RGB image.
 * @param normalisation Mean and standard deviation of each colour; those of ImageNet if not given.
 * @returns `[H, W, 3]` row-major.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { normalise } from "@tessera/tessera/data";
 *
 * const image = { width: 1, height: 1, channels: 3, data: Uint8Array.of(0, 255, 255) } as const;
 * deepStrictEqual(normalise(image, { mean: [0, 0, 0.5], std: [1, 1, 0.5] }), Float32Array.of(0, 1, 1));
 * ```
 */
export function normalise(
  image: Pixels,
  normalisation: Normalisation = IMAGENET_NORMALISATION,
): Float32Array<ArrayBuffer> {
  const { mean, std } = normalisation;
  const f = Math.fround;
  const tables = mean.map((m, c) => Float32Array.from({ length: 256 }, (_, x) => f(f(f(x / 255) - f(m)) / f(std[c]!))));
  const [red, green, blue] = tables as [Float32Array, Float32Array, Float32Array];
  const values = new Float32Array(image.width * image.height * 3);
  for (let i = 0; i < values.length; i += 3) {
    const from = i / 3 * image.channels;
    values[i] = red[image.data[from]!]!;
    values[i + 1] = green[image.data[from + 1]!]!;
    values[i + 2] = blue[image.data[from + 2]!]!;
  }
  return values;
}

/**
 * Turns centred values back into an image: `(x * std + mean) * 255`, rounded, clamped to 0 … 255.
 *
 * @param values `[H, W, C]` row-major, as many channels as the normalisation has; NaN becomes 0.
 * @param size Rows and columns.
 * @param normalisation What `normalise` was called with; that of ImageNet if not given.
 * @returns RGB image: grey of one or two channels, of more than three the first three.
 * @throws {RangeError} If there are not `H * W * C` values.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { denormalise, normalise } from "@tessera/tessera/data";
 *
 * const image = { width: 1, height: 1, channels: 3, data: Uint8Array.of(7, 100, 255) } as const;
 * deepStrictEqual(denormalise(normalise(image), [1, 1]), image);
 * ```
 */
export function denormalise(
  values: ArrayLike<number>,
  size: readonly [number, number],
  normalisation: Normalisation = IMAGENET_NORMALISATION,
): Pixels {
  const [height, width] = size;
  const { mean, std } = normalisation;
  const channels = mean.length;
  if (values.length !== height * width * channels) {
    throw new RangeError(
      `Cannot denormalise as there must be ${height} * ${width} * ${channels} values: current number is ${values.length}`,
    );
  }
  const data = new Uint8ClampedArray(height * width * 3); // rounds and clamps on writing
  for (let i = 0; i < height * width; i++) {
    for (let c = 0; c < 3; c++) {
      const from = channels < 3 ? 0 : c;
      data[3 * i + c] = (values[i * channels + from]! * std[from]! + mean[from]!) * 255;
    }
  }
  return { width, height, channels: 3, data: new Uint8Array(data.buffer) };
}
