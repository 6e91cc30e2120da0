import { decodeImage, ImageError } from "../../images/decode.ts";
import { orientationOf, turned } from "../../images/orientation.ts";
import type { Pixels } from "../../images/pixels.ts";
import type { CocoImage } from "../coco/coco_set.ts";
import { readImageBytes } from "../image_files.ts";

/**
 * Reads an image in which objects were marked. Tools for that show images as their cameras say, and tell the size of what they
 * show: an image is turned so if it then has the size of its annotations.
 *
 * @param path The file.
 * @param size Height and width that the annotations tell.
 * @returns The image.
 * @throws {ImageError} If it cannot be read, or has another size, turned or not.
 */
export async function readUpright(
  path: string,
  { height, width }: Pick<CocoImage, "height" | "width">,
): Promise<Pixels> {
  const bytes = await readImageBytes(path);
  const image = await decodeImage(bytes, path);
  const orientation = orientationOf(bytes);
  const isExchanged = orientation >= 5;
  const has = (rows: number, columns: number) => rows === height && columns === width;
  if (isExchanged ? has(image.width, image.height) : has(image.height, image.width)) return turned(image, orientation);
  if (has(image.height, image.width)) return image;
  const tag = orientation === 1 ? "" : `, to be shown turned (orientation ${orientation})`;
  throw new ImageError(
    path,
    `it must have the ${height}×${width} pixels of its annotations: current size is ${image.height}×${image.width}${tag}`,
  );
}
