/** @file What annotations tell of a set of images, whatever form their files have. */
import type { Bounds, RunLengths } from "./run_lengths.ts";

/** An image of a set. */
export interface CocoImage {
  /** As the file has it. */
  readonly id: number;
  /** Path of the file, relative to the folder of images. */
  readonly name: string;
  /** In pixels. */
  readonly height: number;
  /** In pixels. */
  readonly width: number;
}

/** A kind of object. */
export interface CocoCategory {
  /** As the file has it; ids may have gaps. */
  readonly id: number;
  /** As the file has it. */
  readonly name: string;
}

/** Where an object is: polygons that together cover it, runs, or only a box. */
export type Segmentation = readonly (readonly number[])[] | RunLengths | null;

/** An object in an image. */
export interface CocoObject {
  /** As the file has it. */
  readonly id: number;
  /** Id of its image. */
  readonly image: number;
  /** Id of its category. */
  readonly category: number;
  /** Left, top, width, height in pixels. */
  readonly box: Bounds;
  /** In pixels, as the file has it; decides which range of sizes the object counts for. */
  readonly area: number;
  /** True for a region that holds many objects: detections in it are neither right nor wrong. */
  readonly crowd: boolean;
  /** Its pixels, if the file tells them. */
  readonly segmentation: Segmentation;
  /** True for one that is hard to see, as Pascal VOC has them: whether it is found counts neither for nor against. */
  readonly difficult?: boolean;
  /** True for one that goes on outside of the image, as Pascal VOC has them. */
  readonly truncated?: boolean;
}

/** Something of a file that is not used, or otherwise than it stands, and why. */
export interface Problem {
  /** What it is: `annotation`, `file`, … */
  readonly kind: string;
  /** Which one, such as `annotation 17`. */
  readonly what: string;
  /** Why it is not used; of a remark, what is to be said of it: `with a box beyond its image`. */
  readonly reason: string;
}

/** A set of images with their objects. */
export interface CocoSet {
  /** In the order of the file. */
  readonly images: readonly CocoImage[];
  /** By ascending id. */
  readonly categories: readonly CocoCategory[];
  /** In the order of the file. */
  readonly objects: readonly CocoObject[];
  /** What was left out, each with its reason. */
  readonly problems: readonly Problem[];
  /** What is used otherwise than it stands, or is likely to be an error; none if not given. */
  readonly remarks?: readonly Problem[];
}
