/** @file Files of pictures of what was found. */
import { type CocoCategory, drawDetections, encodePng } from "../../../data/mod.ts";
import { enlargementFor } from "../../train/results/pictures.ts";
import type { FoundImage } from "./numbered_images.ts";

/**
 * Draws what was found in an image.
 *
 * @param found The image and its objects.
 * @param categories Their names.
 * @param least Objects that are less sure are not drawn.
 * @returns The bytes of a PNG file; small images are enlarged.
 */
export function pictureOf(
  { pixels, detections }: FoundImage,
  categories: readonly CocoCategory[],
  least: number,
): Uint8Array<ArrayBuffer> {
  const sure = detections.filter(({ score }) => score >= least);
  const names = new Map(categories.map(({ id, name }) => [id, name]));
  const enlarge = enlargementFor(pixels.height / 2); // twice as large as other pictures, as names need room
  return encodePng(drawDetections(pixels, sure, { names, enlarge }));
}

/**
 * Names pictures after their images, and by their ids too where names would be one.
 *
 * @param images Names and ids.
 * @returns File names, all different.
 */
export function pictureNames(images: readonly { readonly name: string; readonly id: number }[]): readonly string[] {
  const bare = images.map(({ name }) => name.slice(name.lastIndexOf("/") + 1).replace(/\.[^.]*$/, ""));
  const counts = Map.groupBy(bare, (name) => name);
  return bare.map((name, i) => counts.get(name)!.length > 1 ? `${name}_${images[i]!.id}.png` : `${name}.png`);
}
