/** @file Images of several places with ids, read one after the other. */
import {
  type CocoImage,
  type CocoSet,
  dataKey,
  type Dataset,
  type Detection,
  drawsOf,
  ImageError,
  namedImages,
  type Pixels,
  type ShownSize,
} from "../../../data/mod.ts";

/** An image that is to be read. */
export interface NumberedImage {
  /** Its id in results. */
  readonly id: number;
  /** Its file. */
  readonly name: string;
  readonly dataset: Dataset;
  /** Its number in the data set. */
  readonly index: number;
  /** Height and width that its annotations tell; `null` without any. */
  readonly shown: ShownSize | null;
}

/** An image that was read. */
export interface ReadImage {
  readonly id: number;
  readonly name: string;
  readonly pixels: Pixels;
  /** Its place among all images. */
  readonly place: number;
}

/** An image, and what was found in it. */
export interface FoundImage extends Omit<ReadImage, "place"> {
  readonly detections: readonly Detection[];
}

/**
 * Numbers the images of several places.
 *
 * @param places Data sets.
 * @param set Annotations whose ids are taken, by the ends of paths; `null`: from 1.
 * @param tell Told if names of the annotations are not read as they stand.
 * @returns All images.
 * @throws {RangeError} If the annotations lack an image, or two images are one of them; naming it.
 */
export function imagesOf(
  places: readonly Dataset[],
  set: CocoSet | null,
  tell: (line: string) => void,
): readonly NumberedImage[] {
  const images = places.flatMap((dataset) =>
    Array.from({ length: dataset.length }, (_, index) => ({ dataset, index, name: dataset.nameOf(index) }))
  );
  const find = set ? finderIn(set, images.map(({ name }) => name), tell) : null;
  const numbered = images.map((image, i) => {
    const shown = find?.(image.name) ?? null;
    return { ...image, shown, id: shown?.id ?? i + 1 };
  });
  const seen = new Map<number, string>();
  for (const { id, name } of numbered) {
    const other = seen.get(id);
    if (other !== undefined) {
      throw new RangeError(
        `Cannot number images as each must be another one of the annotations: current ones are ${other} and ${name}, both ${id}`,
      );
    }
    seen.set(id, name);
  }
  return numbered;
}

/** Images by the paths of files, each of which must be one of them. */
function finderIn(
  { images }: CocoSet,
  paths: readonly string[],
  tell: (line: string) => void,
): (path: string) => CocoImage {
  const { form, imageOf } = namedImages(images, paths);
  if (form !== "as they stand") tell(`Names of the annotations are read ${form}`);
  return (path) => {
    const image = imageOf(path);
    if (image) return image;
    throw new RangeError(
      `Cannot number images as --annotations must have each of them: current image ${path} is not among its ${images.length}`,
    );
  };
}

/**
 * Reads images as they are shown, so many at once.
 *
 * @param images Of `imagesOf`.
 * @param size Images of a group.
 * @param onSkip Told of those that cannot be read.
 * @returns Groups in order, none empty.
 */
export async function* readInGroups(
  images: readonly NumberedImage[],
  size: number,
  onSkip: (name: string, reason: string) => void,
): AsyncGenerator<readonly ReadImage[], void, void> {
  let group: ReadImage[] = [];
  for (const [place, image] of images.entries()) {
    const { id, name } = image;
    try {
      group.push({ id, name, place, pixels: await pixelsOf(image) });
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      onSkip(name, error.reason);
    }
    if (group.length === size) {
      yield group;
      group = [];
    }
  }
  if (group.length > 0) yield group;
}

/** Objects are told in the frame in which people see an image: that of its annotations, else as its camera says. */
async function pixelsOf({ dataset, index, shown }: NumberedImage): Promise<Pixels> {
  return await (dataset.loadUpright?.(index, shown) ?? dataset.load(index, drawsOf(dataKey(0, index))));
}
