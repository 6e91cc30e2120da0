import { requireOptions } from "../../tensor/errors.ts";
import { augment, type Augmentation } from "./augment.ts";
import { dropAlpha } from "./decode.ts";
import type { RandomErasing } from "./erase.ts";
import { crop, type Pixels, type Rectangle } from "./pixels.ts";
import { type Filter, resample } from "./resample.ts";
import type { Draw } from "./draw.ts";

/** Mean and standard deviation of each colour, for values from 0 to 1. */
export interface Normalisation {
  /** Of each channel: red, green and blue. */
  readonly mean: readonly number[];
  /** Of each channel: red, green and blue. */
  readonly std: readonly number[];
}

/** The statistics of ImageNet that pre-trained models expect. */
export const IMAGENET_NORMALISATION: Normalisation = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/** Of grey images: the means of those of ImageNet. */
export const GREY_NORMALISATION: Normalisation = { mean: [0.449], std: [0.226] };

/** Of channels that are no colours: values from 0 (black) to 1 (white) become -2 to 2. */
const PLAIN = { mean: 0.5, std: 0.25 };

/**
 * The normalisation of images of some channels where nothing else is given.
 *
 * @param channels How many.
 * @returns ImageNet's for 3, its mean over the colours for 1, `(value - 0.5) / 0.25` for others.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { normalisationFor } from "@tessera/tessera/data";
 *
 * deepStrictEqual(normalisationFor(2), { mean: [0.5, 0.5], std: [0.25, 0.25] });
 * ```
 */
export function normalisationFor(channels: number): Normalisation {
  if (channels === 3) return IMAGENET_NORMALISATION;
  if (channels === 1) return GREY_NORMALISATION;
  return { mean: Array<number>(channels).fill(PLAIN.mean), std: Array<number>(channels).fill(PLAIN.std) };
}

/** A random part of the image, resized, perhaps flipped: torchvision's RandomResizedCrop and RandomHorizontalFlip. */
export interface RandomResizedCrop {
  /** Which transform. */
  readonly kind: "randomResizedCrop";
  /** Smallest and largest part of the area; `[0.67, 1]` if not given, as in SparK. */
  readonly scale?: readonly [number, number];
  /** Narrowest and widest crop, width / height; `[3/4, 4/3]` if not given. */
  readonly ratio?: readonly [number, number];
  /** Probability of a horizontal flip; 0.5 if not given. */
  readonly flip?: number;
  /** Kernel of the resize; `"bicubic"` if not given. */
  readonly filter?: Filter;
  /** Random operations after that; none if not given. */
  readonly augment?: Augmentation;
  /** Random erasing, after normalisation; none if not given. */
  readonly erase?: RandomErasing;
}

/** The whole image resized so that it just covers the size, then its centre: nothing random. */
export interface CenterCrop {
  /** Which transform. */
  readonly kind: "centerCrop";
  /** How much larger than the crop the image is resized; 1 if not given. ImageNet evaluation has 256 / 224. */
  readonly enlarge?: number;
  /** Kernel of the resize; `"bicubic"` if not given. */
  readonly filter?: Filter;
}

/** How an image becomes a sample of fixed size. Plain data, so that it can be sent to workers. */
export type Transform = RandomResizedCrop | CenterCrop;

/** Python's `round`, which torchvision uses: halves go to the even neighbour. */
function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  return x - floor === 0.5 ? floor + floor % 2 : Math.round(x);
}

/**
 * Chooses the rectangle of a random resized crop: area uniform in `scale`, logarithm of the aspect uniform in `ratio`,
 * ten tries, then the largest centred rectangle of an allowed aspect (torchvision's `RandomResizedCrop.get_params`).
 *
 * @param width Columns of the image.
 * @param height Rows of the image.
 * @param draw Source of randomness.
 * @param options `scale` and `ratio` as in `RandomResizedCrop`.
 * @returns A rectangle inside the image.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { dataKey, drawsOf, randomCropRectangle } from "@tessera/tessera/data";
 *
 * const whole = randomCropRectangle(40, 30, drawsOf(dataKey(1)), { scale: [1, 1], ratio: [4 / 3, 4 / 3] });
 * deepStrictEqual(whole, { left: 0, top: 0, width: 40, height: 30 });
 * ```
 */
export function randomCropRectangle(
  width: number,
  height: number,
  draw: Draw,
  options: Pick<RandomResizedCrop, "scale" | "ratio"> = {},
): Rectangle {
  requireOptions("randomCropRectangle", options, { scale: true, ratio: true });
  return drawCrop(width, height, draw, options);
}

