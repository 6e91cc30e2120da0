/** @file Images with the objects in them, as detectors learn from them. */
import type { Box } from "../../images/scenes/placement.ts";
import type { Pixels } from "../../images/pixels.ts";
import type { Segmentation } from "../coco/coco_set.ts";

/** An object in an image. */
export interface SceneObject {
  /** Class, from 0. */
  readonly class: number;
  /** Left, top, right, bottom in pixels of the image. */
  readonly box: Box;
  /** Its pixels, if they are known: held as polygons or runs until they are needed. */
  readonly segmentation: Segmentation;
  /** True for a region that holds many objects: it is not learned from. */
  readonly crowd: boolean;
}

/** An image with its objects. */
export interface Scene {
  /** The image. */
  readonly image: Pixels;
  /** The objects. */
  readonly objects: readonly SceneObject[];
}
