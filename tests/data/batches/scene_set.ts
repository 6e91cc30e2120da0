/** @file Scenes whose objects are rectangles of one colour each, so that pixels, boxes and masks can be compared. */
import type { Dataset } from "../../../data/sets/dataset.ts";
import type { Scene, SceneObject } from "../../../data/sets/scenes/scene.ts";
import { boxMask } from "../../../data/sets/coco/polygon.ts";

/** How the pixels of objects are told. */
export type Kind = "polygons" | "runs" | "boxes";

/** What a set of scenes is made of. */
export interface SceneSetOptions {
  readonly sizes: readonly (readonly [height: number, width: number])[];
  readonly objects: number;
  readonly kind: Kind;
}

/** Objects are red, green and blue in turn, so bright, on black: their borders lie where half of it is reached. */
export const BRIGHT = 200;

/** Object `i` of a scene: they lie in columns side by side, so that none covers another. */
function objectOf(i: number, count: number, [height, width]: readonly [number, number], kind: Kind): SceneObject {
  const column = width / count;
  const x1 = Math.round((i + 0.1) * column);
  const x2 = Math.round((i + 0.9) * column);
  const [y1, y2] = [Math.round(height * (0.1 + 0.1 * (i % 3))), Math.round(height * (0.9 - 0.15 * (i % 2)))];
  const runs = boxMask([x1, y1, x2 - x1, y2 - y1], [height, width]);
  const segmentation = kind === "boxes" ? null : kind === "runs" ? runs : [[x1, y1, x1, y2, x2, y2, x2, y1]];
  return { class: i % 3, box: [x1, y1, x2, y2], segmentation, crowd: false };
}

function sceneOf(index: number, { sizes, objects: count, kind }: SceneSetOptions): Scene {
  const size = sizes[index]!;
  const [height, width] = size;
  const objects = Array.from({ length: count }, (_, i) => objectOf(i, count, size, kind));
  const data = new Uint8Array(height * width * 3);
  objects.forEach(({ box: [x1, y1, x2, y2] }, i) => {
    for (let y = y1; y < y2; y++) for (let x = x1; x < x2; x++) data[(y * width + x) * 3 + i % 3] = BRIGHT;
  });
  return { image: { width, height, channels: 3, data }, objects };
}

/**
 * Makes the set; workers too.
 *
 * @param options Sizes of the images, objects in each, and how their pixels are told.
 * @returns The data set.
 */
export function sceneSet(options: SceneSetOptions): Dataset {
  return {
    name: "rectangles",
    length: options.sizes.length,
    sizes: options.sizes,
    nameOf: (index) => `scene ${index}`,
    source: { module: import.meta.url, factory: "sceneSet", args: [options] },
    load: (index) => Promise.resolve(sceneOf(index, options).image),
    loadScene: (index) => Promise.resolve(sceneOf(index, options)),
  };
}
