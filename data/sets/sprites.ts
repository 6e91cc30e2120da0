import { requireOptions } from "../../tensor/errors.ts";
import { paintBackground } from "../images/background.ts";
import type { Dataset } from "./dataset.ts";
import { type ImageFilesOptions, readImage } from "./image_files.ts";
import type { Pixels } from "../images/pixels.ts";
import { resample } from "../images/resample.ts";
import { laySprite, premultiplied } from "../images/sprite.ts";
import type { Draw } from "../images/draw.ts";

/** What `sprites` is made of. Plain data. */
export interface SpritesOptions extends ImageFilesOptions {
  /** What messages call each sample; the paths if not given. */
  readonly names?: readonly string[];
  /** Width and height of a composed image in pixels; 160 if not given. */
  readonly canvas?: number;
  /** Smallest and largest size of an object on the canvas, as a part of it; `[0.65, 0.95]` if not given. */
  readonly scale?: readonly [number, number];
}

/** How many decoded sprites a data set keeps. */
const CACHED = 256;

/**
 * Makes a data set of cut-out objects (images with alpha), each put on a painted background at a random size and place,
 * with a shadow below. An epoch shows each object once, every time in another composition.
 *
 * @param options Paths, labels, and sizes.
 * @returns A data set of square RGB images.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { sprites } from "@tessera/tessera/data";
 *
 * equal(sprites({ name: "one", files: ["apple.webp"], names: ["apple"] }).nameOf(0), "apple");
 * ```
 */
export function sprites(options: SpritesOptions): Dataset {
  requireOptions("sprites", options, {
    names: true,
    canvas: true,
    scale: true,
    name: true,
    files: true,
    labels: true,
    labelNames: true,
  });
  const { name, files, names = files, labels, labelNames, canvas = 160, scale: [smallest, largest] = [0.65, 0.95] } =
    options;
  const { labels: _labels, labelNames: _labelNames, ...plain } = options;
  const spriteOf = spriteReader(files, Math.ceil(canvas * largest));
  return {
    name,
    length: files.length,
    ...(labels ? { labels } : {}),
    ...(labelNames ? { labelNames } : {}),
    source: { module: import.meta.url, factory: "sprites", args: [plain] },
    nameOf: (index) => names[index]!,
    load: async (index, draw) => {
      const sprite = await spriteOf(index);
      return compose(paintBackground(canvas, draw), sprite, smallest + draw() * (largest - smallest), draw);
    },
  };
}

/**
 * Decodes sprites once each, as large as they are needed at most; the oldest leaves a full cache.
 *
 * @param files Paths, by number.
 * @param side The longer side in pixels that no sprite is drawn larger than.
 * @returns Gives a sprite by its number, premultiplied.
 */
export function spriteReader(files: readonly string[], side: number): (index: number) => Promise<Pixels> {
  const cache = new Map<number, Pixels>();
  return async (index) => {
    const known = cache.get(index);
    if (known) return known;
    const sprite = premultiplied(await readImage(files[index]!));
    const shrink = Math.min(1, side / Math.max(sprite.width, sprite.height));
    const width = Math.max(1, Math.round(sprite.width * shrink));
    const height = Math.max(1, Math.round(sprite.height * shrink));
    const small = resample(sprite, { width, height });
    if (cache.size >= CACHED) cache.delete(cache.keys().next().value!);
    cache.set(index, small);
    return small;
  };
}

/** Puts a sprite with its shadow on the background: `scale` is its longer side as a part of the canvas. */
function compose(background: Pixels, sprite: Pixels, scale: number, draw: Draw): Pixels {
  const side = scale * background.width;
  const longer = Math.max(sprite.width, sprite.height);
  const width = Math.max(1, Math.round(sprite.width * side / longer));
  const height = Math.max(1, Math.round(sprite.height * side / longer));
  const object = resample(sprite, { width, height, filter: "bilinear" });
  const left = Math.floor(draw() * (background.width - width + 1));
  const top = Math.floor(draw() * (background.height - height + 1));
  const data = background.data.slice();
  const target = { ...background, data };
  dropShadow(target, left + width / 2, top + height * 0.94, width);
  laySprite(target, object, left, top);
  return target;
}

/** Darkens a soft ellipse around a point, as a light from above would. */
function dropShadow(image: Pixels, centerX: number, centerY: number, width: number): void {
  const bell = (size: number, center: number, radius: number) =>
    Float64Array.from({ length: size }, (_, i) => Math.exp(-(((i + 0.5 - center) / radius) ** 2)));
  const across = bell(image.width, centerX, width * 0.36);
  const down = bell(image.height, centerY, width * 0.09);
  for (let row = 0; row < image.height; row++) {
    if (down[row]! < 0.02) continue;
    for (let column = 0; column < image.width; column++) {
      const light = 1 - 0.35 * down[row]! * across[column]!;
      const at = (row * image.width + column) * 3;
      for (let c = at; c < at + 3; c++) image.data[c] = image.data[c]! * light;
    }
  }
}