/** As `randomCropRectangle`, of a whole transform. */
export function drawCrop(
  width: number,
  height: number,
  draw: Draw,
  { scale: [smallest, largest] = [0.67, 1], ratio: [narrow, wide] = [3 / 4, 4 / 3] }: Pick<
    RandomResizedCrop,
    "scale" | "ratio"
  >,
): Rectangle {
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = width * height * (smallest + draw() * (largest - smallest));
    const aspect = Math.exp(Math.log(narrow) + draw() * (Math.log(wide) - Math.log(narrow)));
    const w = roundHalfEven(Math.sqrt(area * aspect));
    const h = roundHalfEven(Math.sqrt(area / aspect));
    if (w > 0 && w <= width && h > 0 && h <= height) {
      const top = Math.floor(draw() * (height - h + 1));
      const left = Math.floor(draw() * (width - w + 1));
      return { left, top, width: w, height: h };
    }
  }
  const aspect = width / height;
  const w = aspect > wide ? Math.max(1, roundHalfEven(height * wide)) : width;
  const h = aspect < narrow ? Math.max(1, roundHalfEven(width / narrow)) : height;
  return { left: Math.floor((width - w) / 2), top: Math.floor((height - h) / 2), width: w, height: h };
}

/**
 * Makes an RGB image of the wanted size. Random erasing is left to `erase`, which takes normalised values.
 *
 * @param image Any image; alpha is dropped.
 * @param size Rows and columns of the result.
 * @param transform Which transform and its settings.
 * @param draw Source of randomness; not used by `"centerCrop"`.
 * @returns Three channels, `size[1]` wide and `size[0]` high.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { applyTransform, dataKey, drawsOf } from "@tessera/tessera/data";
 *
 * const image = { width: 2, height: 1, channels: 3, data: Uint8Array.of(0, 0, 0, 100, 50, 20) } as const;
 * const { width, height } = applyTransform(image, [4, 6], { kind: "centerCrop" }, drawsOf(dataKey(1)));
 * deepStrictEqual([height, width], [4, 6]);
 * ```
 */
export function applyTransform(
  image: Pixels,
  size: readonly [number, number],
  transform: Transform,
  draw: Draw,
): Pixels {
  const [height, width] = size;
  const filter = transform.filter ?? "bicubic";
  if (transform.kind === "centerCrop") return centerCrop(image, size, transform.enlarge ?? 1, filter);
  const rectangle = drawCrop(image.width, image.height, draw, transform);
  const resized = resample(dropAlpha(crop(image, rectangle)), { width, height, filter });
  const flipped = draw() < (transform.flip ?? 0.5) ? flipHorizontal(resized) : resized;
  return transform.augment ? augment(flipped, transform.augment, draw) : flipped;
}

/**
 * torchvision's Resize (shorter side, longer side cut to an integer) and CenterCrop.
 *
 * @param image Size of the image.
 * @param size Rows and columns of the crop.
 * @param enlarge How much larger the shorter side is before the crop.
 * @returns Size of the whole result, and the part of it that is the crop.
 */
export function centerCropOf(
  image: Pick<Pixels, "width" | "height">,
  [height, width]: readonly [number, number],
  enlarge: number,
): { readonly width: number; readonly height: number; readonly part: Rectangle } {
  const [minHeight, minWidth] = [Math.floor(height * enlarge), Math.floor(width * enlarge)];
  const byWidth = minWidth * image.height >= minHeight * image.width;
  const resized = {
    width: byWidth ? minWidth : Math.floor(minHeight * image.width / image.height),
    height: byWidth ? Math.floor(minWidth * image.height / image.width) : minHeight,
  };
  const left = roundHalfEven((resized.width - width) / 2);
  const top = roundHalfEven((resized.height - height) / 2);
  return { ...resized, part: { left, top, width, height } };
}

/** Of an image 20,000 wide and 1 high the whole would be 4,480,000 wide: only the part is made. */
function centerCrop(image: Pixels, size: readonly [number, number], enlarge: number, filter: Filter): Pixels {
  return resample(dropAlpha(image), { ...centerCropOf(image, size, enlarge), filter });
}

/**
 * Mirrors an image left to right.
 *
 * @param image Any image.
 * @returns A mirrored copy.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { flipHorizontal } from "@tessera/tessera/data";
 *
 * const image = { width: 2, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3, 4, 5, 6) } as const;
 * deepStrictEqual(flipHorizontal(image).data, Uint8Array.of(4, 5, 6, 1, 2, 3));
 * ```
 */
export function flipHorizontal(image: Pixels): Pixels {
  const { width, height, channels } = image;
  const data = new Uint8Array(image.data.length);
  let to = 0;
  for (let y = 0; y < height; y++) {
    for (let x = width - 1; x >= 0; x--) {
      const from = (y * width + x) * channels;
      for (let c = 0; c < channels; c++) data[to++] = image.data[from + c]!;
    }
  }
  return { ...image, data };
}
