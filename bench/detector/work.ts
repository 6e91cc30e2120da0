/** @file What both sides of the comparison of detectors compute: sizes, weights, images with objects. */
import { type Detector, detector, resnet50 } from "../../nn/mod.ts";

/** Sizes of a step. */
export interface DetectorWork {
  /** Height and width of the images. */
  readonly size: number;
  readonly batch: number;
  /** Objects of each image. */
  readonly objects: number;
}

/** Classes, as torchvision counts them: with background. */
export const CLASSES = 91;

/** Rate and momentum of the descent. */
export const DESCENT = { learningRate: 1e-4, momentum: 0.9 } as const;

/** torchvision's maskrcnn_resnet50_fpn, whose norms are live where it starts from nothing. */
export function detectorModel(): Detector {
  return detector({ backbone: resnet50(), classes: CLASSES - 1, variant: "torchvision", backboneNorm: "live" });
}

/** An image with its objects: ellipses in boxes of many sizes, on noise. */
export interface Scene {
  /** `[size, size, 3]`, about 0. */
  readonly pixels: Float32Array;
  /** `[objects, 4]`. */
  readonly boxes: Float32Array;
  /** From 0. */
  readonly classes: Int32Array;
  /** `[objects, size, size]`. */
  readonly masks: Uint8Array;
}

/** The same numbers wherever they are made. */
function draws(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = Math.imul(state, 1664525) + 1013904223 >>> 0;
    return state / 2 ** 32;
  };
}

/**
 * Paints a scene.
 *
 * @param work Sizes.
 * @param seed Of all that is drawn.
 * @returns The scene; boxes have sides from 20 to 160 pixels, cut at the border.
 */
export function sceneOf({ size, objects }: DetectorWork, seed: number): Scene {
  const draw = draws(seed + 1);
  const pixels = Float32Array.from({ length: size * size * 3 }, () => 2 * draw() - 1);
  const boxes = new Float32Array(objects * 4);
  const classes = new Int32Array(objects);
  const masks = new Uint8Array(objects * size * size);
  for (let i = 0; i < objects; i++) {
    const side = () => Math.min(size / 2, 20 * 8 ** draw());
    const [width, height] = [side(), side()];
    const [left, top] = [draw() * (size - width), draw() * (size - height)];
    boxes.set([left, top, left + width, top + height], 4 * i);
    classes[i] = Math.floor(draw() * (CLASSES - 1));
    const colour = [draw(), draw(), draw()].map((x) => 3 * x - 1.5);
    for (let y = Math.ceil(top); y < top + height; y++) {
      for (let x = Math.ceil(left); x < left + width; x++) {
        const [dx, dy] = [(x - left) / width * 2 - 1, (y - top) / height * 2 - 1];
        if (dx * dx + dy * dy > 1 || x >= size || y >= size) continue;
        masks[(i * size + y) * size + x] = 1;
        colour.forEach((c, k) => pixels[(y * size + x) * 3 + k] = c + 0.1 * pixels[(y * size + x) * 3 + k]!);
      }
    }
  }
  return { pixels, boxes, classes, masks };
}
